# SPDX-License-Identifier: Apache-2.0
"""Runs with durable steps, one for each front; the crash tests kill them at every store call."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import (
    Engine,
    Executor,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    current_step,
    handler,
    response_handler,
)
from holdfast.persistence.store import Store
from holdfast.testing.crash import Log
from tests.runtime.journeys import to_the_end


async def steps(store: Store, log: Log) -> Any:
    """A chunk of steps: in a row, at once, alike; in between it writes, emits, asks and sleeps."""

    async def charge(amount: int) -> dict[str, int]:
        log.step(current_step().key)
        return {"charged": amount}

    def booked(amount: int) -> int:
        log.step(current_step().key)
        return amount + 1

    async def shop(data: Any) -> Any:
        log.begin("shop", data.input)
        first = await data.step("charge", charge, data.input)
        await data.async_append_state("seen", first)
        alike = await asyncio.gather(*(data.step("charge", charge, data.input) for _ in range(2)))
        await data.async_append_state("seen", alike)
        await data.sleep(0.001)
        await data.async_emit("Shipped", first["charged"])
        await data.async_pause_for(interrupt_id="ok")
        last = await data.step("book", booked, 4)
        await data.async_append_state("seen", last)

    async def shipped(data: Any) -> None:
        log.begin("shipped", data.input)
        await data.async_set_state("shipped", await data.step("label", charge, 9))

    def at_last(data: Any) -> None:
        log.begin("at_last", data.input)
        data.set_state("end", data.step("book", booked, data.input))

    flow = TriggerFlow(name="steps")
    flow.to(shop).to(at_last)
    flow.when("Shipped").to(shipped)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 3, run_id="run")
        return await to_the_end(engine, run, {"ok": 7})


class Shop(Executor):
    """Asks between two steps, and charges again with the answer."""

    def __init__(self, log: Log) -> None:
        super().__init__("shop")
        self.log = log

    async def charge(self, amount: int) -> int:
        """The function of every step."""
        self.log.step(current_step().key)
        return amount * 10

    @handler
    async def order(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        """Two steps in a row, two at once."""
        self.log.begin("shop", message)
        first = await ctx.step("charge", self.charge, message)
        ctx.append_state("seen", first)
        await ctx.request_info({"first": first}, int, request_id="more")
        both = await asyncio.gather(*(ctx.step("charge", self.charge, n) for n in (1, message)))
        await ctx.sleep(0.001)
        ctx.append_state("seen", both)
        await ctx.send_message(first, "clerk")

    @response_handler
    async def more(self, asked: dict, answer: int, ctx: WorkflowContext[int, int]) -> None:
        """A step of the answer."""
        self.log.begin("shop", answer)
        await ctx.yield_output(await ctx.step("charge", self.charge, answer, key="more"))


class Clerk(Executor):
    """A step beside the question that is open."""

    def __init__(self, log: Log) -> None:
        super().__init__("clerk")
        self.log = log

    @handler
    async def note(self, message: int, ctx: WorkflowContext[None, int]) -> None:
        """One step."""
        self.log.begin("clerk", message)

        def noted() -> int:
            self.log.step(current_step().key)
            return message + 1

        await ctx.yield_output(await ctx.step("note", noted))


async def stepped_graph(store: Store, log: Log) -> Any:
    """Executors of steps, with a question and an answer in between."""
    workflow = (
        WorkflowBuilder(name="stepped")
        .register("shop", lambda: Shop(log))
        .register("clerk", lambda: Clerk(log))
        .add_edge("shop", "clerk")
        .set_start_executor("shop")
        .build()
    )
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, 3, run_id="run")
        return sorted(await to_the_end(engine, run, {"more": 7}))
