# SPDX-License-Identifier: Apache-2.0
"""Durable sleep: when it ends is saved before it begins, whatever clocks and processes do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow, Workflow
from holdfast.errors import DefinitionError, StoreUnavailable
from holdfast.persistence.store import Store
from holdfast.runtime.clock import IDS
from holdfast.runtime.timers import LONGEST_S
from holdfast.runtime.timers import until as until_time
from holdfast.testing.clock import FakeClock
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.runtime.mortal import processes, until
from tests.workflow.graphs import Context, build


class Nap:
    """A definition of either front whose one handler sleeps; what came before and after."""

    def __init__(self, time: Any, *, key: str | None = None) -> None:
        self.time = time
        self.key = key
        self.begun = 0
        self.woken = 0

    async def work(self, data: Any) -> None:
        """Sleep as long as is said now."""
        self.begun += 1
        await data.sleep(self.time, key=self.key)
        self.woken += 1

    def flow(self) -> TriggerFlow[Any, Any, Any]:
        """As a flow."""

        async def work(data: Any) -> None:
            await self.work(data)

        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="nap")
        flow.to(work)
        return flow

    def workflow(self) -> Workflow:
        """As a workflow."""

        async def work(message: Any, ctx: Context) -> None:
            await self.work(ctx)

        return build("a>", {"a": work}, name="nap")


async def turns(count: int = 30) -> None:
    """Let whatever can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture(params=["flow", "workflow"])
def front(request: Any) -> str:
    """Each front."""
    return str(request.param)


def timed(flow: TriggerFlow[Any, Any, Any], clock: FakeClock, **options: Any) -> Any:
    """An execution on the clock, in memory."""
    execution = flow.create_execution(auto_close=False, **options)
    live: Any = execution._flow.live
    live.clock = clock
    return execution


def engine(store: Store, clock: FakeClock, definition: Any) -> Engine:
    """An engine on the clock."""
    return Engine(store, [definition], times=(clock, IDS))


async def test_a_sleep_takes_its_time_on_the_clock_it_is_given(front: str) -> None:
    """Not a second less."""
    clock, nap = FakeClock(), Nap(90)
    definition = getattr(nap, front)()
    async with engine(MemoryStore(), clock, definition) as one:
        run = await one.start(definition, "x", run_id="r")
        await turns()
        clock.pass_s(89.9)
        await turns()
        assert (nap.begun, nap.woken) == (1, 0)
        clock.pass_s(0.1)
        await run.result()
    assert (nap.begun, nap.woken) == (1, 1)


async def test_a_repeat_waits_for_what_is_left_and_so_does_the_next(front: str) -> None:
    """Two restarts in the middle, a third after its time: then it returns at once."""
    store, clock, nap = MemoryStore(), FakeClock(), Nap(timedelta(minutes=10))
    definition = getattr(nap, front)()
    async with engine(store, clock, definition) as one:
        await one.start(definition, "x", run_id="r")
        await turns()
        clock.pass_s(200)
    for begun in (2, 3):
        async with engine(store, clock, definition) as one:
            await turns()
            clock.pass_s(100)
            await turns()
            assert (nap.begun, nap.woken) == (begun, 0)
    clock.set_wall(clock.now() + 200)
    assert clock.now() == 1_000_000 + 600
    clock.forget()
    async with engine(store, clock, definition) as one:
        run = await one.open("r")
        await asyncio.wait_for(run.result(), 5)
    assert (nap.begun, nap.woken) == (4, 1)
    assert clock.monotonic() == 400


async def test_when_it_ends_is_saved_before_it_begins(front: str) -> None:
    """A save that fails is told, and nobody sleeps."""
    plan, clock, nap = FaultPlan(), FakeClock(), Nap(5)
    definition = getattr(nap, front)()
    async with engine(FaultyStore(MemoryStore(), plan), clock, definition) as one:
        run = await one.start(definition, "x", run_id="r")
        plan.at, plan.again = plan.calls + 1, True
        with pytest.raises(StoreUnavailable):
            await run.result()
        assert clock.pending == 0
        plan.disarm()
    assert nap.woken == 0


async def test_a_sleep_costs_one_commit(front: str) -> None:
    """And waking none."""
    clock, nap = FakeClock(), Nap(5)
    store = MemoryStore()
    definition = getattr(nap, front)()
    async with engine(store, clock, definition) as one:
        run = await one.start(definition, "x", run_id="r")
        before = (await store.row("r")).seq
        await turns()
        assert (await store.row("r")).seq == before + 1
        clock.pass_s(5)
        await run.result()


async def test_a_run_in_memory_saves_what_is_left_of_its_sleep() -> None:
    """Whoever loads the document waits for the rest."""
    clock, nap = FakeClock(), Nap(100)
    flow = nap.flow()
    execution = timed(flow, clock)
    running = asyncio.ensure_future(execution.async_start("x"))
    await turns()
    clock.pass_s(40)
    saved = execution.save()
    running.cancel()
    await asyncio.wait({running})
    assert clock.pending == 0

    clock.pass_s(30)
    restored = timed(flow, clock)
    restored.load(saved)
    await restored.async_resume()
    await turns()
    clock.pass_s(29)
    await turns()
    assert nap.woken == 0
    clock.pass_s(1)
    await restored.async_close()
    assert nap.woken == 1


