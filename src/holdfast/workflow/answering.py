# SPDX-License-Identifier: Apache-2.0
"""Answers to requests, checked before any of them is consumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import AlreadyAnswered, AnswerRefused, RunError, WaitExpired, WaitNotFound
from holdfast.machine import waits
from holdfast.workflow.responses import fitting_answer, open_waits
from holdfast.workflow.running import GraphRun


class UnknownRequest(WaitNotFound, ValueError):
    """An unknown request id: a KeyError as for every wait, a ValueError as workflows expect."""


def checked_answers(graph: GraphRun, responses: Mapping[str, Any]) -> dict[str, Any]:
    """The answers in the types their handlers take; nothing is consumed.

    Raises: RunError if nothing is asked, UnknownRequest for an unknown id, WaitExpired and the
    like for one that was settled, AnswerRefused for an answer of another type than was asked for,
    or one that no handler takes.
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
            _refuse(graph, request_id, ", ".join(asked))
        elif wait.deadline is not None and wait.deadline <= graph.live.clock.now():
            raise WaitExpired(
                f"the deadline of request {request_id!r} has passed",
                run_id=run_id,
                wait_id=request_id,
            )
        else:
            form = graph.response_types.get(request_id)
            found[request_id] = fitting_answer(graph.run, graph.executors, wait, value, form)
    return found


def _refuse(graph: GraphRun, request_id: str, asked: str) -> None:
    """Say why a request that is not open takes no answer."""
    run_id = graph.run.run_id
    try:
        waits.judge(graph.run, request_id, None, None)
    except (WaitNotFound, AlreadyAnswered) as error:
        text = f"no open request {request_id!r}; open: {asked}"
        raise UnknownRequest(text, run_id=run_id, wait_id=request_id) from error
