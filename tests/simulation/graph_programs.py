# SPDX-License-Identifier: Apache-2.0
"""Graphs drawn from a seed: layers of executors, some of them workflows themselves."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

from holdfast import Executor, WorkflowBuilder, WorkflowContext, handler, response_handler
from holdfast.testing.invariants import label
from holdfast.testing.simulation import World
from holdfast.workflow import WorkflowExecutor
from tests.simulation.drawn import Drawn


class DrawnGraph(Drawn):
    """A workflow."""

    name = "graph"

    def drawn(self, rng: random.Random, world: World) -> Any:
        """The graph of this seed."""
        return _graph(rng, world)


class Node(Executor):
    """Counts what it took, writes shared state, sends on, may ask, may fail once.

    path: the name under which the run around it knows it.
    """

    checkpoint_fields = ("count",)

    def __init__(self, path: str, world: World, habits: dict[str, Any]) -> None:
        super().__init__(path.rpartition("/")[2])
        self.path = path
        self.world = world
        self.habits = habits
        self.count = 0

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        self.world.begin(self.path, message)
        await asyncio.sleep(self.habits["sleep"])
        self.count += 1
        ctx.append_state(f"took-{self.id}", message)
        if self.habits["fails"] and ctx.attempt == 0:
            raise ConnectionError("drawn")
        if self.habits["asks"]:
            terms = {"request_id": f"{self.path}-{message}"}
            if self.habits["deadline"] is not None:
                terms |= {"deadline": self.habits["deadline"], "default": message + 1}
            await ctx.request_info(message, int, **terms)
        else:
            await self._go_on(message, ctx)

    @handler
    async def join(self, messages: list[int], ctx: WorkflowContext[int, int]) -> None:
        self.world.begin(self.path, messages)
        self.count += 1
        ctx.append_state(f"took-{self.id}", messages)
        await self._go_on(sum(messages), ctx)

    @response_handler
    async def answered(self, asked: int, answer: int, ctx: WorkflowContext[int, int]) -> None:
        self.world.begin(self.path, answer)
        ctx.append_state(f"answers-{self.id}", answer)
        await self._go_on(asked + answer, ctx)

    async def _go_on(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        ctx.append_state("seen", self.id)
        ctx.set_state(f"counted-{self.id}", self.count)
        following = message * 10 + self.habits["number"]
        if self.habits["last"]:
            await ctx.yield_output(following)
        else:
            await ctx.send_message(following)


def _habits(rng: random.Random, number: int, *, last: bool) -> dict[str, Any]:
    return {
        "number": number,
        "sleep": rng.choice((0.0, 0.5, 3.0)),
        "fails": rng.random() < 0.1,
        "asks": rng.random() < 0.2,
        "deadline": rng.choice((None, None, 2, 10)),
        "last": last,
    }


def _graph(rng: random.Random, world: World) -> Any:
    layers = [rng.randint(1, 3) for _ in range(rng.randint(1, 3))]
    builder = WorkflowBuilder(name="graph", start_executor="start")
    names: list[list[str]] = [["start"]]
    names += [[f"m{i}{j}" for j in range(size)] for i, size in enumerate(layers)]
    asking: set[str] = set()
    for depth, layer in enumerate(names):
        for number, name in enumerate(layer):
            last = depth == len(names) - 1
            habits = _habits(rng, number, last=last)
            if habits["asks"]:
                asking.add(name)
            if depth and rng.random() < 0.15:
                asking.add(name)
                builder.register(name, _inside(rng, world, (name, number), last=last))
                continue
            builder.register(name, lambda name=name, habits=habits: Node(name, world, habits))
    for depth, (here, there) in enumerate(pairwise(names)):
        if depth == 1 and len(here) > 1 and len(there) == 1 and rng.random() < 0.5:
            # Every source sends once, so whatever the order, one list comes.
            when = rng.choice(("all", "settled", "any"))
            if when == "any" and asking & {"start", *here}:
                when = "all"
            builder.add_fan_in_edges(here, there[0], when)
            continue
        for source in here:
            for target in there:
                builder.add_edge(source, target, _condition(rng, world, f"{source}-{target}"))
    return builder.build()


def _condition(rng: random.Random, world: World, name: str) -> Any:
    """Mostly none; else one that lets some numbers pass, and may fail once."""
    drawn = rng.random()
    if drawn > 0.3:
        return None

    def passes(message: int) -> bool:
        return message % 3 != 1

    async def doubts(message: int) -> bool:
        await asyncio.sleep(0.1)
        if not world.failed[label(name, message)]:
            world.fails(name, message)
            raise ConnectionError("drawn")
        return passes(message)

    return doubts if drawn < 0.08 else passes


def _inside(rng: random.Random, world: World, where: tuple[str, int], *, last: bool) -> Any:
    """A workflow of two executors as a node; it gives out what its second one yields."""
    name, number = where
    first = _habits(rng, 5 + number, last=False)
    second = _habits(rng, 8, last=True)
    asks_outside = rng.random() < 0.5

    def inner() -> Any:
        x = Node(f"{name}/x", world, first)
        y = Node(f"{name}/y", world, second)
        return WorkflowBuilder(start_executor=x).add_edge(x, y).build()

    return lambda: WorkflowExecutor(
        inner, name, allow_direct_output=last, propagate_request=asks_outside
    )