async def test_a_repeat_with_another_time_is_another_sleep_unless_a_key_says_otherwise() -> None:
    """The time as given is what a sleep is known by."""
    for key, woken_after in ((None, 500), ("nap", 70)):
        store, clock, nap = MemoryStore(), FakeClock(), Nap(100, key=key)
        definition = nap.flow()
        async with engine(store, clock, definition) as one:
            await one.start(definition, "x", run_id="r")
            await turns()
            clock.pass_s(30)
        nap.time = 500
        async with engine(store, clock, definition) as one:
            await turns()
            clock.pass_s(woken_after - 1)
            await turns()
            assert nap.woken == 0
            clock.pass_s(1)
            await (await one.open("r")).result()


async def test_an_aware_datetime_is_slept_until() -> None:
    """One that has passed is no sleep at all."""
    for ends_at, passes in ((1_000_060, 60), (999_000, 0)):
        clock, nap = FakeClock(1_000_000), Nap(datetime.fromtimestamp(ends_at, UTC))
        running = asyncio.ensure_future(timed(nap.flow(), clock).async_start("x"))
        await turns()
        assert nap.woken == (not passes)
        clock.pass_s(passes)
        await running
        assert nap.woken == 1


async def test_what_is_no_time_is_refused() -> None:
    """Before anything is kept."""
    times = (-1, float("nan"), float("inf"), "soon", True, datetime(2030, 1, 1), None)  # noqa: DTZ001

    async def work(data: Any) -> None:
        for time in times:
            with pytest.raises(DefinitionError, match="sleep: expected"):
                await data.sleep(time)
        with pytest.raises(DefinitionError, match="key= is text"):
            await data.sleep(1, key=5)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(work)
    await flow.async_start("x")


async def test_a_clock_set_forward_is_noticed_and_moves_only_the_end() -> None:
    """After `LONGEST_S` at the latest."""
    clock = FakeClock()
    sleeping = asyncio.ensure_future(until_time(clock, clock.now() + 10_000))
    await turns()
    clock.set_wall(clock.now() + 9_000)
    clock.pass_s(LONGEST_S)
    await turns()
    assert not sleeping.done()
    clock.set_wall(clock.now() + 5_000)
    clock.pass_s(LONGEST_S)
    await sleeping
    assert clock.monotonic() == 2 * LONGEST_S


async def test_a_clock_set_back_in_the_last_stretch_delays_nothing() -> None:
    """As long as was to be waited for has passed all the same."""
    clock = FakeClock()
    sleeping = asyncio.ensure_future(until_time(clock, clock.now() + 30))
    await turns()
    clock.set_wall(clock.now() - 1_000_000)
    clock.pass_s(30)
    await sleeping


async def test_a_clock_set_back_before_moves_the_end_by_as_much() -> None:
    """And it does end."""
    clock = FakeClock()
    sleeping = asyncio.ensure_future(until_time(clock, clock.now() + 100))
    await turns()
    clock.set_wall(clock.now() - 50)
    clock.pass_s(149)
    await turns()
    assert not sleeping.done()
    clock.pass_s(1)
    await sleeping


async def test_a_sleeping_handler_needs_no_permit_and_takes_one_again() -> None:
    """Others work meanwhile, one at a time with it."""
    clock = FakeClock()
    trail: list[str] = []

    async def sleeper(data: Any) -> None:
        trail.append("sleeps")
        await data.sleep(60)
        trail.append("woke")

    async def worker(data: Any) -> None:
        trail.append("works")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(sleeper)
    flow.to(worker)
    execution = timed(flow, clock, concurrency=1)
    running = asyncio.ensure_future(execution.async_start("x"))
    await turns()
    assert trail == ["sleeps", "works"]
    clock.pass_s(60)
    await running
    assert trail == ["sleeps", "works", "woke"]


async def test_cancelling_a_sleeper_leaves_no_timer() -> None:
    """Cancellation passes through, and the clock is asked for nothing more."""
    clock, nap = FakeClock(), Nap(1000)
    execution = timed(nap.flow(), clock)
    running = asyncio.ensure_future(execution.async_start("x"))
    await turns()
    before = clock.pending
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert clock.pending == before - 1
    assert nap.woken == 0


async def test_a_run_that_sleeps_is_not_set_aside_because_processes_were_killed(
    front: str,
) -> None:
    """However many: each came as far as the sleep, so it is not what they died of."""
    clock, nap = FakeClock(), Nap(100_000)
    definition = getattr(nap, front)()
    async with processes() as (store, made):
        one = await made.begin(definition, clock=clock)
        await one.start(definition, "x", run_id="r")
        for begun in range(1, 8):
            await until(lambda begun=begun: nap.begun >= begun)
            await turns()
            await store.kill(one)
            one = await made.begin(definition, clock=clock)
        await until(lambda: nap.begun == 8)
        clock.pass_s(100_000)
        await (await one.open("r")).result()
    assert nap.woken >= 1
