# SPDX-License-Identifier: Apache-2.0
"""`@handler` and `@response_handler`: what a method of an executor takes, sends and yields.

A decorator reads the declaration once, when the class body runs, records it on the function as a
`HandlerSpec` and gives the function back. Every mistake that can be seen without an instance is
raised there and names the method.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Optional, TypeVar, Union, get_type_hints, overload

from holdfast.definition.retry import ONCE, Retry, Tries, tries
from holdfast.errors import DefinitionError
from holdfast.workflow.context_types import Types, context_types
from holdfast.workflow.declared import Declared
from holdfast.workflow.typing_match import flatten_union, has_typevar, is_type_form, matcher

F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "__holdfast_handler__"
_MESSAGE_PARAMETERS: Final = ("self", "message", "ctx")
_RESPONSE_PARAMETERS: Final = ("self", "original_request", "response", "ctx")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerSpec:
    """What one handler declared.

    message_type: of the message, or of the original request for a response handler.
    function: called as `function(executor, message, ctx)`, for a response handler as
    `function(executor, original_request, response, ctx)`; in a thread when is_sync.
    sends, yields: the declared types of both, to ask about values. tries: how often and how long
    it is called; the executor says what is left open.
    """

    kind: Literal["message", "response"]
    name: str
    message_type: Any
    response_type: Any = None
    output_types: Types
    workflow_output_types: Types
    function: Callable[..., Any]
    is_sync: bool = False
    tries: Tries = ONCE
    sends: Declared = field(init=False, repr=False, compare=False)
    yields: Declared = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sends", Declared(self.output_types))
        object.__setattr__(self, "yields", Declared(self.workflow_output_types))


@overload
def handler(function: F, /) -> F: ...


@overload
def handler(
    *,
    input: Any = None,
    output: Any = None,
    workflow_output: Any = None,
    retry: Retry | None = None,
    timeout_s: float | None = None,
) -> Callable[[F], F]: ...


def handler(
    function: F | None = None,
    /,
    *,
    input: Any = None,
    output: Any = None,
    workflow_output: Any = None,
    retry: Retry | None = None,
    timeout_s: float | None = None,
) -> F | Callable[[F], F]:
    """Declare a method `async (self, message, ctx)` as the handler of one type of message.

    Bare, the types come from the annotations. With any type, annotations are ignored: input is
    required, the others default to nothing. A type may be given as text, read in the module.
    retry: call it again when it fails. timeout_s: fail a call that takes longer, with
    HandlerTimeout. Either is the executor's own where it is not given here.
    Raises: DefinitionError (a ValueError) for a declaration that cannot work; NameError for an
    unknown name in a type given as text.
    """
    how = tries(retry, timeout_s)
    given = {"input": input, "output": output, "workflow_output": workflow_output}

    def declare(method: F) -> F:
        parameters = _parameters(method, _MESSAGE_PARAMETERS)
        if _nothing(given):
            types_in = (_annotated(method, parameters[1]),)
            sends, yields = _context(method, parameters[2])
        else:
            types_in = (_explicit(method, "input", given),)
            sends, yields = _explicit_outputs(method, given)
        return _record(method, types_in, (sends, yields), how)

    return declare if function is None else declare(function)


@overload
def response_handler(function: F, /) -> F: ...


@overload
def response_handler(
    *,
    request: Any = None,
    response: Any = None,
    output: Any = None,
    workflow_output: Any = None,
    retry: Retry | None = None,
    timeout_s: float | None = None,
) -> Callable[[F], F]: ...


def response_handler(
    function: F | None = None,
    /,
    *,
    request: Any = None,
    response: Any = None,
    output: Any = None,
    workflow_output: Any = None,
    retry: Retry | None = None,
    timeout_s: float | None = None,
) -> F | Callable[[F], F]:
    """Declare a method `async (self, original_request, response, ctx)` as taker of answers.

    Bare, the types come from the annotations. With any type, annotations are ignored: request
    and response are required. The rest, and what is raised, is as for `handler`.
    """
    # Many parameters because: they are the documented keywords of a handler.
    how = tries(retry, timeout_s)
    given = {
        "request": request,
        "response": response,
        "output": output,
        "workflow_output": workflow_output,
    }

    def declare(method: F) -> F:
        parameters = _parameters(method, _RESPONSE_PARAMETERS)
        if _nothing(given):
            types_in = (_annotated(method, parameters[1]), _annotated(method, parameters[2]))
            sends, yields = _context(method, parameters[3])
        else:
            types_in = (_explicit(method, "request", given), _explicit(method, "response", given))
            sends, yields = _explicit_outputs(method, given)
        return _record(method, types_in, (sends, yields), how)

    return declare if function is None else declare(function)


def handler_spec(member: object) -> HandlerSpec | None:
    """Give what a decorator recorded on a class member, if one did."""
    if not isinstance(member, types.FunctionType):
        return None
    spec = member.__dict__.get(_MARK)
    return spec if isinstance(spec, HandlerSpec) else None


def resolve_type(form: Any, function: Callable[..., Any]) -> Any:
    """Give the type behind text and forward references, read in the function's module.

    Raises: NameError for an unknown name, DefinitionError for text that is no type.
    """
    holder = types.SimpleNamespace(__annotations__={"form": form})
    names = getattr(function, "__globals__", {})
    known = {"Union": Union, "Optional": Optional}
    try:
        return get_type_hints(holder, names, known)["form"]
    except SyntaxError as error:
        raise DefinitionError(
            f"{function.__qualname__}: {form!r} is not a type: {error}"
        ) from error


def checked_type(form: Any, place: str) -> Any:
    """Give the type back if values can be told to be of it. place: begins the error's text."""
    if not is_type_form(form):
        raise DefinitionError(f"{place} is {form!r}, which is not a type")
    if has_typevar(form):
        raise DefinitionError(
            f"{place} has a type variable: {form!r}",
            hint="Use concrete types: @handler(input=..., output=..., workflow_output=...).",
        )
    try:
        matcher(form)
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error.message}", hint=error.hint) from error
    return form


