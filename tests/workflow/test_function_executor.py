# SPDX-License-Identifier: Apache-2.0
"""Functions as executors: shapes, types, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import pytest

from holdfast.errors import DefinitionError
from holdfast.workflow.context_types import ContextAnnotations
from holdfast.workflow.function_executor import FunctionExecutor, executor

T = TypeVar("T")
Context = ContextAnnotations


@executor
async def shout(message: str, ctx: Context[str, int]) -> None:
    """Send it on in capitals."""
    await ctx.send_message(message.upper())


@executor(id="counter", output=int)
def count(message: list[str], ctx) -> None:
    """Count the words."""


def test_a_function_becomes_a_ready_executor() -> None:
    """The id is the function's name, the type says that it is a function."""
    assert shout.to_dict() == {"id": "shout", "type": "FunctionExecutor"}
    assert (shout.input_types, shout.output_types) == ([str], [str])
    assert shout.workflow_output_types == [int]
    assert not shout.is_sync
    assert not shout.has_hooks


def test_an_id_and_single_types_may_be_given() -> None:
    """Each keyword takes the place of one annotation; the others are still read."""
    assert count.id == "counter"
    assert (count.input_types, count.output_types) == ([list[str]], [int])
    assert count.is_sync


def test_an_explicit_type_overrides_the_annotation_it_replaces() -> None:
    """input= replaces the message's type and leaves what the context says."""

    def both(message: str, ctx: Context[int, float]) -> None: ...

    made = FunctionExecutor(both, input="bytes | None", workflow_output=bool)
    assert made.input_types == [bytes | None]
    assert (made.output_types, made.workflow_output_types) == ([int], [bool])


def test_every_function_is_called_as_a_handler_is() -> None:
    """The handler takes executor, message and context, whatever the function takes."""

    @executor
    def only_message(message: int) -> int:
        return message + 1

    @executor(input=int)
    async def both(message, ctx) -> Any:
        return (message, ctx)

    spec = only_message.find_handler(1)
    assert spec is not None
    assert spec.is_sync
    assert spec.function(only_message, 1, "context") == 2
    spec = both.find_handler(1)
    assert spec is not None
    assert not spec.is_sync
    assert asyncio.run(spec.function(both, 1, "context")) == (1, "context")


def test_the_function_can_still_be_called() -> None:
    """A decorator gives something that can be called as before."""

    @executor(input=int)
    def double(message):
        return message * 2

    assert double(4) == 8


def test_a_return_value_that_nobody_gets_is_noticed() -> None:
    """A function without a context that says it returns something probably expects a sending."""

    def returning(message: int) -> int: ...
    def nothing(message: int) -> None: ...
    def unsaid(message: int): ...
    def sending(message: int, ctx: Context) -> int: ...

    found = [
        FunctionExecutor(func).returns_in_vain for func in (returning, nothing, unsaid, sending)
    ]
    assert found == [True, False, False, False]


def _bare(message): ...
def _bare_context(message: int, ctx): ...
def _wrong_context(message: int, ctx: int): ...
def _none(): ...
def _three(message: int, ctx: Context, more: int): ...
def _starred(*message: int): ...
def _variable(message: list[T]): ...
def _unknown(message: Missing): ...  # noqa: F821


def _generator(message: int):
    yield message


async def _async_generator(message: int):
    yield message


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (_bare, "parameter 'message' has no annotation"),
        (_bare_context, "parameter 'ctx' has no annotation"),
        (_wrong_context, "is not a WorkflowContext"),
        (_none, "one or two parameters, and has 0"),
        (_three, "one or two parameters, and has 3"),
        (_starred, "one or two parameters"),
        (_variable, "has a type variable"),
        (_unknown, "name 'Missing' is not defined"),
        (_generator, "is a generator"),
        (_async_generator, "is a generator"),
        (staticmethod(count), "is not a function"),
        (classmethod(count), "is not a function"),
        (print, "is not a function"),
        (Context, "is not a function"),
    ],
)
def test_a_function_of_another_shape_is_refused(function: Any, text: str) -> None:
    """One or two parameters, a type for the message, no method in disguise."""
    with pytest.raises(ValueError, match=text) as caught:
        executor(function)

    assert isinstance(caught.value, DefinitionError)


def test_an_unknown_name_in_text_is_a_name_error() -> None:
    """Types given as text are read in the function's module."""
    with pytest.raises(NameError, match="Missing"):
        FunctionExecutor(_bare, input="Missing")


def test_an_unknown_keyword_is_refused() -> None:
    """Nothing is swallowed."""
    with pytest.raises(TypeError):
        FunctionExecutor(_bare, inputs=int)
