# SPDX-License-Identifier: Apache-2.0
"""Runs whose handlers fail and are called again; the crash tests kill them at every store call.

Each handler fails exactly as often as it may, so a crash that used up an attempt would park it, and
a failure that was forgotten would call it once too often.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import (
    Engine,
    Executor,
    Retry,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from holdfast.persistence.store import Store
from holdfast.testing.crash import Log
from tests.runtime.journeys import to_the_end

#: One call at once, one a little later.
TWICE = Retry(3, backoff=(0, 0.002))


async def retried(store: Store, log: Log) -> Any:
    """A chunk that emits before it fails, the chunk behind its emit, and the items of a loop."""

    async def fail(data: Any, node: str, times: int) -> None:
        log.note(f"{node} {data.input} {data.failures}")
        await data.async_append_state(f"{node} tried", [data.input, data.failures])
        if data.failures < times:
            raise ConnectionError(node)

    async def outer(data: Any) -> Any:
        results = await data.async_emit("Inner", data.input + 1)
        await fail(data, "outer", 2)
        return results[0]

    async def inner(data: Any) -> int:
        await fail(data, "inner", 1)
        return data.input * 10

    async def spread(data: Any) -> list[int]:
        log.begin("spread", data.input)
        return [data.input, data.input + 1, data.input + 2]

    async def item(data: Any) -> int:
        await fail(data, "item", data.input % 3)
        return data.input

    async def total(data: Any) -> None:
        log.begin("total", data.input)
        await data.async_set_state("total", data.input)

    flow = TriggerFlow(name="retried")
    looped = flow.to(outer, retry=TWICE).to(spread).for_each(concurrency=2)
    looped.to(item, retry=TWICE).end_for_each().to(total)
    flow.when("Inner").to(inner, retry=Retry(2))
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        ended = await to_the_end(engine, run, {})
    # Lanes of a loop end in any order.
    return {key: sorted(value) if "tried" in key else value for key, value in ended.items()}


class Shaky(Executor):
    """Fails twice, at two places, and keeps a count that its failed calls must not move."""

    checkpoint_fields = ("count",)

    def __init__(self, id: str, log: Log) -> None:
        super().__init__(id, retry=TWICE)
        self.log = log
        self.count = 0

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, Any]) -> None:
        """Change, send and yield, and fail before or after."""
        self.log.note(f"{self.id} {message} {ctx.failures}")
        await asyncio.sleep(0)
        self.count += 1
        if ctx.failures == 0:
            raise ConnectionError(self.id)
        await ctx.send_message(message * 10 + self.count)
        ctx.append_state("seen", [self.id, message, self.count, ctx.failures])
        if ctx.failures == 1:
            raise ConnectionError(self.id)


class Steady(Executor):
    """Takes what the others send."""

    def __init__(self, id: str, log: Log) -> None:
        super().__init__(id)
        self.log = log

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, Any]) -> None:
        """Send on."""
        self.log.begin(self.id, message)
        await asyncio.sleep(0)
        ctx.append_state("seen", [self.id, message])
        await ctx.send_message(message)
        await ctx.yield_output(sorted(ctx.get_state("seen"), key=str))


async def retried_graph(store: Store, log: Log) -> Any:
    """An executor that fails beside one that does not, and what both send."""
    builder = WorkflowBuilder(name="retried", start_executor="start")
    for name, kind in (("start", Steady), ("shaky", Shaky), ("beside", Steady), ("last", Steady)):
        builder.register(name, lambda name=name, kind=kind: kind(name, log))  # type: ignore[misc]
    builder.add_fan_out_edges("start", ["shaky", "beside"])
    builder.add_edge("shaky", "last").add_edge("beside", "last").add_edge("last", "shaky", is_first)
    workflow = builder.build()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, 1, run_id="run")
        return await to_the_end(engine, run, {})


def is_first(message: int) -> bool:
    """Whether it goes round once more."""
    return message == 1
