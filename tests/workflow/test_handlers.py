# SPDX-License-Identifier: Apache-2.0
"""Declaring handlers: what is recorded, and every mistake that is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Never, TypedDict, TypeVar

import pytest

from holdfast.errors import DefinitionError
from holdfast.workflow.context_types import ContextAnnotations
from holdfast.workflow.handlers import HandlerSpec, handler, handler_spec, response_handler

T = TypeVar("T")
Context = ContextAnnotations


class Question: ...


class Row(TypedDict):
    key: str


def spec_of(function: Any) -> HandlerSpec:
    """What the decorator recorded."""
    spec = handler_spec(function)
    assert spec is not None
    return spec


def test_annotations_are_read() -> None:
    """The message's type is the annotation; the context says what is sent and yielded."""

    @handler
    async def take(self, message: int | str, ctx: Context[bytes | None, float]) -> None: ...

    spec = spec_of(take)
    assert (spec.kind, spec.name, spec.message_type) == ("message", "take", int | str)
    assert spec.output_types == (bytes, type(None))
    assert spec.workflow_output_types == (float,)
    assert spec.response_type is None


def test_keywords_take_the_place_of_all_annotations() -> None:
    """With any keyword given, annotations are ignored and outputs default to nothing."""

    @handler(input="int | Question", output="Union[str, Optional[bytes]]")
    async def take(self, message: float, ctx) -> None: ...

    spec = spec_of(take)
    assert spec.message_type == int | Question
    assert spec.output_types == (str, bytes, type(None))
    assert spec.workflow_output_types == ()


def test_a_response_handler_records_both_types() -> None:
    """An answer is chosen by the type of the request and of the response."""

    @response_handler
    async def take(self, original_request: Question, response: bool, ctx: Context) -> None: ...

    @response_handler(request=Question, response="bool", workflow_output=str)
    async def explicit(self, original_request, response, ctx) -> None: ...

    for function, yields in ((take, ()), (explicit, (str,))):
        spec = spec_of(function)
        assert (spec.kind, spec.message_type, spec.response_type) == ("response", Question, bool)
        assert spec.workflow_output_types == yields


def test_a_declared_handler_can_still_be_called() -> None:
    """A decorator records and gives the same function back."""

    @handler(input=int)
    async def take(self, message, ctx) -> int:
        return message + 1

    assert asyncio.run(take(None, 1, None)) == 2
    assert spec_of(take).function is take


def test_brackets_without_keywords_mean_the_bare_form() -> None:
    """`@handler()` reads annotations."""

    @handler()
    async def take(self, message: int, ctx: Context) -> None: ...

    assert spec_of(take).message_type is int


async def _no_message(self, message, ctx: Context) -> None: ...
async def _no_context(self, message: int, ctx) -> None: ...
async def _wrong_context(self, message: int, ctx: int) -> None: ...
async def _number_in_context(self, message: int, ctx: Context[1]) -> None: ...
async def _two(self, message: int) -> None: ...
async def _four(self, message: int, more: int, ctx: Context) -> None: ...
async def _keyword_only(self, message: int, *, ctx: Context) -> None: ...
async def _variable(self, message: list[T], ctx: Context) -> None: ...
async def _variable_in_context(self, message: int, ctx: Context[dict[str, T]]) -> None: ...
async def _unknown(self, message: Missing, ctx: Context) -> None: ...  # noqa: F821
async def _broken(self, message: int, ctx: Context) -> None: ...
async def _typed_dict(self, message: Row, ctx: Context) -> None: ...
async def _typed_dict_sent(self, message: int, ctx: Context[Row]) -> None: ...
async def _never(self, message: Never, ctx: Context) -> None: ...
def _not_async(self, message: int, ctx: Context) -> None: ...


