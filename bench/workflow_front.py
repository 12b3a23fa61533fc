# SPDX-License-Identifier: Apache-2.0
"""The workloads for workflows: graphs of executors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from bench import cold
from bench.harness import Bench, Workload, item, resident_mb
from bench.keeping import opened
from bench.two_phase import two_phase
from holdfast import (
    Executor,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    executor,
    handler,
    response_handler,
)
from holdfast.persistence.store import Store


class Step(Executor):
    @handler
    async def plus(self, number: int, ctx: WorkflowContext[int]) -> None:
        await ctx.send_message(number + 1)


class Last(Executor):
    @handler
    async def plus(self, number: int, ctx: WorkflowContext[int, int]) -> None:
        await ctx.yield_output(number + 1)


def chain(n: int) -> Workflow:
    steps: list[Executor] = [Step(id=f"s{number}") for number in range(n - 1)]
    steps.append(Last(id=f"s{n - 1}"))
    builder = WorkflowBuilder(max_iterations=n + 10, start_executor=steps[0])
    if n > 1:
        builder.add_chain(steps)
    return builder.build()


async def _plain(bench: Bench, workflow: Workflow, given: int, expected: int) -> None:
    async def once(_: Path) -> None:
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
    async def count(self, number: int, ctx: WorkflowContext[int, int]) -> None:
        if number + 1 < self.n:
            await ctx.send_message(number + 1)
        else:
            await ctx.yield_output(number + 1)


def loop_of(one: Executor, n: int) -> Workflow:
    builder = WorkflowBuilder(max_iterations=n + 10, start_executor=one)
    return builder.add_edge(one, one).build()


async def w2(bench: Bench) -> None:
    await _plain(bench, loop_of(Loop(bench.n), bench.n), 0, bench.n)


class Collect(Executor):
    """Sums what comes one by one: stands in for a join."""

    def __init__(self, n: int) -> None:
        super().__init__(id="collect")
        self.n = n
        self.left = n
        self.sum = 0

    @handler
    async def take(self, number: int, ctx: WorkflowContext[int, int]) -> None:
        self.sum += number
        self.left -= 1
        if not self.left:
            await ctx.yield_output(self.sum)
            self.left, self.sum = self.n, 0


async def w3(bench: Bench) -> None:
    dispatch, collect = Step(id="dispatch"), Collect(bench.n)
    builder = WorkflowBuilder(start_executor=dispatch)
    for number in range(bench.n):
        work = Step(id=f"w{number}")
        builder.add_edge(dispatch, work).add_edge(work, collect)
    await _plain(bench, builder.build(), 0, 2 * bench.n)


async def _durable(bench: Bench, workflow: Workflow, expected: Any) -> None:
    async def once(folder: Path) -> None:
        store = opened(bench.place, folder)
        first = await chain(1).run(0, checkpoint_storage=store)  # makes the tables
        assert first.get_outputs() == [1]
        bench.start()
        result = await workflow.run(0, checkpoint_storage=store, fresh=True)
        bench.stop()
        assert result.get_outputs() == [expected]
        await store.close()

    await bench.repeat(once)


async def w4(bench: Bench) -> None:
    await _durable(bench, chain(bench.n), bench.n)


async def w4l(bench: Bench) -> None:
    await _durable(bench, loop_of(Loop(bench.n), bench.n), bench.n)


class Grow(Executor):
    def __init__(self, n: int) -> None:
        super().__init__(id="grow")
        self.n = n

    @handler
    async def grow(self, number: int, ctx: WorkflowContext[int, int]) -> None:
        ctx.append_state("items", item(number))
        if number + 1 < self.n:
            await ctx.send_message(number + 1)
        else:
            await ctx.yield_output(len(ctx.get_state("items")))


async def w5(bench: Bench) -> None:
    if bench.n > 1000:
        bench.warm, bench.reps = 0, 1
    await _durable(bench, loop_of(Grow(bench.n), bench.n), bench.n)


async def w7(bench: Bench) -> None:
    gate = asyncio.Event()
    arrived = 0

    @executor(id="a")
    async def first(number: int, ctx: WorkflowContext[int]) -> None:
        await ctx.send_message(number + 1)

    @executor(id="b")
    async def wait(number: int, ctx: WorkflowContext[int]) -> None:
        nonlocal arrived
        arrived += 1
        if arrived == bench.n:
            bench.extra["kb_per_run"] = round((resident_mb() - before) * 1024 / bench.n, 1)
            gate.set()
        await gate.wait()
        await ctx.send_message(number + 1)

    @executor(id="c")
    async def last(number: int, ctx: WorkflowContext[int, int]) -> None:
        await ctx.yield_output(number + 1)

    plan = WorkflowBuilder(start_executor=first).add_edge(first, wait).add_edge(wait, last).plan()
    before = resident_mb()

    async def once(_: Path) -> None:
        bench.start()
        results = await asyncio.gather(*(Workflow(plan).run(0) for _ in range(bench.n)))
        bench.stop()
        assert all(result.get_outputs() == [3] for result in results)

    await bench.repeat(once, warm=0, reps=1)


class Draft(Executor):
    @handler
    async def draft(self, word: str, ctx: WorkflowContext[str]) -> None:
        ctx.set_state("doc", item(0))
        await ctx.send_message(word)


class Ask(Executor):
    @handler
    async def ask(self, word: str, ctx: WorkflowContext) -> None:
        await ctx.request_info(word, str, request_id="ask")

    @response_handler
    async def answered(self, asked: str, answer: str, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(answer)


class Done(Executor):
    @handler
    async def done(self, answer: str, ctx: WorkflowContext[Any, str]) -> None:
        await ctx.yield_output(answer + "!")


def asking() -> Workflow:
    draft, ask, done = Draft(id="draft"), Ask(id="ask"), Done(id="done")
    return WorkflowBuilder(name="ask", start_executor=draft).add_chain([draft, ask, done]).build()


async def w8(bench: Bench) -> None:
    workflow = asking()

    async def save(store: Store) -> None:
        for number in range(bench.n):
            result = await workflow.run(
                "go", checkpoint_storage=store, run_id=f"r{number}", fresh=True
            )
            assert len(result.get_request_info_events()) == 1

    async def load(store: Store) -> None:
        for number in range(bench.n):
            page = await store.checkpoints(run_id=f"r{number}", limit=1, newest_first=True)
            result = await workflow.run(
                checkpoint_id=f"r{number}@{page.items[0].seq}",
                responses={"ask": "yes"},
                checkpoint_storage=store,
            )
            assert result.get_outputs() == ["yes!"]

    await two_phase(bench, "bench.workflow_front", save, load)


WORKLOADS: dict[str, Workload] = {
    "W1": w1,
    "W2": w2,
    "W3": w3,
    "W4": w4,
    "W4L": w4l,
    "W5": w5,
    "W7": w7,
    "W8": w8,
    "W9": cold.first_run(cold.WORKFLOW),
}