def resolved_annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Give the type a parameter is annotated with. Raises: DefinitionError if there is none."""
    place = f"{function.__qualname__}: parameter {parameter.name!r}"
    if parameter.annotation is inspect.Parameter.empty:
        raise DefinitionError(f"{place} has no annotation", hint="Annotate it with its type.")
    try:
        return resolve_type(parameter.annotation, function)
    except NameError as error:
        raise DefinitionError(
            f"{place} is annotated {parameter.annotation!r}, and {error}",
            hint="Define the name in the module, before the class; or give the types explicitly.",
        ) from error


def checked_context(function: Callable[..., Any], annotation: Any) -> tuple[Types, Types]:
    """Give what a context annotation lets a function send and yield."""
    place = f"{function.__qualname__}: the context"
    try:
        sends, yields = context_types(annotation)
    except DefinitionError as error:
        raise DefinitionError(
            f"{place}: {error.message}",
            hint="Annotate it WorkflowContext, WorkflowContext[Sends] or "
            "WorkflowContext[Sends, Yields].",
        ) from error
    for form in (*sends, *yields):
        checked_type(form, place)
    return sends, yields


def _parameters(method: Callable[..., Any], wanted: tuple[str, ...]) -> list[inspect.Parameter]:
    shape = f"async def {{}}({', '.join(wanted)})"
    if not isinstance(method, types.FunctionType):
        raise DefinitionError(f"{method!r} is not a method", hint="Put the decorator innermost.")
    name = method.__qualname__
    if handler_spec(method) is not None:
        raise DefinitionError(f"{name} is declared as a handler twice")
    parameters = list(inspect.signature(method).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) != len(wanted) or any(p.kind not in positional for p in parameters):
        raise DefinitionError(
            f"{name} must have exactly {len(wanted)} parameters ({', '.join(wanted)}), "
            f"and has {len(parameters)}",
            hint=f"Write it as {shape.format(method.__name__)}.",
        )
    if not inspect.iscoroutinefunction(method):
        raise DefinitionError(
            f"{name} is not async", hint=f"Write it as {shape.format(method.__name__)}."
        )
    return parameters


def _nothing(given: dict[str, Any]) -> bool:
    return all(value is None for value in given.values())


def _annotated(method: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    form = resolved_annotation(method, parameter)
    return checked_type(form, f"{method.__qualname__}: the type of {parameter.name!r}")


def _context(method: Callable[..., Any], parameter: inspect.Parameter) -> tuple[Types, Types]:
    return checked_context(method, resolved_annotation(method, parameter))


def _explicit(method: Callable[..., Any], keyword: str, given: dict[str, Any]) -> Any:
    if given[keyword] is None:
        others = ", ".join(name for name, value in given.items() if value is not None)
        raise DefinitionError(
            f"{method.__qualname__}: {keyword}= is missing; with {others}= given, annotations "
            "are not read",
            hint=f"Add {keyword}=, or give no type at all.",
        )
    return explicit_type(method, keyword, given[keyword])


def explicit_type(function: Callable[..., Any], keyword: str, form: Any) -> Any:
    """Give the type that a decorator's keyword names."""
    return checked_type(resolve_type(form, function), f"{function.__qualname__}: {keyword}=")


def explicit_union(function: Callable[..., Any], keyword: str, form: Any) -> Types:
    """Give the types that a decorator's keyword names; none when it was not given."""
    if form is None:
        return ()
    place = f"{function.__qualname__}: {keyword}="
    return tuple(checked_type(one, place) for one in flatten_union(resolve_type(form, function)))


def _explicit_outputs(method: Callable[..., Any], given: dict[str, Any]) -> tuple[Types, Types]:
    return (
        explicit_union(method, "output", given["output"]),
        explicit_union(method, "workflow_output", given["workflow_output"]),
    )


def _record(method: F, types_in: tuple[Any, ...], types_out: tuple[Types, Types], how: Tries) -> F:
    spec = HandlerSpec(
        kind="message" if len(types_in) == 1 else "response",
        name=method.__name__,
        message_type=types_in[0],
        response_type=types_in[1] if len(types_in) > 1 else None,
        output_types=types_out[0],
        workflow_output_types=types_out[1],
        function=method,
        tries=how,
    )
    setattr(method, _MARK, spec)
    return method
