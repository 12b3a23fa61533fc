# SPDX-License-Identifier: Apache-2.0
"""Handlers that will not stop: nobody waits for them for ever, and they change nothing any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Engine, Executor, MemoryStore, TriggerFlow, WorkflowBuilder, handler
from holdfast.errors import RunError
from holdfast.persistence.store import Store
from holdfast.runtime import halting
from holdfast.workflow import WorkflowContext

Context = WorkflowContext[Any, Any]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real time is waited."""
    monkeypatch.setattr(halting, "GRACE_S", 0.01)


class Stubborn:
    """Swallows every cancellation until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()
        self.cancelled = 0
        self.begun = 0

    async def __call__(self) -> None:
        """Stay."""
        self.begun += 1
        self.reached.set()
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.cancelled += 1


def graph(stubborn: Stubborn, done: list[str]) -> Any:
    """One executor that stays beside one that has ended."""

    class Start(Executor):
        @handler
        async def start(self, message: str, ctx: Context) -> None:
            await ctx.send_message(message)

    class Quick(Executor):
        @handler
        async def work(self, message: str, ctx: Context) -> None:
            done.append("quick")

    class Stays(Executor):
        @handler
        async def work(self, message: str, ctx: Context) -> None:
            await stubborn()
            done.append("stays")
            ctx.set_state("late", True)

    builder = WorkflowBuilder(name="graph", start_executor="start")
    for each in (Start, Quick, Stays):
        name = each.__name__.lower()
        builder.register(name, lambda each=each, name=name: each(name))
    return builder.add_edge("start", "quick").add_edge("start", "stays").build()


def flow(stubborn: Stubborn, done: list[str]) -> TriggerFlow[Any, Any, Any]:
    """One chunk that stays."""

    async def stays(data: Any) -> None:
        await stubborn()
        done.append("stays")
        await data.async_set_state("late", True)

    made: TriggerFlow[Any, Any, Any] = TriggerFlow(name="flow")
    made.to(stays)
    return made


async def test_a_cancelled_workflow_call_comes_back_and_names_who_stays() -> None:
    """Its caller is cancelled; the stubborn handler is left behind."""
    stubborn, done = Stubborn(), []
    call = asyncio.ensure_future(graph(stubborn, done).run("x"))
    await stubborn.reached.wait()
    call.cancel()
    told = "ignored cancellation and were left behind: stays"
    with pytest.warns(RuntimeWarning, match=told), pytest.raises(asyncio.CancelledError):
        await call

    assert stubborn.cancelled >= 1
    stubborn.let_go.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert done == ["quick", "stays"]


@pytest.mark.parametrize("make", [flow, graph])
async def test_an_engine_closes_over_handlers_that_stay(make: Any) -> None:
    """The run is free; what the stubborn handler does later reaches no store."""
    store: Store = MemoryStore()
    stubborn, done = Stubborn(), []
    definition = make(stubborn, done)
    engine = Engine(store, [definition])
    await engine.__aenter__()
    await engine.start(definition, "x", run_id="r")
    await stubborn.reached.wait()
    with pytest.warns(RuntimeWarning, match="left behind: stays"):
        await engine.close()
    row = await store.row("r")
    assert (row.due, row.owner) == (True, None)
    seq = row.seq

    stubborn.let_go.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert done[-1] == "stays"
    assert (await store.row("r")).seq == seq

    async with Engine(store, [make(stubborn, done)]) as again:
        await (await again.open("r")).result()
    assert stubborn.begun == 2
    assert (await store.row("r")).status == "completed"


async def test_many_stubborn_runs_are_left_in_the_time_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their patience does not add up."""
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(halting, "GRACE_S", 0.05)
    stubborn, done = Stubborn(), []
    definition = flow(stubborn, done)
    engine = Engine(MemoryStore(), [definition])
    await engine.__aenter__()
    for number in range(40):
        await engine.start(definition, number)
    await stubborn.reached.wait()
    began = loop.time()
    with pytest.warns(RuntimeWarning, match="left behind"):
        await engine.close()

    assert loop.time() - began < 40 * 0.05 / 2
    stubborn.let_go.set()


async def test_a_release_does_not_wait_for_a_handler_that_stays() -> None:
    """The document holds its delivery, and it runs again where the run goes on."""
    stubborn, done = Stubborn(), []
    execution = flow(stubborn, done).create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start("x"))
    await stubborn.reached.wait()
    other = asyncio.ensure_future(execution.async_emit("START", "y"))
    # A chain gives way to the loop now and then, so the second handler may begin a turn later.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.warns(RuntimeWarning, match="left behind: stays"):
        saved = await execution.async_release()
    stubborn.let_go.set()
    outcomes = await asyncio.gather(start, other, return_exceptions=True)
    assert all(isinstance(outcome, RunError) for outcome in outcomes)

    again = flow(stubborn, done).create_execution(auto_close=False).load(saved)
    await again.async_resume()
    assert await again.async_close() == {"late": True}
    assert stubborn.begun == 4
