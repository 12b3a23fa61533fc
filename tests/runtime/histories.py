# SPDX-License-Identifier: Apache-2.0
"""Runs with a past, for the tests of what looks back and goes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    MemoryStore,
    SQLiteStore,
    TriggerFlow,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.persistence.store import Store
from holdfast.runtime.engine import RunHandle


def store_of(kind: str, folder: Path) -> Store:
    """A store of either kind."""
    return MemoryStore() if kind == "memory" else SQLiteStore(folder / "runs.db")


both_stores = pytest.mark.parametrize("kind", ["memory", "sqlite"])


async def count(data: Any) -> Any:
    """Write, and give the next step something."""
    await data.async_set_state("order", {"sum": data.input, "by": "count"})
    await data.async_append_state("seen", "count")
    return data.input + 1


async def ask(data: Any) -> Any:
    """Ask under a fixed id."""
    return await data.async_pause_for(payload={"sum": data.input}, interrupt_id="ok")


async def book(data: Any) -> None:
    """Use the answer."""
    await data.async_append_state("seen", data.input)
    await data.async_set_state("booked", data.get_state("order.sum"))


def asking() -> TriggerFlow[Any, Any, Any]:
    """A flow that writes, asks, and uses the answer."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="asking")
    flow.to(count).to(ask).to(book)
    return flow


class Reviewer(Executor):
    """Asks what to do with a number, and yields it with the answer."""

    @handler
    async def look(self, number: int, ctx: WorkflowContext[int]) -> None:
        """Keep the number and pass it on once; then ask about it."""
        ctx.state.set("number", number)
        if number < 10:
            await ctx.send_message(number + 10)
        else:
            await ctx.request_info({"number": number}, str, request_id="ok")

    @response_handler
    async def hear(self, asked: dict, answer: str, ctx: WorkflowContext[int, str]) -> None:
        """Use the answer."""
        ctx.state.set("answer", answer)
        await ctx.yield_output(f"{asked['number']} {answer}")


def reviewing() -> Workflow:
    """A workflow of two supersteps, a question, and its answer."""
    return (
        WorkflowBuilder(name="reviewing", start_executor="review")
        .register("review", lambda: Reviewer(id="review"))
        .add_edge("review", "review")
        .build()
    )


@asynccontextmanager
async def answered(store: Store) -> AsyncIterator[tuple[Engine, RunHandle]]:
    """An engine with a run of `asking` that has ended: it counted 4, and ann said yes."""
    async with Engine(store, [asking(), reviewing()]) as engine:
        run = await engine.start(asking(), 4, run_id="r")
        await run.until_idle()
        await engine.answer("r", "ok", "yes", actor="ann", request_id="mail-1")
        assert await run.result() == {
            "order": {"sum": 4, "by": "count"},
            "seen": ["count", "yes"],
            "booked": 4,
        }
        yield engine, run


async def seq_of(engine: Engine, label: str, run_id: str = "r") -> int:
    """The last commit of a run with this label."""
    page = await engine.history(run_id, newest_first=True)
    return next(moment.seq for moment in page.items if moment.label == label)
