# SPDX-License-Identifier: Apache-2.0
"""A run along every kind of edge, for the crash tests to kill at every store operation."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import Case, Default, Engine, Executor, WorkflowBuilder, WorkflowContext, handler
from holdfast.persistence.store import Store
from holdfast.runtime.engine import RunHandle
from holdfast.testing.crash import Log

#: Large enough to be kept once for all who take it.
LARGE = "x" * 600


class Node(Executor):
    """Notes what it takes in a private scope, and sends on."""

    def __init__(self, id: str, log: Log) -> None:
        super().__init__(id)
        self.log = log

    async def note(self, message: Any, ctx: WorkflowContext[Any, Any]) -> None:
        """As every handler begins."""
        self.log.begin(self.id, message)
        await asyncio.sleep(0)
        count = await ctx.read_state("count")
        await ctx.queue_state_update("count", (count or 0) + 1)

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
        await self.note(message, ctx)
        await ctx.queue_state_update("last", self.id, f"of {self.id}")
        await ctx.send_message(f"{message[:5]}{self.id}")


class Start(Node):
    """Sends something large to several, and something small; other texts in each round."""

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
        await self.note(message, ctx)
        await ctx.send_message(message + LARGE)
        await ctx.send_message("small " + message)


class Join(Node):
    """Takes a list, asks for a rest, and goes round once more."""

    @handler
    async def take_all(self, message: list[str], ctx: WorkflowContext[str, Any]) -> None:
        await self.note(message, ctx)
        ctx.append_state("joined", sorted(message))
        ctx.request_halt()
        if len(ctx.get_state("joined")) < 2:
            await ctx.send_message("again")
        else:
            await ctx.yield_output(ctx.get_state("joined"))
            await ctx.send_message("done")


class Last(Node):
    """Yields what it takes."""

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str, str]) -> None:
        await self.note(message, ctx)
        await ctx.yield_output(f"{self.id} took {message}")


def is_small(message: str) -> bool:
    """A case of the switch."""
    return message.startswith("small")


def by_length(message: str, targets: list[str]) -> list[str]:
    """The selection."""
    return targets if message == "done" else []


def builder(log: Log, *, mended: list[bool]) -> WorkflowBuilder:
    """The workflow. mended: the condition holds up only when this says so."""

    def delicate(message: str) -> bool:
        if not mended:
            raise LookupError("not yet")
        return message == "again"

    new = WorkflowBuilder(name="edges", start_executor="s")
    kinds = {"s": Start, "t": Join, "x": Last, "y": Last}
    for name in "sabcdtxy":
        new.register(name, lambda name=name: kinds.get(name, Node)(name, log))
    new.add_switch_case_edge_group("s", [Case(is_small, "d"), Default(["a", "b"])])
    new.add_edge("b", "c").add_fan_in_edges(["c", "a"], "t")
    new.add_edge("t", "s", delicate)
    new.add_multi_selection_edge_group("t", ["x", "y"], by_length)
    return new


async def edges(store: Store, log: Log) -> Any:
    """A switch, joins of unequal depth in a loop, a selection, parked routing, a halt."""
    mended: list[bool] = []
    workflow = builder(log, mended=mended).build()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "in", run_id="run")
        await _until_done(engine, run, mended)
        driven = await engine.driven("run")
        state = {key: cell.value for key, cell in sorted(driven.live.run.frames[0].state.items())}
        return [await (await engine.open("run")).result(), state]


async def _until_done(engine: Engine, run: RunHandle, mended: list[bool]) -> None:
    """Decide whatever the run stands for."""
    while True:
        driven = await engine.driven("run")
        await driven.live.until_quiet()
        status = driven.live.run.status
        if status == "completed":
            return
        if status == "failed":
            mended.append(True)
        await engine.resume(run.run_id)
