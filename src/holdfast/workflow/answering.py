# SPDX-License-Identifier: Apache-2.0
"""Answers to requests, checked before any of them is consumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import AnswerRefused, RunError, WaitNotFound
from holdfast.machine.run import Wait
from holdfast.workflow.coercion import MISFIT, coerced
from holdfast.workflow.responses import open_waits, response_for, response_form
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
    fitting: dict[str, Any] = {}
    for request_id, value in responses.items():
        wait = asked.get(request_id)
        if wait is None:
            raise UnknownRequest(
                f"no open request {request_id!r}; open: {', '.join(asked)}",
                run_id=run_id,
                wait_id=request_id,
            )
        fitting[request_id] = _fitting(graph, wait, value)
    return fitting


def _fitting(graph: GraphRun, wait: Wait, value: Any) -> Any:
    assert wait.origin is not None
    executor = graph.executors[wait.origin.node]
    form = graph.response_types.get(wait.id) or response_form(executor, wait)
    asked = value if form is None else coerced(value, form)
    if asked is not MISFIT:
        payload, spec = response_for(executor, wait.payload, asked)
        if spec is not None:
            return payload
    why = "expected" if asked is MISFIT else "no response handler takes it; expected"
    raise AnswerRefused(
        f"response to {wait.id!r}: {why} {wait.expects}; found {type(value).__name__}",
        run_id=graph.run.run_id,
        wait_id=wait.id,
        problems=(f"expected {wait.expects}",),
    )
