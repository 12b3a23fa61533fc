# SPDX-License-Identifier: Apache-2.0
"""What a handler sends and yields is compared with what it declares: told, never dropped for it."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from holdfast import Executor, WorkflowBuilder, WorkflowContext, executor, handler, response_handler
from holdfast.errors import WorkflowStrictException
from holdfast.workflow.declared import Declared
from tests.workflow.graphs import warnings_of


class Base:
    """A class, for what fits."""


class Derived(Base):
    """A subclass."""


@pytest.mark.parametrize(
    ("types", "value", "allowed"),
    [
        ((), 1, False),
        ((int,), 1, True),
        ((int,), True, True),
        ((float,), 1, False),
        ((Base,), Derived(), True),
        ((Derived,), Base(), False),
        ((int, str), "x", True),
        ((Any,), object(), True),
        ((object,), None, True),
        ((list[int],), [1], True),
        ((list[int],), ["x"], False),
        ((list[int], list[str]), ["x"], True),
        ((Literal["a"],), "a", True),
        ((Literal["a"],), "b", False),
        ((int | None,), None, True),
        ((tuple[int, ...],), (1, 2), True),
    ],
)
def test_a_value_is_of_a_declared_type_or_not(
    types: tuple[Any, ...], value: Any, allowed: bool
) -> None:
    """By the rules that choose handlers."""
    declared = Declared(types)

    assert declared.allows(value) is allowed
    assert declared.allows(value) is allowed  # and so when asked again


class Loose(Executor):
    """Sends and yields what it does not declare, as often as it is told."""

    @handler
    async def take(self, times: int, ctx: WorkflowContext[int, str]) -> None:
        await ctx.request_info("?", bool, request_id="q")
        for _ in range(times):
            await ctx.send_message("text")
            await ctx.yield_output(1.5)

    @response_handler
    async def hear(self, asked: str, answer: bool, ctx: WorkflowContext[None]) -> None:
        await ctx.send_message(answer)


@executor
async def texts(message: str | int | bool, ctx: WorkflowContext[None, Any]) -> None:
    """Takes text all the same."""
    await ctx.yield_output(message)


def workflow(**how: Any) -> Any:
    """The two, one after the other."""
    loose = Loose("loose")
    return WorkflowBuilder(start_executor=loose, **how).add_edge(loose, texts).build()


async def test_what_is_not_declared_is_told_and_goes_its_way() -> None:
    """Once in a run, naming executor, handler and type; whoever can handle it takes it."""
    result = await workflow().run(2)

    assert warnings_of(result) == [
        "executor 'loose' sends a str, which its handler 'take' does not declare",
        "executor 'loose' yields a float, which its handler 'take' does not declare",
    ]
    assert result.get_outputs() == [1.5, 1.5, "text", "text"]


async def test_response_handlers_are_held_to_their_own_declaration() -> None:
    """Not to that of another handler of the executor."""
    made = workflow()
    await made.run(0)
    result = await made.run(responses={"q": True})

    assert warnings_of(result) == [
        "executor 'loose' sends a bool, which its handler 'hear' does not declare",
    ]


async def test_a_strict_workflow_raises_in_the_handler() -> None:
    """Where the mistake is."""
    with pytest.raises(WorkflowStrictException, match="sends a str"):
        await workflow(strict=True).run(1)


async def test_function_executors_are_compared_too() -> None:
    """Without a declaration nothing is declared."""

    @executor(input=str)
    async def bare(message, ctx):  # type: ignore[no-untyped-def]
        await ctx.yield_output(message)

    result = await WorkflowBuilder(start_executor=bare).build().run("x")

    assert warnings_of(result) == [
        "executor 'bare' yields a str, which its handler 'bare' does not declare"
    ]
    assert result.get_outputs() == ["x"]
