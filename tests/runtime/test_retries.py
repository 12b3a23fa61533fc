# SPDX-License-Identifier: Apache-2.0
"""Retries of kept runs, in both fronts: the count and the time outlive the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    MemoryStore,
    Retry,
    SQLiteStore,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from holdfast.errors import RunCancelled, RunFailed, StoreUnavailable
from holdfast.persistence.store import Store
from holdfast.runtime.clock import IDS
from holdfast.runtime.poison import MOST_DEATHS
from holdfast.runtime.timers import LONGEST_S
from holdfast.testing.clock import FakeClock
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.runtime.mortal import processes

Flow = TriggerFlow[Any, Any, Any]
TEN = Retry(3, backoff=10, factor=1)


class Work:
    """What the one handler does: it fails so often, and notes (attempt, failures) of each call."""

    def __init__(self, failures: int = 2) -> None:
        self.failures = failures
        self.calls: list[tuple[int, int]] = []
        self.hangs = False
        self.begun = asyncio.Event()
        self.before: Callable[[], Any] = lambda: None

    async def __call__(self, context: Any) -> int:
        self.before()
        self.calls.append((context.attempt, context.failures))
        self.begun.set()
        if self.hangs:
            await asyncio.Event().wait()
        if len(self.calls) <= self.failures:
            raise ConnectionError(f"call {len(self.calls)}")
        return len(self.calls)


def flow_of(work: Work, retry: Retry | None) -> Flow:
    """A chunk that works, and one that keeps what it gave."""

    async def working(data: Any) -> int:
        return await work(data)

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    flow: Flow = TriggerFlow(name="flow")
    flow.to(working, retry=retry).to(keep)
    return flow


def graph_of(work: Work, retry: Retry | None) -> Any:
    """An executor that works and yields."""

    class Works(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[None, int]) -> None:
            """Work."""
            await ctx.yield_output(await work(ctx))

    builder = WorkflowBuilder(name="graph", start_executor="working")
    return builder.register("working", lambda: Works("working", retry=retry)).build()


FRONTS = {"flow": flow_of, "graph": graph_of}


@pytest.fixture(params=["flow", "graph"])
def made(request: pytest.FixtureRequest) -> Any:
    """Makes a definition of either front."""
    return FRONTS[request.param]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: Any, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    kept = SQLiteStore(tmp_path / "runs.db", durability="relaxed")
    yield kept
    await kept.close()


def engine(store: Store, clock: FakeClock, definition: Any) -> Engine:
    """An engine on the clock."""
    return Engine(store, [definition], times=(clock, IDS))


async def settled(one: Engine) -> None:
    """Until no task of the run is at work: it waits for its time, or rests."""
    live = (await one.driven("r")).live
    await asyncio.sleep(0)
    while live.tasks:
        await live.settled()
        await asyncio.sleep(0)


def value_of(result: Any) -> Any:
    """What the work gave, of either front's result."""
    return result["end"] if isinstance(result, dict) else result[0]


async def test_the_count_and_the_time_outlive_the_process(made: Any, store: Store) -> None:
    """Whoever takes the run over waits until the same time, and goes on counting."""
    clock, work = FakeClock(1000.0), Work()
    definition = made(work, TEN)
    async with engine(store, clock, definition) as first:
        await first.start(definition, 1, run_id="r")
        await settled(first)
        row = await store.row("r")
        assert (row.status, row.due, row.wake_at) == ("running", True, 1010.0)
        assert row.owner is not None
        clock.pass_s(4)
    clock.forget()
    async with engine(store, clock, definition) as second:
        await settled(second)
        clock.pass_s(5.5)
        await settled(second)
        assert work.calls == [(0, 0)]
        clock.pass_s(0.5)
        await settled(second)
        assert work.calls == [(0, 0), (1, 1)]
        assert (await store.row("r")).wake_at == 1020.0
    clock.forget()
    clock.pass_s(60)
    async with engine(store, clock, definition) as third:
        run = await third.open("r")
        await settled(third)
        clock.pass_s(0)
        assert value_of(await run.result()) == 3
    assert work.calls == [(0, 0), (1, 1), (2, 2)]


async def test_a_crash_uses_up_no_attempt(made: Any, store: Store) -> None:
    """The call that was under way begins again with the same count."""
    clock, work = FakeClock(1000.0), Work(failures=4)
    definition = made(work, TEN)
    async with engine(store, clock, definition) as first:
        await first.start(definition, 1, run_id="r")
        await settled(first)
        work.hangs = True
        work.begun.clear()
        clock.pass_s(10)
        await work.begun.wait()
    work.hangs = False
    clock.forget()
    async with engine(store, clock, definition) as second:
        run = await second.open("r")
        for _ in range(3):
            await settled(second)
            clock.pass_s(10)
        with pytest.raises((RunFailed, ConnectionError)):
            await run.result()
    assert [failures for _, failures in work.calls] == [0, 1, 1, 2]