_broken.__annotations__["message"] = "int |"


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (_no_message, "no_message: parameter 'message' has no annotation"),
        (_no_context, "no_context: parameter 'ctx' has no annotation"),
        (_wrong_context, "is not a WorkflowContext"),
        (_number_in_context, "is not a type"),
        (_two, r"exactly 3 parameters \(self, message, ctx\), and has 2"),
        (_four, "exactly 3 parameters .* and has 4"),
        (_keyword_only, "exactly 3 parameters"),
        (_variable, "has a type variable"),
        (_variable_in_context, "has a type variable"),
        (_unknown, "name 'Missing' is not defined"),
        (_broken, "is not a type"),
        (_typed_dict, "No value can be tested against Row"),
        (_typed_dict_sent, "No value can be tested against Row"),
        (_not_async, "not_async is not async"),
    ],
)
def test_a_bad_declaration_is_a_value_error_that_names_the_method(
    function: Callable[..., Any], text: str
) -> None:
    """Every mistake of the introspected form is raised while the class body runs."""
    with pytest.raises(ValueError, match=text) as caught:
        handler(function)

    assert isinstance(caught.value, DefinitionError)
    assert function.__name__ in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "error", "text"),
    [
        ({"output": str}, ValueError, "input= is missing; with output= given"),
        ({"workflow_output": str}, ValueError, "input= is missing"),
        ({"input": list[T]}, ValueError, "has a type variable"),
        ({"input": int, "output": T}, ValueError, "output= has a type variable"),
        ({"input": 1}, ValueError, "is 1, which is not a type"),
        ({"input": "int |"}, ValueError, "is not a type"),
        ({"input": "Missing"}, NameError, "Missing"),
        ({"input": int, "output": "Missing"}, NameError, "Missing"),
        ({"input": Row}, ValueError, "No value can be tested against Row"),
    ],
)
def test_a_bad_keyword_is_told(keywords: dict[str, Any], error: type[Exception], text: str) -> None:
    """Explicit types are checked alike; an unknown name in text is a NameError."""

    async def take(self, message, ctx) -> None: ...

    with pytest.raises(error, match=text):
        handler(**keywords)(take)


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"request": int}, "response= is missing; with request= given"),
        ({"response": int}, "request= is missing"),
        ({"output": int}, "request= is missing"),
        ({"request": int, "response": list[T]}, "response= has a type variable"),
    ],
)
def test_a_response_handler_needs_both_types(keywords: dict[str, Any], text: str) -> None:
    """In the explicit form, request and response are both required."""

    async def take(self, original_request, response, ctx) -> None: ...

    with pytest.raises(ValueError, match=text):
        response_handler(**keywords)(take)


async def _response_three(self, original_request: int, ctx: Context) -> None: ...
async def _response_bare(self, original_request: int, response, ctx: Context) -> None: ...
async def _response_variable(self, original_request: T, response: int, ctx: Context) -> None: ...


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (_response_three, "exactly 4 parameters"),
        (_response_bare, "parameter 'response' has no annotation"),
        (_response_variable, "has a type variable"),
    ],
)
def test_a_bad_response_handler_is_told(function: Callable[..., Any], text: str) -> None:
    """Count, annotations and type variables are checked as for messages."""
    with pytest.raises(ValueError, match=text):
        response_handler(function)


def test_a_method_is_declared_once_and_innermost() -> None:
    """Two decorators on one method, and a decorator on a static method, are errors."""

    @handler(input=int)
    async def take(self, message, ctx) -> None: ...

    with pytest.raises(DefinitionError, match="twice"):
        response_handler(request=int, response=int)(handler(input=int)(take))
    with pytest.raises(DefinitionError, match="not a method"):
        handler(staticmethod(take))


def test_a_message_of_type_never_is_refused() -> None:
    """A handler that nothing can reach is a mistake."""
    with pytest.raises(DefinitionError, match="Never"):
        handler(_never)


def test_other_members_carry_no_declaration() -> None:
    """Plain functions and values of a class are no handlers."""
    assert handler_spec(_no_message) is None
    assert handler_spec(3) is None
