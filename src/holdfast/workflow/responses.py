# SPDX-License-Identifier: Apache-2.0
"""Which type a request asks for, and which handler of its executor takes an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.errors import AnswerRefused
from holdfast.machine.run import Run, Wait
from holdfast.workflow.coercion import MISFIT, coerced
from holdfast.workflow.executor import Executor
from holdfast.workflow.handlers import HandlerSpec
from holdfast.workflow.typing_match import fits, flatten_union, is_instance_of

BUILT_IN = {form.__name__: form for form in (bool, int, float, str, bytes, list, dict, set, tuple)}


def open_waits(run: Run) -> dict[str, Wait]:
    """The requests that the outside has not answered, by id.

    Those that a graph was offered by its sub-workflow are not among them.
    """
    return {w.id: w for w in run.waits.values() if not w.answered and not w.via}


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


def fitting_answer(
    run: Run, executors: Mapping[str, Executor], wait: Wait, value: Any, form: Any = None
) -> Any:
    """An answer in the type that its handler takes. form: what was asked for, if that is known.

    Raises: AnswerRefused.
    """
    assert wait.origin is not None
    executor = executors[wait.origin.node]
    form = form or response_form(executor, wait)
    asked = value if form is None else coerced(value, form)
    if asked is not MISFIT:
        payload, spec = response_for(executor, wait.payload, asked)
        if spec is not None:
            return payload
    why = "expected" if asked is MISFIT else "no response handler takes it; expected"
    raise AnswerRefused(
        f"response to {wait.id!r}: {why} {wait.expects}; found {type(value).__name__}",
        run_id=run.run_id,
        wait_id=wait.id,
        problems=(f"expected {wait.expects}",),
    )


def is_answerable(executor: Executor, request: Any, response_type: Any) -> bool:
    """Whether a response handler takes some answer of this type to the request."""
    forms = [
        spec.response_type
        for spec in executor.handler_specs
        if spec.kind == "response" and is_instance_of(request, spec.message_type)
    ]
    members = flatten_union(response_type)
    return any(fits(member, form) for member in members for form in forms)


def type_name(form: Any) -> str:
    """How a type form is named in a record: a class by its qualified name."""
    return form.__qualname__ if isinstance(form, type) else str(form)


def response_form(executor: Executor, wait: Wait) -> Any:
    """The type that a request asks for, found again by its name; None if nobody names it."""
    for form in _named(executor):
        if type_name(form) == wait.expects:
            return form
    return BUILT_IN.get(wait.expects or "")


def _named(executor: Executor) -> Iterator[Any]:
    for spec in executor.handler_specs:
        if spec.kind == "response":
            yield spec.response_type
            yield from flatten_union(spec.response_type)
