# SPDX-License-Identifier: Apache-2.0
"""Answers to requests, checked before any of them is consumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import AnswerRefused, RunError, WaitNotFound
from holdfast.workflow.responses import fitting_answer, open_waits
from holdfast.workflow.running import GraphRun


class UnknownRequest(WaitNotFound, ValueError):
    """An unknown request id: a KeyError as for every wait, a ValueError as workflows expect."""


def checked_answers(graph: GraphRun, responses: Mapping[str, Any]) -> dict[str, Any]:
    """The answers in the types their handlers take; nothing is consumed.

    Raises: RunError if nothing is asked, UnknownRequest for an unknown id, AnswerRefused for an
    answer of another type than was asked for, or one that no handler takes.
    """
    asked = open_waits(graph.run)
    run_id = graph.run.run_id
    if not asked:
        raise RunError(
            "no request is open", run_id=run_id, hint="Continue the run with run(resume=True)."
        )
    if not responses:
        raise AnswerRefused(
            f"responses= holds no answer; open: {', '.join(asked)}",
            run_id=run_id,
            hint="Answer one or more of the open requests.",
        )
    found: dict[str, Any] = {}
    for request_id, value in responses.items():
        wait = asked.get(request_id)
        if wait is None:
            raise UnknownRequest(
                f"no open request {request_id!r}; open: {', '.join(asked)}",
                run_id=run_id,
                wait_id=request_id,
            )
        form = graph.response_types.get(request_id)
        found[request_id] = fitting_answer(graph.run, graph.executors, wait, value, form)
    return found