async def test_a_run_that_waits_is_not_idle_and_has_no_task(made: Any) -> None:
    """It does not close by itself, and nothing polls for it."""
    store, clock, work = MemoryStore(), FakeClock(1000.0), Work(failures=1)
    definition = made(work, Retry(2, backoff=LONGEST_S))
    async with engine(store, clock, definition) as one:
        run = await one.start(definition, 1, run_id="r")
        await settled(one)
        driven = await one.driven("r")
        assert not driven.live.tasks
        assert not driven.live.is_quiet
        clock.pass_s(LONGEST_S - 1)
        await settled(one)
        assert (await store.row("r")).status == "running"
        clock.pass_s(1)
        assert value_of(await run.result()) == 2


async def test_retry_skip_and_cancel_take_effect_while_it_waits(made: Any, store: Store) -> None:
    """Retry calls it at once with a fresh count; skip counts it as done; cancel ends the run."""
    for decision in ("retry", "skip", "cancel"):
        clock, work = FakeClock(1000.0), Work(failures=1)
        definition = made(work, TEN)
        run_id = f"r-{decision}"
        async with engine(store, clock, definition) as one:
            run = await one.start(definition, 1, run_id=run_id)
            driven = await one.driven(run_id)
            while driven.live.tasks:
                await driven.live.settled()
            (waiting,) = driven.live.run.deliveries
            if decision == "retry":
                await one.retry(run_id, waiting)
                assert value_of(await run.result()) == 2
                assert work.calls == [(0, 0), (1, 0)]
            elif decision == "skip":
                await one.skip(run_id, waiting, "instead")
                result = await run.result()
                assert result in ({"end": "instead"}, [])
                assert len(work.calls) == 1
            else:
                await one.cancel(run_id)
                with pytest.raises(RunCancelled):
                    await run.result()
            clock.pass_s(60)
            await asyncio.sleep(0)
            assert len(work.calls) == (2 if decision == "retry" else 1)
            assert not driven.live.run.timers


async def test_a_failing_store_when_the_time_comes_ends_the_run_here(made: Any) -> None:
    """Nothing is called that is not saved; another engine calls it when the store is back."""
    inner, clock, work = MemoryStore(), FakeClock(1000.0), Work(failures=1)
    definition = made(work, TEN)
    plan = FaultPlan()
    store = FaultyStore(inner, plan)
    first = Engine(store, [definition], times=(clock, IDS))
    await first.__aenter__()
    run = await first.start(definition, 1, run_id="r")
    await settled(first)
    plan.at, plan.again = plan.calls + 1, True
    result = asyncio.ensure_future(run.result())
    await asyncio.sleep(0)
    clock.pass_s(10)
    with pytest.raises(StoreUnavailable):
        await result
    assert len(work.calls) == 1
    plan.disarm()
    await first.close()
    async with engine(inner, clock, definition) as second:
        again = await second.open("r")
        await settled(second)
        clock.pass_s(0)
        assert value_of(await again.result()) == 2


async def test_a_failure_that_could_not_be_saved_is_not_followed_by_a_call(made: Any) -> None:
    """The save is what failed, and that is told."""
    inner, clock, work = MemoryStore(), FakeClock(1000.0), Work(failures=1)
    definition = made(work, Retry(2))
    plan = FaultPlan()
    store = FaultyStore(inner, plan)
    work.before = lambda: setattr(plan, "again", True) or setattr(plan, "at", plan.calls + 1)
    one = Engine(store, [definition], times=(clock, IDS))
    await one.__aenter__()
    run = await one.start(definition, 1, run_id="r")
    with pytest.raises(StoreUnavailable):
        await run.result()
    assert len(work.calls) == 1
    plan.disarm()
    await one.close()


@pytest.mark.parametrize("jump", [-5000.0, 5000.0])
async def test_a_wall_clock_that_jumps_neither_loses_nor_repeats_a_call(
    made: Any, jump: float
) -> None:
    """Set back, the wait is as long as it was; set forward, it is noticed soon."""
    store, clock, work = MemoryStore(), FakeClock(10_000.0), Work(failures=1)
    definition = made(work, TEN)
    async with engine(store, clock, definition) as one:
        run = await one.start(definition, 1, run_id="r")
        await settled(one)
        clock.set_wall(10_000.0 + jump)
        clock.pass_s(10)
        await settled(one)
        assert value_of(await run.result()) == 2
        clock.pass_s(LONGEST_S)
    assert len(work.calls) == 2


async def test_owners_that_die_while_it_waits_do_not_set_it_aside(made: Any) -> None:
    """Nothing had begun that could have killed them."""
    clock, work = FakeClock(1000.0), Work(failures=1)
    definition = made(work, Retry(2, backoff=LONGEST_S))
    async with processes() as (store, engines):
        one = await engines.begin(definition, clock=clock)
        await one.start(definition, 1, run_id="r")
        await settled(one)
        for _ in range(MOST_DEATHS + 2):
            await store.kill(one)
            clock.forget()
            one = await engines.begin(definition, clock=clock)
            await settled(one)
        run = await one.open("r")
        clock.pass_s(LONGEST_S)
        assert value_of(await run.result()) == 2
    assert work.calls == [(0, 0), (1, 1)]


