# SPDX-License-Identifier: Apache-2.0
"""Which type a request asks for, and which handler of its executor takes an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.machine.run import Run, Wait
from holdfast.workflow.coercion import MISFIT, coerced
from holdfast.workflow.executor import Executor
from holdfast.workflow.handlers import HandlerSpec
from holdfast.workflow.typing_match import flatten_union

_BUILT_IN = {form.__name__: form for form in (bool, int, float, str, bytes, list, dict, set, tuple)}


def open_waits(run: Run) -> dict[str, Wait]:
    """The requests that nobody has answered, by id."""
    return {wait.id: wait for wait in run.waits.values() if not wait.answered}


def response_for(executor: Executor, request: Any, answer: Any) -> tuple[Any, HandlerSpec | None]:
    """An answer in the type that a response handler takes, and that handler; or None."""
    spec = executor.find_response_handler(request, answer)
    if spec is not None:
        return answer, spec
    for candidate in executor.handler_specs:
        if candidate.kind != "response":
            continue
        fitting = coerced(answer, candidate.response_type)
        if fitting is MISFIT:
            continue
        spec = executor.find_response_handler(request, fitting)
        if spec is not None:
            return fitting, spec
    return answer, None


def type_name(form: Any) -> str:
    """How a type form is named in a record: a class by its qualified name."""
    return form.__qualname__ if isinstance(form, type) else str(form)


def response_form(executor: Executor, wait: Wait) -> Any:
    """The type that a request asks for, found again by its name; None if nobody names it."""
    for form in _named(executor):
        if type_name(form) == wait.expects:
            return form
    return _BUILT_IN.get(wait.expects or "")


def _named(executor: Executor) -> Iterator[Any]:
    for spec in executor.handler_specs:
        if spec.kind == "response":
            yield spec.response_type
            yield from flatten_union(spec.response_type)
