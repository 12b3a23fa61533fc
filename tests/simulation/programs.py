# SPDX-License-Identifier: Apache-2.0
"""Programs drawn from a seed: flows and graphs whose end does not depend on any order.

Every delivery has a payload of its own, and every state key one writer, so that whatever order the
seed picks, the undisturbed end is the only right one.
"""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

from holdfast import (
    Executor,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.testing.simulation import Program, World


class Drawn(Program):
    """A program as data: what each node does, and how they hang together."""

    value = 1

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.seed = seed

    def answer(self, wait_id: str) -> int:
        """Follows from the question alone."""
        return int(wait_id.rpartition("-")[2]) + 1

    def definitions(self, world: World) -> list[Any]:
        """Its one definition, with handlers that tell this world."""
        rng = random.Random(self.seed)
        if self.name == "flow":
            return [_flow(rng, world)]
        return [_graph(rng, world)]


def program(seed: int) -> Drawn:
    """The program of a seed."""
    return Drawn("flow" if seed % 2 else "graph", seed)


class Forgetful(Drawn):
    """Wrong on purpose: its state tells how often its handler was begun."""

    tries = 0

    def definitions(self, world: World) -> list[Any]:
        """One chunk that counts outside its run."""

        async def count(data: Any) -> None:
            world.begin("count", data.input)
            self.tries += 1
            await asyncio.sleep(1.0)
            await data.async_set_state("tries", self.tries)

        flow = TriggerFlow(name="flow")
        flow.to(count)
        return [flow]


def forgetful(seed: int) -> Forgetful:
    """The program that the simulation has to find fault with."""
    return Forgetful("flow", seed)


HABITS = ("write", "sleep", "append", "emit", "nowait", "ask", "again", "fail", "both")


def _flow(rng: random.Random, world: World) -> TriggerFlow:
    flow = TriggerFlow(name="flow")
    events = [f"E{i}" for i in range(rng.randint(0, 3))]
    count = 0

    def chunk(depth: int, *, unique: bool) -> Any:
        nonlocal count
        count += 1
        name = f"n{count}"
        habits = rng.sample(HABITS, rng.randint(1, 3))
        if not unique:
            habits = [h for h in habits if h not in ("emit", "nowait", "both")]
        events_to_come = events[depth:]
        event = rng.choice(events_to_come) if events_to_come and unique else None
        pause = rng.random()
        return name, _chunk(world, name, habits, event, pause)

    cursor: Any = flow
    for _ in range(rng.randint(1, 3)):
        shape = rng.choice(("chain", "chain", "loop", "side", "batch", "match"))
        if shape == "loop":
            cap = rng.choice((None, 1, 2))
            size = rng.randint(1, 4)
            name, spread = f"spread{count}", _spread(world, f"spread{count}", size)
            cursor = cursor.to((name, spread)).for_each(concurrency=cap)
            for _ in range(rng.randint(1, 2)):
                cursor = cursor.to(chunk(0, unique=False))
            cursor = cursor.end_for_each().to((f"sum{count}", _total(world, f"sum{count}")))
        elif shape == "batch":
            branches = [chunk(0, unique=False) for _ in range(rng.randint(1, 3))]
            cursor = cursor.batch(*branches, concurrency=rng.choice((None, 1)))
        elif shape == "match":
            cursor = cursor.match(mode=rng.choice(("hit_first", "hit_all")))
            for divisor in range(1, rng.randint(2, 4)):
                cursor = cursor.case(_divides(world, divisor)).to(chunk(0, unique=False))
            cursor = cursor.end_match()
        elif shape == "side":
            cursor = cursor.to(chunk(0, unique=True))
            cursor.to(chunk(0, unique=True), side_branch=True)
        else:
            cursor = cursor.to(chunk(0, unique=True))
    for depth, event in enumerate(events):
        for _ in range(rng.randint(1, 2)):
            branch: Any = flow.when(event)
            for _ in range(rng.randint(1, 2)):
                branch = branch.to(chunk(depth + 1, unique=True))
    return flow


def _number(value: Any) -> int:
    """A number that stands for any payload; for the marker of a pause, nothing."""
    if isinstance(value, int):
        return value
    if isinstance(value, dict) and "interrupt" not in value:
        value = list(value.values())
    return sum(_number(v) for v in value) if isinstance(value, list) else 0


def _divides(world: World, divisor: int) -> Any:
    async def judge(data: Any) -> bool:
        await asyncio.sleep(0.1)
        return _number(data.input) % divisor == 0

    return judge


def _chunk(world: World, name: str, habits: list[str], event: str | None, pause: float) -> Any:
    async def run(data: Any) -> Any:
        payload = _number(data.input)
        own = f"{name}-{payload}"
        fresh = payload * 1000 + int(name[1:]) * 10
        if data.is_resume and data.resume.interrupt_id == own:
            return payload + 1
        world.begin(name, data.input)
        if "sleep" in habits:
            await asyncio.sleep(pause * 3)
        if "write" in habits:
            await data.async_set_state(f"{name}-{payload}", payload)
        if "append" in habits:
            await data.async_append_state(f"log-{name}-{payload}", 1)
        if "fail" in habits and data.attempt == 0 and pause < 0.3:
            raise ConnectionError("drawn")
        if event is not None and "emit" in habits:
            results = await data.async_emit(event, fresh + 1)
            await data.async_set_state(f"heard-{name}-{payload}", _number(results))
        if event is not None and "nowait" in habits:
            await data.async_emit_nowait(event, fresh + 2)
        if event is not None and "both" in habits:
            await data.async_emit(event, fresh + 3)
        if "again" in habits:
            return await data.async_pause_for(interrupt_id=own, resume_to="self")
        if "ask" in habits:
            return await data.async_pause_for(interrupt_id=own)
        return payload + 1

    return run


def _spread(world: World, name: str, size: int) -> Any:
    async def run(data: Any) -> list[int]:
        world.begin(name, data.input)
        first = _number(data.input) % 1000
        return [first * 10 + i for i in range(size)]

    return run


def _total(world: World, name: str) -> Any:
    async def run(data: Any) -> int:
        world.begin(name, data.input)
        await data.async_set_state(name, data.input)
        return _number(data.input) % 1000

    return run


class Node(Executor):
    """Counts what it took, writes shared state, sends on, may ask, may fail once."""

    checkpoint_fields = ("count",)

    def __init__(self, name: str, world: World, habits: dict[str, Any]) -> None:
        super().__init__(name)
        self.world = world
        self.habits = habits
        self.count = 0

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        self.world.begin(self.id, message)
        await asyncio.sleep(self.habits["sleep"])
        self.count += 1
        ctx.append_state(f"took-{self.id}", message)
        if self.habits["fails"] and ctx.attempt == 0:
            raise ConnectionError("drawn")
        if self.habits["asks"]:
            await ctx.request_info(message, int, request_id=f"{self.id}-{message}")
        else:
            await self._go_on(message, ctx)

    @handler
    async def join(self, messages: list[int], ctx: WorkflowContext[int, int]) -> None:
        self.world.begin(self.id, messages)
        self.count += 1
        ctx.append_state(f"took-{self.id}", messages)
        await self._go_on(sum(messages), ctx)

    @response_handler
    async def answered(self, asked: int, answer: int, ctx: WorkflowContext[int, int]) -> None:
        self.world.begin(self.id, answer)
        ctx.append_state(f"answers-{self.id}", answer)
        await self._go_on(asked + answer, ctx)

    async def _go_on(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        ctx.append_state("seen", self.id)
        ctx.set_state(f"counted-{self.id}", self.count)
        if self.habits["last"]:
            await ctx.yield_output(message)
        else:
            await ctx.send_message(message * 10 + self.habits["number"])


def _graph(rng: random.Random, world: World) -> Any:
    layers = [rng.randint(1, 3) for _ in range(rng.randint(1, 3))]
    builder = WorkflowBuilder(name="graph", start_executor="start")
    names: list[list[str]] = [["start"]]
    names += [[f"m{i}{j}" for j in range(size)] for i, size in enumerate(layers)]
    for depth, layer in enumerate(names):
        for number, name in enumerate(layer):
            habits = {
                "number": number,
                "sleep": rng.choice((0.0, 0.5, 3.0)),
                "fails": rng.random() < 0.1,
                "asks": rng.random() < 0.2,
                "last": depth == len(names) - 1,
            }
            builder.register(name, lambda name=name, habits=habits: Node(name, world, habits))
    for depth, (here, there) in enumerate(pairwise(names)):
        if depth == 1 and len(here) > 1 and len(there) == 1 and rng.random() < 0.5:
            # Every source sends once, so whatever the order, one list comes.
            builder.add_fan_in_edges(here, there[0])
            continue
        for source in here:
            for target in there:
                condition = (lambda message: message % 3 != 1) if rng.random() < 0.3 else None
                builder.add_edge(source, target, condition)
    return builder.build()
