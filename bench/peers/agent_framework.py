# SPDX-License-Identifier: Apache-2.0
"""Microsoft Agent Framework workflows; FileCheckpointStorage, which survives a killed process."""
# mypy: ignore-errors

from __future__ import annotations

import asyncio
from itertools import pairwise

from agent_framework import (
    Executor,
    FileCheckpointStorage,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)

from bench.harness import Bench, item, resident_mb


class Step(Executor):
    @handler
    async def run(self, x: int, ctx: WorkflowContext[int]) -> None:
        await ctx.send_message(x + 1)


class Last(Executor):
    @handler
    async def run(self, x: int, ctx: WorkflowContext[int, int]) -> None:
        await ctx.yield_output(x + 1)


def chain(n: int):
    steps = [Step(id=f"s{number}") for number in range(n - 1)] + [Last(id=f"s{n - 1}")]
    builder = WorkflowBuilder(max_iterations=n + 10, start_executor=steps[0])
    for source, target in pairwise(steps):
        builder.add_edge(source, target)
    return builder.build()


async def _plain(bench: Bench, workflow, given: int, expected: int) -> None:
    async def once(_) -> None:
        bench.start()
        result = await workflow.run(given)
        bench.stop()
        assert result.get_outputs() == [expected]

    await bench.repeat(once)


async def w1(bench: Bench) -> None:
    await _plain(bench, chain(bench.n), 0, bench.n)


class Loop(Executor):
    def __init__(self, n: int) -> None:
        super().__init__(id="loop")
        self.n = n

    @handler
    async def run(self, x: int, ctx: WorkflowContext[int, int]) -> None:
        if x + 1 < self.n:
            await ctx.send_message(x + 1)
        else:
            await ctx.yield_output(x + 1)


def loop_of(one: Executor, n: int, storage=None):
    builder = WorkflowBuilder(max_iterations=n + 10, start_executor=one, checkpoint_storage=storage)
    return builder.add_edge(one, one).build()


async def w2(bench: Bench) -> None:
    await _plain(bench, loop_of(Loop(bench.n), bench.n), 0, bench.n)


class Dispatch(Executor):
    @handler
    async def run(self, k: int, ctx: WorkflowContext[int]) -> None:
        await ctx.send_message(1)


class Join(Executor):
    @handler
    async def run(self, xs: list[int], ctx: WorkflowContext[int, int]) -> None:
        await ctx.yield_output(sum(xs))


async def w3(bench: Bench) -> None:
    dispatch, join = Dispatch(id="dispatch"), Join(id="join")
    works = [Step(id=f"w{number}") for number in range(bench.n)]
    builder = WorkflowBuilder(start_executor=dispatch)
    builder.add_fan_out_edges(dispatch, works).add_fan_in_edges(works, join)
    await _plain(bench, builder.build(), bench.n, 2 * bench.n)


class Grow(Executor):
    def __init__(self, n: int) -> None:
        super().__init__(id="grow")
        self.n = n

    @handler
    async def run(self, x: int, ctx: WorkflowContext[int, int]) -> None:
        ctx.set_state("items", [*(ctx.get_state("items") or []), item(x)])
        if x + 1 < self.n:
            await ctx.send_message(x + 1)
        else:
            await ctx.yield_output(len(ctx.get_state("items")))


async def _durable(bench: Bench, one: type) -> None:
    async def once(folder) -> None:
        workflow = loop_of(one(bench.n), bench.n, FileCheckpointStorage(folder))
        bench.start()
        result = await workflow.run(0)
        bench.stop()
        assert result.get_outputs() == [bench.n]

    await bench.repeat(once)


async def w4l(bench: Bench) -> None:
    await _durable(bench, Loop)


async def w5(bench: Bench) -> None:
    if bench.n > 1000:
        bench.warm, bench.reps = 0, 1
    await _durable(bench, Grow)


async def w7(bench: Bench) -> None:
    gate = asyncio.Event()
    arrived = 0

    class Wait(Executor):
        @handler
        async def run(self, x: int, ctx: WorkflowContext[int]) -> None:
            nonlocal arrived
            arrived += 1
            if arrived == bench.n:
                bench.extra["kb_per_run"] = round((resident_mb() - before) * 1024 / bench.n, 1)
                gate.set()
            await gate.wait()
            await ctx.send_message(x + 1)

    before = resident_mb()

    async def one():  # an instance runs one workflow at a time, so each run builds its own
        first, wait, last = Step(id="a"), Wait(id="b"), Last(id="c")
        builder = WorkflowBuilder(start_executor=first)
        return await builder.add_edge(first, wait).add_edge(wait, last).build().run(0)

    async def once(_) -> None:
        bench.start()
        results = await asyncio.gather(*(one() for _ in range(bench.n)))
        bench.stop()
        assert all(result.get_outputs() == [3] for result in results)

    await bench.repeat(once, warm=0, reps=1)


WORKLOADS = {"W1": w1, "W2": w2, "W3": w3, "W4L": w4l, "W5": w5, "W7": w7}
