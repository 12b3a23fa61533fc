# SPDX-License-Identifier: Apache-2.0
"""Definitions as they were when a run began and as they are later, and what is to become of it.

Each case is one way to change a definition while a run of it waits for an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from holdfast import (
    Executor,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    handler,
    response_handler,
)

Build = Callable[[], Any]


class Case(NamedTuple):
    """One change. verdict: what a check says. says: texts among its problems and names."""

    name: str
    before: Build
    after: Build
    verdict: str
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """A value that a run keeps."""

    amount: int


async def ask(data: Any) -> Any:
    """Ask once."""
    return await data.async_pause_for(payload="?", interrupt_id="q")


async def ask_on(data: Any) -> Any:
    """Ask, and go on with an event."""
    return await data.async_pause_for(payload="?", interrupt_id="q", resume_event="Answered")


async def begin(data: Any) -> Any:
    """Keep an order beside what comes."""
    await data.async_set_state("order", Order(3))
    return data.input


async def plain(data: Any) -> Any:
    """Pass it on."""
    return data.input


async def finish(data: Any) -> None:
    """Keep what came."""
    await data.async_set_state("end", data.input)


def _flow(register: bool = False) -> Any:
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="changing")
    if register:
        flow.register_type(Order, "order.v1")
    return flow


def flow_of(*chunks: Any, register: bool = False) -> Build:
    """A flow of chunks in a row; a pair is a chunk with a name of its own."""

    def build() -> Any:
        flow = _flow(register)
        cursor = flow
        for chunk in chunks:
            if isinstance(chunk, tuple):
                cursor = cursor.to(chunk[0], name=chunk[1])
            else:
                cursor = cursor.to(chunk)
        return flow

    return build


def listening(*events: str) -> Build:
    """A flow whose answer goes on with an event; it listens to these."""

    def build() -> Any:
        flow = _flow()
        flow.to(ask_on)
        for event in events:
            flow.when(event).to(finish)
        return flow

    return build


def with_child(*chunks: Any, name: str = "inner") -> Build:
    """A flow with a sub-flow of chunks."""

    def build() -> Any:
        child: TriggerFlow[Any, Any, Any] = TriggerFlow(name=name)
        cursor: Any = child
        for chunk in chunks:
            cursor = cursor.to(chunk)
        flow = _flow()
        flow.to_sub_flow(child).to(finish)
        return flow

    return build


def looping(*lanes: Any) -> Build:
    """A flow with a batch of two lanes."""

    def build() -> Any:
        flow = _flow()
        flow.batch(*lanes).to(finish)
        return flow

    return build


def lambda_flow(*before: Any) -> Build:
    """A flow with a function without a name that asks, behind other chunks."""

    def build() -> Any:
        flow = _flow()
        cursor: Any = flow
        for chunk in before:
            cursor = cursor.to(chunk)
        cursor.to(lambda data: data.async_pause_for(payload="?", interrupt_id="q")).to(finish)
        return flow

    return build


FLOWS = (
    Case("nothing", flow_of(ask, finish), flow_of(ask, finish), "same"),
    Case("a chunk added behind", flow_of(ask, finish), flow_of(ask, plain, finish), "changed"),
    Case("a chunk added before", flow_of(ask, finish), flow_of(plain, ask, finish), "changed"),
    Case("an unused chunk gone", flow_of(plain, ask, finish), flow_of(ask, finish), "changed"),
    Case("an unused chunk renamed", flow_of(ask, finish), flow_of(ask, (finish, "end")), "changed"),
    Case(
        "the chunk renamed",
        flow_of(ask, finish),
        flow_of((ask, "inquire"), finish),
        "cannot",
        ("ask",),
    ),
    Case("the chunk gone", flow_of(ask, finish), flow_of(plain, finish), "cannot", ("ask",)),
    Case("a lambda as it was", lambda_flow(plain), lambda_flow(plain), "same"),
    Case("a lambda moved", lambda_flow(plain), lambda_flow(), "cannot", ("lambda",)),
    Case(
        "a chunk added behind a lambda that asks",
        lambda_flow(),
        lambda: _and_more(lambda_flow()()),
        "cannot",
        ("lambda",),
    ),
    Case(
        "a type kept",
        flow_of(begin, ask, finish, register=True),
        flow_of(begin, ask, finish, register=True),
        "same",
    ),
    Case(
        "a type gone",
        flow_of(begin, ask, finish, register=True),
        flow_of(begin, ask, finish),
        "cannot",
        ("order.v1",),
    ),
    Case("a listener gone", listening("Answered"), listening(), "changed", ("Answered",)),
    Case("a listener added", listening("Answered"), listening("Answered", "New"), "changed"),
    Case("a sub-flow grown", with_child(ask), with_child(plain, ask), "changed"),
    Case("a chunk of a sub-flow gone", with_child(ask), with_child(plain), "cannot", ("/ask",)),
    Case(
        "a sub-flow renamed", with_child(ask), with_child(ask, name="other"), "cannot", ("inner",)
    ),
    Case("a sub-flow gone", with_child(ask), flow_of(ask, finish), "cannot", ("inner",)),
    Case("a lane added", looping(("a", ask)), looping(("a", ask), ("b", plain)), "changed"),
    Case(
        "a lane gone",
        looping(("a", ask), ("b", plain)),
        looping(("c", ask), ("b", plain)),
        "cannot",
        ("[a]",),
    ),
)


def _and_more(flow: Any) -> Any:
    flow.when("New").to(plain)
    return flow


class Front(Executor):
    """Sends on what comes."""

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(message)


class Asker(Executor):
    """Asks, and sends the answer on."""

    @handler
    async def ask(self, message: str, ctx: WorkflowContext[str, str]) -> None:
        await ctx.request_info({"about": message}, str, request_id="q")

    @response_handler
    async def answered(
        self, original_request: dict, response: str, ctx: WorkflowContext[str, str]
    ) -> None:
        await ctx.send_message(response)


class Teller(Executor):
    """Yields what comes."""

    @handler
    async def tell(self, message: str, ctx: WorkflowContext[str, str]) -> None:
        await ctx.yield_output(message)


class Holder(Asker):
    """An asker that holds an order."""

    async def on_checkpoint_save(self) -> dict[str, Any]:
        return {"order": Order(3)}

    async def on_checkpoint_restore(self, state: dict[str, Any]) -> None:
        assert state["order"] == Order(3)


Place = tuple[str, type[Executor]]


def _builder(*places: Place) -> WorkflowBuilder:
    builder = WorkflowBuilder(name="changing")
    for name, kind in places:
        builder.register(name, lambda name=name, kind=kind: kind(name))
    builder.set_start_executor(places[0][0])
    if len(places) > 1:
        builder.add_chain([name for name, _ in places])
    return builder


def graph_of(*places: Place, register: bool = False) -> Build:
    """A workflow of executors in a row."""

    def build() -> Any:
        workflow = _builder(*places).build()
        return workflow.register_type(Order, "order.v1") if register else workflow

    return build


def with_sub(*inside: Place, name: str = "sub") -> Build:
    """A workflow whose second node is a workflow of these executors."""

    def build() -> Any:
        builder = WorkflowBuilder(name="changing")
        builder.register("front", lambda: Front("front"))
        builder.register("tell", lambda: Teller("tell"))
        builder.register(name, lambda: WorkflowExecutor(lambda: _builder(*inside).build(), name))
        builder.set_start_executor("front").add_chain(["front", name, "tell"])
        return builder.build()

    return build


FRONT, ASK, TELL = ("front", Front), ("ask", Asker), ("tell", Teller)
HOLD = ("ask", Holder)
MORE = ("more", Front)

GRAPHS = (
    Case("nothing", graph_of(FRONT, ASK, TELL), graph_of(FRONT, ASK, TELL), "same"),
    Case("a node added", graph_of(FRONT, ASK, TELL), graph_of(FRONT, ASK, MORE, TELL), "changed"),
    Case("a node gone", graph_of(FRONT, MORE, ASK, TELL), graph_of(FRONT, ASK, TELL), "changed"),
    Case(
        "an unused node renamed",
        graph_of(FRONT, ASK, TELL),
        graph_of(("begin", Front), ASK, TELL),
        "changed",
    ),
    Case(
        "the asker renamed",
        graph_of(FRONT, ASK, TELL),
        graph_of(FRONT, ("inquire", Asker), TELL),
        "cannot",
        ("ask",),
    ),
    Case(
        "the asker gone",
        graph_of(FRONT, ASK, TELL),
        graph_of(FRONT, TELL),
        "cannot",
        ("ask",),
    ),
    Case(
        "a type kept",
        graph_of(FRONT, HOLD, TELL, register=True),
        graph_of(FRONT, HOLD, TELL, register=True),
        "same",
    ),
    Case(
        "a type gone",
        graph_of(FRONT, HOLD, TELL, register=True),
        graph_of(FRONT, HOLD, TELL),
        "cannot",
        ("order.v1",),
    ),
    Case("a sub-workflow grown", with_sub(ASK, TELL), with_sub(ASK, MORE, TELL), "changed"),
    Case(
        "a node of a sub-workflow gone",
        with_sub(ASK, TELL),
        with_sub(FRONT, TELL),
        "cannot",
        ("sub/ask",),
    ),
    Case(
        "a sub-workflow renamed",
        with_sub(ASK, TELL),
        with_sub(ASK, TELL, name="other"),
        "cannot",
        ("sub/ask",),
    ),
    Case(
        "an executor became a sub-workflow",
        graph_of(FRONT, ("sub", Asker), TELL),
        with_sub(ASK, TELL),
        "cannot",
        ("sub-workflow",),
    ),
)