async def test_closing_waits_for_the_next_call() -> None:
    """Or stops waiting after its timeout, and names what did not end."""
    for timeout_s in (None, 0.01):
        work = Work(failures=1)
        flow = flow_of(work, Retry(2, backoff=0.02 if timeout_s is None else 3600))
        execution = flow.create_execution(auto_close=False, store=MemoryStore())
        emitted = asyncio.ensure_future(execution.async_start(1))
        await work.begun.wait()
        await asyncio.sleep(0)
        if timeout_s is None:
            assert await execution.async_close() == {"end": 2}
        else:
            with pytest.warns(RuntimeWarning, match="1 handlers were still running.*working"):
                assert await execution.async_close(timeout=timeout_s) == {}
        emitted.cancel()
        await asyncio.gather(emitted, return_exceptions=True)


async def test_a_save_made_while_it_waits_goes_on_elsewhere() -> None:
    """A document keeps the count and the time like a store does."""
    work = Work(failures=1)
    flow = flow_of(work, Retry(2, backoff=0.05))
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(1))
    await work.begun.wait()
    await asyncio.sleep(0)
    saved = await execution.async_release()
    await asyncio.gather(start, return_exceptions=True)
    assert len(work.calls) == 1
    (told,) = flow.create_execution().inspect_load(saved)["will_run_again"]
    assert (told["node"], told["attempt"], told["failures"]) == ("working", 1, 1)
    assert told["runs_again_at"] > 0
    again = flow_of(work, Retry(2, backoff=3600)).create_execution(auto_close=False).load(saved)
    await again.async_resume()
    assert await again.async_close() == {"end": 2}
    assert work.calls == [(0, 0), (1, 1)]


async def test_a_graph_that_stands_waits_for_the_rest_of_the_time() -> None:
    """A sibling failed for good meanwhile; going on by decision keeps count and time."""
    calls: list[str] = []
    failing = [True]

    class Start(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[int]) -> None:
            """Send on."""
            await ctx.send_message(message)

    class Waits(Executor):
        @handler(retry=Retry(3, backoff=10))
        async def take(self, message: int, ctx: WorkflowContext[None, str]) -> None:
            """Fail once."""
            calls.append(f"waits {ctx.failures}")
            if ctx.failures == 0:
                raise ConnectionError
            await ctx.yield_output("waits")

    class Breaks(Executor):
        @handler(retry=Retry(2, backoff=1))
        async def take(self, message: int, ctx: WorkflowContext[None, str]) -> None:
            """Fail until it is mended."""
            calls.append(f"breaks {ctx.failures}")
            if failing:
                raise ConnectionError
            await ctx.yield_output("breaks")

    builder = WorkflowBuilder(name="graph", start_executor="start")
    for name, kind in (("start", Start), ("waits", Waits), ("breaks", Breaks)):
        builder.register(name, lambda name=name, kind=kind: kind(name))  # type: ignore[misc]
    workflow = builder.add_fan_out_edges("start", ["waits", "breaks"]).build()
    store, clock = MemoryStore(), FakeClock(1000.0)
    async with engine(store, clock, workflow) as one:
        run = await one.start(workflow, 1, run_id="r")
        await settled(one)
        clock.pass_s(1)
        await settled(one)
        with pytest.raises(RunFailed):
            await run.result()
        clock.pass_s(4)
        await settled(one)
        assert calls == ["waits 0", "breaks 0", "breaks 1"]
        failing.clear()
        (parked,) = [d.id for d in (await one.driven("r")).live.run.deliveries.values() if d.status]
        await one.retry("r", parked)
        await settled(one)
        assert calls[-1] == "breaks 0"
        clock.pass_s(5)
        await settled(one)
        assert sorted(await (await one.open("r")).result()) == ["breaks", "waits"]
    assert calls.count("waits 1") == 1


async def test_what_waits_stops_with_the_handlers_when_a_run_is_halted(made: Any) -> None:
    """It stays due with its time, and nothing rings for it before somebody goes on."""
    store, clock, work = MemoryStore(), FakeClock(1000.0), Work(failures=1)
    definition = made(work, TEN)
    async with engine(store, clock, definition) as one:
        await one.start(definition, 1, run_id="r")
        await settled(one)
        live = (await one.driven("r")).live
        (delivery,) = live.run.deliveries.values()
        assert await live.halt() == [delivery.id]
        assert live.interrupted == {delivery.id}
        assert (live.run.timers, delivery.again_at, live.is_quiet) == ({}, 1010.0, True)
        clock.pass_s(60)
        await settled(one)
    assert len(work.calls) == 1
