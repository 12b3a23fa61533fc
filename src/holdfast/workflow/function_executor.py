# SPDX-License-Identifier: Apache-2.0
"""Functions as executors: `@executor` on `(message)` or `(message, ctx)`, async or not.

A function executor holds nothing between messages, so any number of runs may share it. A sync
function runs in a worker thread: there it may use what the context offers without `await`
(`get_state`, `set_state`), and cannot send or yield.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any, overload

from holdfast.definition.retry import Retry
from holdfast.errors import DefinitionError
from holdfast.workflow.context_types import Types
from holdfast.workflow.executor import Executor
from holdfast.workflow.handler_table import HandlerTable
from holdfast.workflow.handlers import (
    HandlerSpec,
    checked_context,
    checked_type,
    explicit_type,
    explicit_union,
    resolved_annotation,
)


class FunctionExecutor(Executor):
    """An executor made of one function; its id is the function's name unless given.

    input, output, workflow_output: each takes the place of the annotation it names. retry: call
    it again when it fails. timeout_s: fail a call that takes longer, with HandlerTimeout. What
    the function returns is ignored: results go through the context.
    Raises: DefinitionError for a function of another shape, or without a type for its message.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        id: str | None = None,
        *,
        input: Any = None,
        output: Any = None,
        workflow_output: Any = None,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> None:
        # Many parameters because: they are the documented keywords of `executor`.
        self._parameters = _parameters(func)
        self._function = func
        explicit = any(form is not None for form in (input, output, workflow_output))
        sends, yields = self._annotated_outputs(required=not explicit)
        if output is not None:
            sends = explicit_union(func, "output", output)
        if workflow_output is not None:
            yields = explicit_union(func, "workflow_output", workflow_output)
        self._spec = HandlerSpec(
            kind="message",
            name=func.__name__,
            message_type=self._message_type(input),
            output_types=sends,
            workflow_output_types=yields,
            function=self._adapted(),
            is_sync=not inspect.iscoroutinefunction(func),
        )
        name = func.__name__ if id is None else id
        super().__init__(name, type="FunctionExecutor", retry=retry, timeout_s=timeout_s)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function as if it had not been decorated."""
        return self._function(*arguments, **named)

    @property
    def is_sync(self) -> bool:
        """Whether the function runs in a thread."""
        return self._spec.is_sync

    @property
    def returns_in_vain(self) -> bool:
        """Whether the function says that it returns something and has no context to send it."""
        if len(self._parameters) > 1:
            return False
        returned = inspect.signature(self._function).return_annotation
        return returned not in (inspect.Signature.empty, None, "None")

    def _handlers(self) -> HandlerTable:
        return HandlerTable((self._spec,))

    def _message_type(self, given: Any) -> Any:
        if given is not None:
            return explicit_type(self._function, "input", given)
        message = self._parameters[0]
        form = resolved_annotation(self._function, message)
        return checked_type(form, f"{self._function.__qualname__}: the type of {message.name!r}")

    def _annotated_outputs(self, *, required: bool) -> tuple[Types, Types]:
        if len(self._parameters) == 1:
            return (), ()
        context = self._parameters[1]
        if context.annotation is inspect.Parameter.empty and not required:
            return (), ()
        return checked_context(self._function, resolved_annotation(self._function, context))

    def _adapted(self) -> Callable[..., Any]:
        """Give the function in the shape of a handler: executor, message, context."""
        function = self._function
        if len(self._parameters) == 1:
            return lambda _executor, message, _context: function(message)
        return lambda _executor, message, context: function(message, context)


@overload
def executor(function: Callable[..., Any], /) -> FunctionExecutor: ...


@overload
def executor(
    *,
    id: str | None = None,
    input: Any = None,
    output: Any = None,
    workflow_output: Any = None,
    retry: Retry | None = None,
    timeout_s: float | None = None,
) -> Callable[[Callable[..., Any]], FunctionExecutor]: ...


def executor(
    function: Callable[..., Any] | None = None,
    /,
    *,
    id: str | None = None,
    input: Any = None,
    output: Any = None,
    workflow_output: Any = None,
    retry: Retry | None = None,
    timeout_s: float | None = None,
) -> FunctionExecutor | Callable[[Callable[..., Any]], FunctionExecutor]:
    """Make a function an executor. Keywords and errors are those of `FunctionExecutor`."""
    # Many parameters because: they are the documented keywords of an executor.

    def make(func: Callable[..., Any]) -> FunctionExecutor:
        return FunctionExecutor(
            func,
            id,
            input=input,
            output=output,
            workflow_output=workflow_output,
            retry=retry,
            timeout_s=timeout_s,
        )

    return make if function is None else make(function)


def _parameters(func: object) -> list[inspect.Parameter]:
    if not isinstance(func, types.FunctionType):
        raise DefinitionError(
            f"{func!r} is not a function",
            hint="Decorate a plain function; for methods, write a class with @handler.",
        )
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise DefinitionError(
            f"{func.__qualname__} is a generator", hint="Send values through the context."
        )
    parameters = list(inspect.signature(func).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) not in (1, 2) or any(p.kind not in positional for p in parameters):
        raise DefinitionError(
            f"{func.__qualname__} must have one or two parameters, and has {len(parameters)}",
            hint="Write it as (message) or (message, ctx).",
        )
    return parameters
