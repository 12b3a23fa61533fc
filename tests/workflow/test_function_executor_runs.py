# SPDX-License-Identifier: Apache-2.0
"""Functions as executors, async and in threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from holdfast import WorkflowBuilder, WorkflowContext, executor
from tests.workflow.graphs import words


@executor
async def upper(message: str, ctx: WorkflowContext[str]) -> None:
    """Send it in capitals."""
    await ctx.send_message(message.upper())


@executor(id="reverse")
async def turn(message: str, ctx: WorkflowContext[str, str]) -> None:
    """Yield it backwards."""
    await ctx.yield_output(message[::-1])


async def test_functions_make_a_graph() -> None:
    """Ids are their names, or what they were given."""
    workflow = WorkflowBuilder(start_executor=upper).add_edge(upper, turn).build()

    assert (await workflow.run("abc")).get_outputs() == ["CBA"]
    assert set(workflow.executors) == {"upper", "reverse"}


async def test_a_sync_function_runs_in_a_thread() -> None:
    """It reads and writes shared state from there."""
    threads: list[int] = []

    @executor
    def work(message: str, ctx: WorkflowContext[str]) -> None:
        threads.append(threading.get_ident())
        ctx.set_state("seen", [*ctx.get_state("seen", []), message])

    @executor
    def alone(message: str) -> None:
        threads.append(threading.get_ident())

    workflow = WorkflowBuilder(start_executor=work).build()
    await workflow.run("x")
    await workflow.run("y")
    await WorkflowBuilder(start_executor=alone).build().run("z")

    assert threading.get_ident() not in threads
    assert len(threads) == 3
    current = workflow._seats.latest.current
    assert current is not None
    assert current.run.frames[0].state["seen"].value == ["x", "y"]


async def test_a_sync_function_that_raises_fails_the_run() -> None:
    """With its own exception."""

    @executor
    def fail(message: str) -> None:
        raise KeyError(message)

    workflow = WorkflowBuilder(start_executor=fail).build()
    with pytest.raises(KeyError, match="x") as caught:
        await workflow.run("x")

    assert words(caught.value.workflow_result)[-3] == "executor_failed fail"


async def test_what_a_function_returns_is_ignored() -> None:
    """Results go through the context; the builder says so."""

    @executor
    async def lost(message: str) -> str:
        return message

    workflow = WorkflowBuilder(start_executor=lost).build()
    result = await workflow.run("x")

    assert result.get_outputs() == []
    assert "is ignored" in workflow.plan.warnings[0]


async def test_one_function_serves_many_workflows() -> None:
    """It holds nothing, so sharing it is fine."""
    workflows = [WorkflowBuilder(start_executor=turn).build() for _ in range(2)]

    assert [(await w.run("ab")).get_outputs() for w in workflows] == [["ba"], ["ba"]]


def test_a_decorated_function_can_still_be_called() -> None:
    """A decorator records, and gives back something callable."""
    calls: list[Any] = []

    @executor
    def plain(message: str) -> None:
        calls.append(message)

    plain("x")
    assert calls == ["x"]


async def test_functions_in_threads_read_what_their_executors_staged() -> None:
    """While others end beside them: each sees its own, every time."""

    def counting(name: str) -> Any:
        @executor(id=name)
        def count(message: int, ctx: WorkflowContext) -> None:
            ctx.append_state(f"of {name}", message)
            assert ctx.get_state(f"of {name}") == list(range(message + 1))

        return count

    @executor
    async def start(message: str, ctx: WorkflowContext[int]) -> None:
        for number in range(30):
            await ctx.send_message(number)

    builder = WorkflowBuilder(start_executor=start)
    names = [f"w{number}" for number in range(6)]
    builder.add_fan_out_edges(start, [counting(name) for name in names])
    await builder.build().run("go")
