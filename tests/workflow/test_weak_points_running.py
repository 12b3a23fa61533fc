# SPDX-License-Identifier: Apache-2.0
"""Where running graphs is known to go wrong: silent losses, objects that are dead afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Executor, Workflow, WorkflowBuilder, WorkflowContext, handler, response_handler
from holdfast.errors import AnswerRefused, WaitExists, WorkflowStrictException
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import (
    Context,
    Do,
    build,
    builder,
    forward,
    give,
    ignore,
    sends,
    warnings_of,
)


class TakesText(Executor):
    @handler
    async def take(self, message: str, ctx: WorkflowContext[Any, str]) -> None:
        await ctx.yield_output(message)


def untaken(*, strict: bool) -> Workflow:
    """A number goes to one that takes text."""
    first, second = Do("a", sends(3)), TakesText("b")
    return WorkflowBuilder(start_executor=first, strict=strict).add_edge(first, second).build()


def astray(*, strict: bool) -> Workflow:
    """A message is for somebody to whom no edge leads."""

    async def send(message: Any, ctx: Context) -> None:
        await ctx.send_message(message, target_id="nobody")

    return build("a>b", {"a": send}, strict=strict)


def half_filled(*, strict: bool) -> Workflow:
    """One source of a fan-in never sends."""
    new = builder("s>a s>b", {"b": ignore}, strict=strict)
    return new.register("t", lambda: Do("t", give)).add_fan_in_edges(["a", "b"], "t").build()


LOSSES = [(untaken, "int"), (astray, "'nobody'"), (half_filled, "b")]


@pytest.mark.parametrize(("make", "named"), LOSSES, ids=lambda one: getattr(one, "__name__", one))
async def test_whatever_is_lost_is_told_by_name(make: Callable[..., Workflow], named: str) -> None:
    """One warning that names it; an error where warnings are errors."""
    (told,) = warnings_of(await make(strict=False).run("x"))
    assert named in told

    with pytest.raises(WorkflowStrictException, match=named):
        await make(strict=True).run("x")


class Asks(Executor):
    """Asks for a number, and can only hear text."""

    @handler
    async def ask(self, message: str, ctx: WorkflowContext[Any, str]) -> None:
        await ctx.request_info(message, int, request_id="r")

    @response_handler
    async def hear(self, request: str, response: str, ctx: WorkflowContext[Any, str]) -> None:
        await ctx.yield_output(response)


async def test_an_answer_that_no_handler_takes_leaves_the_question_open() -> None:
    """Refused when it is given, not dropped afterwards."""
    workflow = WorkflowBuilder(start_executor=Asks("a")).build()
    assert len(warnings_of(await workflow.run("x"))) == 1
    with pytest.raises(AnswerRefused):
        await workflow.run(responses={"r": 1})

    assert workflow.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS


async def test_a_question_does_not_replace_one_of_the_same_id() -> None:
    """The second asker fails; the first question can still be answered."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info(message, str, request_id="same")

    async def hear(request: Any, response: Any, ctx: Context) -> None:
        await ctx.yield_output((request, response))

    workflow = build("a>b", {"a": (forward,), "b": (ask, hear)})
    await workflow.run("first")
    with pytest.raises(WaitExists):
        await workflow.run("second")
    skipped = await workflow.run("third", fresh=True)

    assert [e.data for e in skipped.get_request_info_events()] == ["third"]


async def test_many_rounds_of_questions_do_not_use_up_the_limit() -> None:
    """The limit is for supersteps that nobody asked for, however long a conversation is."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info(message, int)

    async def hear(request: Any, response: int, ctx: Context) -> None:
        await ctx.yield_output(response)
        await ctx.request_info("again", int)

    workflow = build("a>", {"a": (ask, hear)}, max_iterations=2)
    result = await workflow.run("x")
    for number in range(10):
        (asked,) = result.get_request_info_events()
        result = await workflow.run(responses={asked.request_id: number})

    assert result.get_outputs()[-1] == 9


async def test_runs_of_one_definition_do_not_see_each_other() -> None:
    """Twenty at once: state, attributes and outputs are those of each run."""

    async def count(message: int, ctx: Context) -> None:
        ctx.set_state("sum", ctx.get_state("sum", 0) + message)
        await asyncio.sleep(0)
        await ctx.send_message(message)

    async def show(message: int, ctx: Context) -> None:
        await ctx.yield_output((message, ctx.get_state("sum")))

    workflow = build("a>b", {"a": count, "b": show})
    results = await asyncio.gather(*(workflow.run(n, fresh=True) for n in range(20)))

    assert [result.get_outputs() for result in results] == [[(n, n)] for n in range(20)]
