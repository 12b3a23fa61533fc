# SPDX-License-Identifier: Apache-2.0
"""Supersteps: what is delivered when, in which order, and what runs beside what."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.workflow.graphs import Context, Do, Gate, build, forward, give, ignore, sends, words


async def test_a_message_is_seen_in_the_next_superstep_only() -> None:
    """Trace 29.2: [a], [b], [c, d], each after all of the one before."""
    result = await build("a>b b>c b>d", {"c": give, "d": give}).run("x")
    invoked = {
        line.split()[1]: step for step, lines in by_superstep(words(result)) for line in lines
    }

    assert invoked == {"a": 1, "b": 2, "c": 3, "d": 3}


def by_superstep(lines: list[str]) -> list[tuple[int, list[str]]]:
    """The invocations of each superstep."""
    found: list[tuple[int, list[str]]] = []
    for line in lines:
        if line.startswith("superstep_started"):
            found.append((int(line.split()[1]), []))
        elif line.startswith("executor_invoked"):
            found[-1][1].append(line)
    return found


async def test_messages_come_by_sender_then_by_order_of_sending() -> None:
    """Whichever sender ended first."""
    later = asyncio.Event()

    async def first(message: Any, ctx: Context) -> None:
        await later.wait()
        await ctx.send_message("a1")
        await ctx.send_message("a2")

    async def second(message: Any, ctx: Context) -> None:
        await ctx.send_message("b1")
        await ctx.send_message("b2")
        later.set()

    workflow = build("s>b s>a b>t a>t", {"a": first, "b": second, "t": give})

    assert (await workflow.run("x")).get_outputs() == ["a1", "a2", "b1", "b2"]


async def test_one_executor_takes_one_message_at_a_time() -> None:
    """Although all of them are there when the superstep begins."""
    inside: list[int] = []

    async def count(message: Any, ctx: Context) -> None:
        inside.append(1)
        for _ in range(3):
            await asyncio.sleep(0)
        await ctx.yield_output(len(inside))
        inside.pop()

    result = await build("a>b", {"a": sends(1, 2, 3), "b": count}).run("x")

    assert result.get_outputs() == [1, 1, 1]


async def test_a_slow_target_does_not_hold_back_others() -> None:
    """The quick one is through with both messages while the slow one still has its first."""
    quick: list[Any] = []
    both = asyncio.Event()

    async def hurry(message: Any, ctx: Context) -> None:
        quick.append(message)
        if len(quick) == 2:
            both.set()

    async def dawdle(message: Any, ctx: Context) -> None:
        await both.wait()
        await ctx.yield_output((message, list(quick)))

    workflow = build("a>slow a>quick", {"a": sends(1, 2), "slow": dawdle, "quick": hurry})

    assert (await workflow.run("x")).get_outputs() == [(1, [1, 2]), (2, [1, 2])]


async def test_different_executors_run_at_once() -> None:
    """Each waits for the other, and both get through."""
    gates = {"b": Gate(), "c": Gate()}

    async def meet(message: Any, ctx: Context) -> None:
        mine, other = message
        gates[mine].arrived.set()
        await gates[other].arrived.wait()

    async def start(message: Any, ctx: Context) -> None:
        await ctx.send_message(("b", "c"), target_id="b")
        await ctx.send_message(("c", "b"), target_id="c")

    run = build("a>b a>c", {"a": start, "b": meet, "c": meet}).run(1)
    result = await asyncio.wait_for(run, 5)
    ended = {event.executor_id for event in result if event.type == "executor_completed"}
    assert ended == {"a", "b", "c"}


async def test_a_loop_goes_on_until_nothing_is_sent() -> None:
    """A self-edge is legal; convergence ends it."""

    async def count(message: int, ctx: Context) -> None:
        if message < 5:
            await ctx.send_message(message + 1)
        else:
            await ctx.yield_output(message)

    result = await build("a>a", {"a": count}).run(0)

    assert result.get_outputs() == [5]
    assert words(result)[-1] == "superstep_completed 6"


async def test_the_payload_itself_is_handed_over() -> None:
    """No copy on the way, to any target, and none in events."""
    payload = object()
    seen: list[Any] = []

    async def keep(message: Any, ctx: Context) -> None:
        seen.append(message)

    result = await build("a>b a>c", {"b": keep, "c": keep}).run(payload)

    assert [each is payload for each in seen] == [True, True]
    assert all(e.data is payload for e in result if e.type == "executor_invoked")


async def test_a_fresh_run_counts_supersteps_from_one() -> None:
    """And has a run id of its own."""
    workflow = build("a>b", {"b": ignore})
    await workflow.run("x")
    first = workflow.run_id
    result = await workflow.run("y", run_id="second")

    assert words(result)[0] == "superstep_started 1"
    assert (first != "second", workflow.run_id) == (True, "second")


async def test_a_handler_s_context_variables_are_its_own() -> None:
    """What one handler sets is not seen by the next, although no task lies between."""
    from contextvars import ContextVar

    colour: ContextVar[str] = ContextVar("colour", default="none")

    async def paint(message: Any, ctx: Context) -> None:
        await ctx.yield_output(colour.get())
        colour.set("red")
        await asyncio.sleep(0)
        await ctx.send_message(colour.get())

    async def look(message: Any, ctx: Context) -> None:
        await ctx.yield_output((message, colour.get()))

    result = await build("a>b", {"a": paint, "b": look}).run("x")

    assert result.get_outputs() == ["none", ("red", "none")]


async def test_a_long_chain_needs_no_deep_stack() -> None:
    """Ten thousand supersteps of one executor after another."""

    async def count(message: int, ctx: Context) -> None:
        if message:
            await ctx.send_message(message - 1)

    workflow = build("a>b b>a", {"a": count, "b": count}, max_iterations=20_000)

    result = await workflow.run(10_000)
    assert words(result)[-1] == "superstep_completed 10001"


def test_instances_may_be_looked_at_after_the_run() -> None:
    """`executors` gives those that the current run has."""
    workflow = build("a>b", {"b": forward})

    asyncio.run(_run(workflow))
    executors = workflow.executors
    assert isinstance(executors["b"], Do)
    assert executors["b"].seen == ["x"]


async def _run(workflow: Any) -> None:
    await workflow.run("x")
