# SPDX-License-Identifier: Apache-2.0
"""Runs for processes that are killed and frozen at any moment: their handlers take a while."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import (
    Engine,
    Executor,
    TriggerFlow,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.persistence.storages.files import FileCheckpointStorage
from holdfast.persistence.store import Store
from holdfast.testing.crash import Log
from tests.runtime.journeys import to_the_end

#: How long a handler takes; about as long as what is kept of it at its end.
STEP_S = 0.003
#: Steps of the chain; the same as in the trials of other libraries.
STEPS = 12
#: What the chain carries in its state all the way.
BALLAST = "x" * 100_000


def chain_flow(log: Log, steps: int = STEPS, ballast: str = BALLAST, step_s: float = STEP_S) -> Any:
    """A chain of chunks that append to a list; the first one writes what the chain carries."""

    def named(number: int) -> Any:
        name = f"step-{number}"

        async def step(data: Any) -> int:
            log.begin(name, data.input)
            if number == 0:
                await data.async_set_state("ballast", ballast)
            await asyncio.sleep(step_s)
            await data.async_append_state("seen", data.input)
            log.end(name, data.input)
            return int(data.input) + 1

        return (name, step)

    flow: Any = TriggerFlow(name="chain")
    cursor = flow
    for number in range(steps):
        cursor = cursor.to(named(number))
    return flow


async def chain(store: Store, log: Log) -> Any:
    """Twelve chunks with 100 KB of state."""
    flow = chain_flow(log)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        end = await run.result()
    return [end["seen"], len(end["ballast"])]


async def thousand(store: Store, log: Log) -> Any:
    """A thousand chunks: what is read back has a long history."""
    flow = chain_flow(log, steps=1000, ballast="x", step_s=0)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        return len((await run.result())["seen"])


async def fan(store: Store, log: Log) -> Any:
    """Six items, three at a time; each emits and every second one asks; the sum comes last."""

    async def item(data: Any) -> Any:
        log.begin("item", data.input)
        await asyncio.sleep(STEP_S)
        await data.async_append_state(f"item-{data.input}", "once")  # kept by the emit, too early
        await data.async_emit("Seen", data.input * 100)
        log.end("item", data.input)
        if data.input % 2:
            return await data.async_pause_for(interrupt_id=f"ask-{data.input}")
        return data.input * 10

    async def seen(data: Any) -> None:
        log.begin("seen", data.input)
        await asyncio.sleep(STEP_S)
        await data.async_set_state(f"seen-{data.input}", True)
        log.end("seen", data.input)

    async def total(data: Any) -> None:
        log.begin("total", data.input)
        await data.async_set_state("total", data.input)
        log.end("total", data.input)

    flow: Any = TriggerFlow(name="fan")
    flow.for_each(concurrency=3).to(item).end_for_each().to(total)
    flow.when("Seen").to(seen)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, list(range(6)), run_id="run")
        return await to_the_end(engine, run, {f"ask-{n}": f"answer {n}" for n in (1, 3, 5)})


class Step(Executor):
    """Notes what it took in a field that its checkpoint holds, and sends on."""

    checkpoint_fields = ("took",)

    def __init__(self, name: str, log: Log, *, is_last: bool = False) -> None:
        super().__init__(name)
        self.log = log
        self.is_last = is_last
        self.number = int(name[1:]) if name[1:].isdigit() else 0
        self.took = 0

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, list[int]]) -> None:
        """Take a while."""
        self.log.begin(self.id, message)
        await asyncio.sleep(STEP_S)
        self.took += 1
        ctx.append_state("seen", f"{self.id}:{message}")
        ctx.set_state(f"took-{self.id}", self.took)
        self.log.end(self.id, message)
        if self.is_last:
            await ctx.yield_output([message, self.took])
        else:
            await ctx.send_message(message * 10 + self.number)


class Asks(Step):
    """Asks before it sends on."""

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, list[int]]) -> None:
        """Ask."""
        self.log.begin(self.id, message)
        await asyncio.sleep(STEP_S)
        self.log.end(self.id, message)
        await ctx.request_info(message, int, request_id=f"ask-{message}")

    @response_handler
    async def answered(self, asked: int, answer: int, ctx: WorkflowContext[int, list[int]]) -> None:
        """Send on."""
        self.log.begin(self.id, answer)
        ctx.append_state("seen", f"{self.id}:{asked}:{answer}")
        self.log.end(self.id, answer)
        await ctx.send_message(answer)


def steps_workflow(log: Log, **options: Any) -> Workflow:
    """Supersteps one after another: a fan-out of three in the middle, then a question."""
    builder = WorkflowBuilder(name="steps", start_executor="s0", **options)
    for number in (0, 1, 2, 6, 7, 8):
        builder.register(f"s{number}", lambda name=f"s{number}": Step(name, log))
    for name in ("w1", "w2", "w3"):
        builder.register(name, lambda name=name: Step(name, log))
        builder.add_edge("s2", name).add_edge(name, "s6")
    builder.register("ask", lambda: Asks("ask", log))
    builder.register("last", lambda: Step("last", log, is_last=True))
    for pair in ("s0 s1", "s1 s2", "s6 ask", "ask s7", "s7 s8", "s8 last"):
        builder.add_edge(*pair.split())
    return builder.build()


#: The three questions of `steps_workflow`: message and answer.
ANSWERS = {f"ask-{asked}": asked + 5 for asked in (101216, 101226, 101236)}


async def steps(store: Store, log: Log) -> Any:
    """The supersteps in a store."""
    workflow = steps_workflow(log)
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, 1, run_id="run")
        outputs = await to_the_end(engine, run, ANSWERS)
        driven = await engine.driven("run")
        state = {key: cell.value for key, cell in sorted(driven.live.run.frames[0].state.items())}
        return [sorted(outputs), sorted(state["seen"]), state["took-s6"], state["took-last"]]


async def files(storage: FileCheckpointStorage, log: Log) -> Any:
    """The same in a folder of checkpoints: go on from the newest one, answer what is asked."""
    workflow = steps_workflow(log, checkpoint_storage=storage)
    newest = await storage.get_latest("steps")
    if newest is None:
        result = await workflow.run(1)
    else:
        result = await workflow.run(checkpoint_id=newest.checkpoint_id)
    while asked := result.get_request_info_events():
        result = await workflow.run(
            responses={one.request_id: ANSWERS[one.request_id] for one in asked}
        )
    last = await storage.get_latest("steps")
    assert last is not None
    outputs = await workflow.get_checkpoint_outputs(last.checkpoint_id)
    return [sorted(outputs), last.iteration_count]
