# SPDX-License-Identifier: Apache-2.0
"""Waiting for the result of a run gives the same, whoever carries it, and whoever ended it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import EngineStopped, OwnershipLost, RunCancelled, RunFailed, RunNotFound
from holdfast.runtime import following
from holdfast.runtime.ownership import STALL_S
from holdfast.testing.clock import FakeClock
from tests.runtime.mortal import (
    FRONTS,
    Handler,
    MortalStore,
    SharedStore,
    eventually,
    processes,
    until,
)

#: What the run of `FRONTS` gives in the end.
RESULTS = ({"end": "x"}, ["x"])


@pytest.fixture(params=list(FRONTS))
def front(request: Any) -> str:
    """Both fronts."""
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often: the interval is for people, not for tests."""
    monkeypatch.setattr(following, "LOOK_EVERY_S", 0.005)


async def test_the_result_of_a_run_that_another_process_carries(front: str) -> None:
    """It comes when that process has ended the run; the waiter owns nothing for it."""
    async with processes(SharedStore) as (store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        carrier = await made.begin(definition)
        await carrier.start(definition, "x", run_id="r")
        await handler.has_begun(1)
        other = await made.begin(FRONTS[front](handler))
        waiting = asyncio.ensure_future((await other.open("r")).result())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        epoch = (await store.row("r")).epoch
        handler.door.set()
        assert await waiting in RESULTS
        row = await store.row("r")
        assert (row.epoch, row.owner, handler.begun) == (epoch, None, 1)


async def test_a_handle_follows_its_run_to_the_process_that_takes_it_over(front: str) -> None:
    """Whoever started it hears the result, although another one ended it."""
    async with processes(SharedStore) as (store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        frozen = await made.begin(definition)
        run = await frozen.start(definition, "x", run_id="r")
        await handler.has_begun(1)
        waiting = asyncio.ensure_future(run.result())
        await asyncio.sleep(0)
        await store.kill(frozen)
        other = await made.begin(FRONTS[front](handler))
        await handler.has_begun(2)
        await eventually(lambda: handler.cancelled == 1)
        handler.door.set()
        assert await waiting in RESULTS
        assert await (await other.open("r")).result() in RESULTS


async def test_a_run_that_ended_elsewhere_is_read_without_being_owned(front: str) -> None:
    """Any number of handles may; nothing is written for it."""
    async with processes() as (store, made):
        handler = Handler()
        handler.door.set()
        definition = FRONTS[front](handler)
        first = await made.begin(definition)
        assert await (await first.start(definition, "x", run_id="r")).result() in RESULTS
        before = await store.row("r")
        for _ in range(2):
            other = await made.begin(FRONTS[front](handler))
            assert await (await other.open("r")).result() in RESULTS
        assert await store.row("r") == before


async def test_a_run_that_was_cancelled_elsewhere(front: str) -> None:
    """The same error as where it was carried."""
    async with processes(SharedStore) as (_store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        carrier = await made.begin(definition)
        await carrier.start(definition, "x", run_id="r")
        await handler.has_begun(1)
        other = await made.begin(FRONTS[front](handler))
        waiting = asyncio.ensure_future((await other.open("r")).result())
        await asyncio.sleep(0)
        await carrier.cancel("r")
        with pytest.raises(RunCancelled):
            await waiting
        with pytest.raises(RunCancelled):
            await (await other.open("r")).result()


async def test_a_run_that_stands_parked_elsewhere(front: str) -> None:
    """Its error is told, and it is not taken from the process that has it at hand."""

    class Failing(Handler):
        async def work(self, value: Any) -> Any:
            self.begun += 1
            raise ValueError("no")

    async with processes(SharedStore) as (store, made):
        handler = Failing()
        definition = FRONTS[front](handler)
        carrier = await made.begin(definition)
        run = await carrier.start(definition, "x", run_id="r")
        await run.until_idle()
        before = await store.row("r")
        other = await made.begin(FRONTS[front](handler))
        with pytest.raises(RunFailed, match="ValueError: no"):
            await (await other.open("r")).result()
        assert await store.row("r") == before
        await carrier.retry("r")
        await until(lambda: handler.begun == 2)


async def test_a_run_that_was_deleted_has_the_result_that_was_kept(front: str) -> None:
    """The engine that deletes it keeps its result beside its line."""
    async with processes() as (_store, made):
        handler = Handler()
        handler.door.set()
        definition = FRONTS[front](handler)
        first = await made.begin(definition)
        await (await first.start(definition, "x", run_id="r")).result()
        await first.delete("r")
        other = await made.begin(FRONTS[front](handler))
        assert await (await other.open("r")).result() in RESULTS


async def test_a_run_that_was_deleted_without_its_result() -> None:
    """There is nothing to wait for."""
    async with processes() as (store, made):
        handler = Handler()
        handler.door.set()
        definition = FRONTS["flow"](handler)
        first = await made.begin(definition)
        await (await first.start(definition, "x", run_id="r")).result()
        other = await made.begin(FRONTS["flow"](handler))
        run = await other.open("r")
        await store.delete_run("r")
        with pytest.raises(RunNotFound):
            await run.result()


async def test_a_run_that_ended_here_is_told_after_the_engine_was_closed(front: str) -> None:
    """The handle has its result; nothing has to be looked up."""
    async with processes() as (_store, made):
        handler = Handler()
        handler.door.set()
        definition = FRONTS[front](handler)
        engine = await made.begin(definition)
        run = await engine.start(definition, "x", run_id="r")
        await run.result()
        await engine.close()
        assert await run.result() in RESULTS


@pytest.mark.parametrize("kind", [MortalStore, SharedStore])
async def test_whoever_waits_hears_that_the_engine_was_closed(
    front: str, kind: type[MortalStore]
) -> None:
    """Nobody waits for ever for what can come no more, whether or not the run is here."""
    async with processes(kind) as (_store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        carrier = await made.begin(definition)
        run = await carrier.start(definition, "x", run_id="r")
        await handler.has_begun(1)
        other = await made.begin(FRONTS[front](handler))
        mine = asyncio.ensure_future(run.result())
        theirs = asyncio.ensure_future((await other.open("r")).result())
        await asyncio.sleep(0.01)
        await other.close()
        await carrier.close()
        for waiting in (mine, theirs):
            with pytest.raises(EngineStopped):
                await waiting


async def test_after_a_drain_the_result_comes_from_whoever_went_on(front: str) -> None:
    """The handle of a process on its way out still tells it."""
    async with processes(SharedStore) as (_store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        leaving = await made.begin(definition)
        run = await leaving.start(definition, "x", run_id="r")
        await handler.has_begun(1)
        waiting = asyncio.ensure_future(run.result())
        await leaving.drain(timeout_s=0)
        assert not waiting.done()
        handler.door.set()
        await made.begin(FRONTS[front](handler))
        assert await waiting in RESULTS


async def test_an_answer_given_where_a_run_rested_reaches_whoever_took_it() -> None:
    """The process that had it at rest lost it meanwhile; answering there works all the same."""

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="q")

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    def asking() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
        flow.to(ask).to(keep)
        return flow

    async with processes(SharedStore) as (store, made):
        first = await made.begin(asking())
        run = await first.start(asking(), "x", run_id="r")
        await run.until_idle()
        waiting = asyncio.ensure_future(run.result())
        second = await made.begin(asking())
        await second.driven("r")
        assert (await store.row("r")).owner is not None
        await first.answer("r", "q", 1)
        assert await waiting == {"end": 1}


async def test_a_process_that_stood_still_lets_go_of_what_others_took(front: str) -> None:
    """At its first look its stale handlers are cancelled, before they have written anything."""
    async with processes() as (store, made):
        handler, clock = Handler(), FakeClock()
        definition = FRONTS[front](handler)
        frozen = await made.begin(definition, clock=clock)
        await frozen.start(definition, "x", run_id="r")
        await handler.has_begun(1)
        await store.kill(frozen)
        await made.begin(FRONTS[front](handler))
        await handler.has_begun(2)
        stale = await frozen.driven("r")
        before = await store.row("r")

        clock.pass_s(STALL_S)
        await frozen.look()
        await until(lambda: handler.cancelled == 1)
        assert isinstance(stale.live.dead, OwnershipLost)
        assert await store.row("r") == before
