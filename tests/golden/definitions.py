# SPDX-License-Identifier: Apache-2.0
"""The flow and the workflow whose runs the golden documents hold; they must not change.

What is added to the library is tested elsewhere. These stand for what users declared before.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from holdfast import (
    Executor,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    handler,
    response_handler,
)

#: Makes `hold` end at once, where a document goes on.
RELEASED = asyncio.Event()


@dataclass(frozen=True)
class Order:
    """A value that a run keeps."""

    item: str
    price: Decimal


async def begin(data: Any) -> Any:
    """Fill the state with every kind of value."""
    await data.async_set_state("order", Order("tea", Decimal("2.50")))
    await data.async_set_state("pair", (1, b"\x00", {2, 3}))
    await data.async_set_state("at", dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC))
    await data.async_append_state("log", "begun")
    await data.async_emit_nowait("Left", 1)
    return data.input


async def ask_each(data: Any) -> Any:
    """Ask about one item."""
    return await data.async_pause_for(payload={"item": data.input}, interrupt_id=data.input)


async def ask_inside(data: Any) -> Any:
    """Ask inside a sub-flow, with a state of its own."""
    await data.async_set_state("inside", True)
    return await data.async_pause_for(payload="inside?", interrupt_id="inner")


async def sum_up(data: Any) -> Any:
    """Keep what came of the loop."""
    await data.async_set_state("items", data.input)
    await data.async_emit_nowait("Right", 2)
    return data.input


async def came_in(data: Any) -> Any:
    """Keep what came of the sub-flow."""
    await data.async_set_state("inner", data.input)
    return data.input


async def both(data: Any) -> None:
    """Keep that both signals came."""
    await data.async_set_state("both", data.input)


def is_large(data: Any) -> bool:
    """Whether three or more came."""
    return len(data.input) > 2


async def large(data: Any) -> None:
    """Keep the branch."""
    await data.async_set_state("branch", "large")


async def small(data: Any) -> None:
    """Keep the branch."""
    await data.async_set_state("branch", "small")


def flow() -> TriggerFlow[Any, Any, Any]:
    """A loop that asks, a branch, a sub-flow that asks, and a join that is half-filled."""
    child: TriggerFlow[Any, Any, Any] = TriggerFlow(name="inside")
    child.to(ask_inside)
    made: TriggerFlow[Any, Any, Any] = TriggerFlow(name="golden-flow")
    made.register_type(Order, "order.v1")
    made.to(begin).for_each().to(ask_each).end_for_each().to(sum_up).if_condition(is_large).to(
        large
    ).else_condition().to(small).end_condition()
    made.when("Inside").to_sub_flow(child).to(came_in)
    made.when({"event": ["Left", "Right"]}, mode="and").to(both)
    return made


HANDLERS = (begin, ask_each, ask_inside, sum_up, came_in, both, large, small)

#: What a run of the flow ends with, whichever document it went on from.
FLOW_END = {
    "order": Order("tea", Decimal("2.50")),
    "pair": (1, b"\x00", {2, 3}),
    "at": dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC),
    "log": ["begun"],
    "items": ["yes to a", "yes to b"],
    "branch": "small",
    "inner": {"inside": True},
    "both": {"event": {"Left": 1, "Right": 2}},
}


async def hold(data: Any) -> None:
    """Write and send something, then stay under way until a document goes on."""
    await data.async_append_state("log", "held")
    await data.async_emit_nowait("Sent", "once")
    await RELEASED.wait()


async def sent(data: Any) -> None:
    """Count what arrived."""
    await data.async_append_state("sent", data.input)


def holding() -> TriggerFlow[Any, Any, Any]:
    """A flow that is stopped in the middle of a handler."""
    made: TriggerFlow[Any, Any, Any] = TriggerFlow(name="golden-holding")
    made.to(hold)
    made.when("Sent").to(sent)
    return made


HOLDING_END = {"log": ["held"], "sent": ["once"]}


class Start(Executor):
    """Sends on, and counts what it saw."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.seen = 0

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
        self.seen += 1
        ctx.set_state("order", Order(message, Decimal("2.50")))
        await ctx.send_message(message)

    async def on_checkpoint_save(self) -> dict[str, Any]:
        return {"seen": self.seen}

    async def on_checkpoint_restore(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]


class Quick(Executor):
    """Gives its half of the fan-in at once."""

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str, str]) -> None:
        await ctx.yield_output(f"quick {message}")
        await ctx.send_message(f"quick {message}")


class Asker(Executor):
    """Asks, and sends the answer on."""

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
        await ctx.request_info({"about": message}, str, request_id=self.id)

    @response_handler
    async def answered(
        self, original_request: dict, response: str, ctx: WorkflowContext[str, str]
    ) -> None:
        await ctx.send_message(response)
        await ctx.yield_output(response)


class Joined(Executor):
    """Takes the fan-in."""

    @handler
    async def take(self, message: list[str], ctx: WorkflowContext[str, str]) -> None:
        order = ctx.get_state("order")
        await ctx.yield_output(f"{order.item} {order.price}: {', '.join(message)}")


def graph() -> Any:
    """A fan-in of which one half asks, and a sub-workflow that asks."""

    def inner() -> Any:
        builder = WorkflowBuilder(name="inner")
        return builder.register("deep", lambda: Asker("deep")).set_start_executor("deep").build()

    builder = WorkflowBuilder(name="golden-graph")
    builder.register("start", lambda: Start("start"))
    builder.register("quick", lambda: Quick("quick"))
    builder.register("asker", lambda: Asker("asker"))
    builder.register("joined", lambda: Joined("joined"))
    builder.register("sub", lambda: WorkflowExecutor(inner, "sub", propagate_request=True))
    builder.set_start_executor("start")
    builder.add_edge("start", "quick").add_edge("start", "asker").add_edge("start", "sub")
    builder.add_fan_in_edges(["quick", "asker", "sub"], "joined")
    return builder.build().register_type(Order, "order.v1")


#: What a run of the workflow has yielded in the end.
GRAPH_END = ["quick tea", "yes", "tea 2.50: quick tea, yes, deep yes"]
