# SPDX-License-Identifier: Apache-2.0
"""What supersteps, fan-ins and reads of state cost: what changed, and nothing else."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from holdfast import MemoryStore, Workflow
from holdfast.definition.edges import fan_in, single_edge
from holdfast.definition.graph import Graph, Node
from holdfast.machine import superstep
from holdfast.machine.effects import Finished, Sent
from holdfast.machine.run import Cell, Delivery, Run, new_run
from tests.workflow.graphs import Context, Do, builder, forward, ignore


def calls_of(work: Callable[[], Any]) -> int:
    """How many calls are made, of Python and of C."""
    made = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    gc.disable()  # what other tests left behind would be counted when it is swept
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return made


def beside(nodes: int, keys: int, waiting: int) -> Run:
    """A run of a>b>c with that many nodes beside, state keys, and half-filled fan-ins."""
    idle = [f"idle{number}" for number in range(nodes)]
    joins = [fan_in([f"idle{n}", f"idle{n + 1}"], "c") for n in range(0, 2 * waiting, 2)]
    joins += [fan_in(["b", f"idle{n}"], f"idle{n + 1}", "any") for n in range(nodes - 2, nodes - 1)]
    plan = Graph(
        name="g",
        start="a",
        nodes=tuple(Node(id=name, type="T") for name in ("a", "b", "c", *idle)),
        groups=(
            single_edge("a", "b"),
            single_edge("b", "c"),
            *(single_edge("a", name) for name in idle),
            *joins,
        ),
        max_iterations=100,
    )
    run = new_run("r", "workflow", plan)
    run.frames[0].state = {f"key{n}": Cell(n) for n in range(keys)}
    return run


def cost_of_a_superstep(nodes: int = 10, keys: int = 0, waiting: int = 0) -> int:
    """The calls of the machine from the end of a to the beginning of b."""
    run = beside(nodes, keys, waiting)
    effects = superstep.enter(run, "x", None)
    for number in range(waiting):
        # What came long ago: not in this superstep.
        superstep.fan_in.take(run, f"idle{2 * number}+idle{2 * number + 1}->c", "x", (1, None))
    run.frames[0].arrived.clear()
    (a,) = (one for one in effects if isinstance(one, Delivery))
    done = Finished(a, sends=(Sent("m", None, ("b",)),))
    return calls_of(lambda: superstep.step(run, done))


def test_a_superstep_costs_the_same_in_a_graph_of_any_size() -> None:
    """Neither nodes nor edges, nor what is in the state, nor what waits in fan-ins."""
    small = cost_of_a_superstep()

    assert cost_of_a_superstep(nodes=3000) == small
    assert cost_of_a_superstep(keys=3000) == small
    assert cost_of_a_superstep(nodes=2000, waiting=900) - small <= 2


async def fanned(width: int, store: Any) -> None:
    """A fan-out to that many workers, and a fan-in of all of them."""
    names = [f"w{number:04}" for number in range(width)]
    new = builder("s>", {"s": forward})
    for name in names:
        new.register(name, lambda name=name: Do(name, forward))
    new.register("t", lambda: Do("t", ignore))
    new.add_fan_out_edges("s", names).add_fan_in_edges(names, "t")
    await new.build().run("x" * 20, checkpoint_storage=store)


class Weighing(MemoryStore):
    """Adds up the deltas it is given, and the anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.anchors = 0

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Append, and weigh."""
        self.bytes += len(commit.delta)
        self.anchors += sum(map(len, commit.anchor or ()))
        return await super().append(claim, commit, after=after)


async def test_a_fan_in_of_a_thousand_is_linear() -> None:
    """In bytes written: ten times the sources, about ten times the bytes."""
    weights = []
    for width in (100, 1000):
        store = Weighing()
        await fanned(width, store)
        weights.append(store.bytes)
        assert store.anchors <= store.bytes

    assert weights[1] < 11 * weights[0]


async def in_one_superstep(count: int, work: Any) -> int:
    """The calls of a run in which one executor takes that many messages in one superstep."""

    async def send(message: Any, ctx: Context) -> None:
        for number in range(count):
            await ctx.send_message(number)

    workflow: Workflow = builder("a>b", {"a": send, "b": work}).build()
    call = workflow.run("x")
    made = 0

    def count_one(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count_one)
    try:
        await call
    finally:
        sys.setprofile(None)
    return made


async def write_and_read(message: int, ctx: Context) -> None:
    """A key of its own, read back at once and by the next call."""
    ctx.set_state(f"key{message}", message)
    ctx.get_state(f"key{message}")
    ctx.get_state(f"key{message - 1}")


async def count_up(message: int, ctx: Context) -> None:
    """One key, again and again."""
    ctx.set_state("count", ctx.get_state("count", 0) + 1)


@pytest.mark.parametrize("work", [write_and_read, count_up])
async def test_reading_own_writes_is_a_look_up(work: Any) -> None:
    """Twice the messages in a superstep cost twice the calls, whatever was staged before."""
    few, many = await in_one_superstep(200, work), await in_one_superstep(400, work)

    assert many < 2.2 * few


async def test_a_large_message_to_many_is_written_once() -> None:
    """Beside it, each target costs a line."""
    store = Weighing()
    names = [f"w{number}" for number in range(50)]
    new = builder("s>", {"s": forward})
    for name in names:
        new.register(name, lambda name=name: Do(name, ignore))
    await new.add_fan_out_edges("s", names).build().run("x" * 100_000, checkpoint_storage=store)

    # Once as the input, and once as the message.
    assert store.bytes < 2.2 * 100_000


async def calls_of_a_chain(length: int) -> int:
    """The calls of a run along a chain, in memory, with nobody watching."""
    names = [f"n{number}" for number in range(length)]
    edges = " ".join(f"{one}>{two}" for one, two in pairwise(names))
    works = dict.fromkeys(names, forward)
    workflow = builder(edges, works, instances=True, max_iterations=length + 1).build()
    await workflow.run("x")
    call = workflow.run("x")
    made = 0

    def count_one(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count_one)
    try:
        await call
    finally:
        sys.setprofile(None)
    return made


async def test_a_step_in_memory_makes_few_calls() -> None:
    """So that work nobody asked for does not come back by and by: raise the number knowingly."""
    for_each_step = (await calls_of_a_chain(300) - await calls_of_a_chain(100)) / 200
    assert for_each_step < 105
