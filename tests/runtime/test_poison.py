# SPDX-License-Identifier: Apache-2.0
"""A run that kills whoever carries it is taken over three times, and then left to a person."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast import Engine, Retry, SQLiteStore, TriggerFlow
from holdfast.errors import OwnersDied, StoreUnavailable
from holdfast.persistence.store import RunRow, Store
from holdfast.runtime.poison import MOST_DEATHS
from holdfast.testing.clock import FakeClock
from tests.runtime import dying
from tests.runtime.mortal import FRONTS, Handler, MortalStore, Processes, processes, until
from tests.workflow.graphs import build, give

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=list(FRONTS))
def front(request: Any) -> str:
    """Both fronts."""
    name: str = request.param
    return name


async def die_at(store: MortalStore, made: Processes, front: str, times: int) -> Handler:
    """Start a run, and let so many processes die at its second step."""
    handler = Handler()
    for number in range(times):
        definition = FRONTS[front](handler)
        engine = await made.begin(definition)
        if number == 0:
            await engine.start(definition, "x", run_id="r")
        await handler.has_begun(number + 1)
        await store.kill(engine)
    return handler


async def parked_by(store: Store, made: Processes, front: str, handler: Handler) -> Engine:
    """The next process, which sets the run aside."""
    engine = await made.begin(FRONTS[front](handler))
    row = await store.row("r")
    assert (row.status, row.due) == ("parked", False)
    return engine


def check_parked(row: RunRow) -> None:
    """The row says in a sentence what happened, and nobody carries it."""
    assert row.error is not None
    assert row.error.startswith("OwnersDied: 3 owners in a row died, or stood still")
    assert (row.claims, row.owner) == (0, None)


async def test_the_run_is_parked_after_three_deaths_at_one_step(front: str) -> None:
    """The handler has begun three times, and does not begin a fourth time."""
    async with processes() as (store, made):
        handler = await die_at(store, made, front, MOST_DEATHS)
        await parked_by(store, made, front, handler)
        check_parked(await store.row("r"))
        another = await made.begin(FRONTS[front](handler))
        await another.look()
        assert handler.begun == MOST_DEATHS


async def test_two_deaths_are_not_enough(front: str) -> None:
    """The third process does what the others could not, and the run ends."""
    async with processes() as (store, made):
        handler = await die_at(store, made, front, MOST_DEATHS - 1)
        handler.door.set()
        engine = await made.begin(FRONTS[front](handler))
        result = await (await engine.open("r")).result()
        assert result in ({"end": "x"}, ["x"])


async def test_whoever_waits_for_the_result_is_told_how_often_its_owners_died(front: str) -> None:
    """A typed error with the number, as itself or as the cause."""
    async with processes() as (store, made):
        handler = await die_at(store, made, front, MOST_DEATHS)
        engine = await parked_by(store, made, front, handler)
        with pytest.raises(RuntimeError) as caught:
            await (await engine.open("r")).result()
        error = caught.value if isinstance(caught.value, OwnersDied) else caught.value.__cause__
        assert isinstance(error, OwnersDied)
        assert error.deaths == MOST_DEATHS


async def test_a_retry_begins_the_count_anew(front: str) -> None:
    """Somebody decided: it may die three times again before it is parked again."""
    async with processes() as (store, made):
        handler = await die_at(store, made, front, MOST_DEATHS)
        engine = await parked_by(store, made, front, handler)
        await engine.retry("r")
        await handler.has_begun(MOST_DEATHS + 1)
        await store.kill(engine)
        for more in (2, 3):
            engine = await made.begin(FRONTS[front](handler))
            await handler.has_begun(MOST_DEATHS + more)
            await store.kill(engine)
        await parked_by(store, made, front, handler)
        assert handler.begun == 2 * MOST_DEATHS


async def test_a_parked_run_can_be_cancelled(front: str) -> None:
    """And nothing of it begins."""
    async with processes() as (store, made):
        handler = await die_at(store, made, front, MOST_DEATHS)
        engine = await parked_by(store, made, front, handler)
        await engine.cancel("r")
        assert (await store.row("r")).status == "cancelled"
        assert handler.begun == MOST_DEATHS


async def test_a_retry_that_ends_well_ends_the_run(front: str) -> None:
    """What was parked was whole: its payload, its place in the run."""
    async with processes() as (store, made):
        handler = await die_at(store, made, front, MOST_DEATHS)
        engine = await parked_by(store, made, front, handler)
        handler.door.set()
        await engine.retry("r")
        await (await engine.open("r")).until_idle()
        assert await (await engine.open("r")).result() in ({"end": "x"}, ["x"])


async def test_a_resume_of_a_run_that_is_set_aside_just_then_does_not_begin_it(front: str) -> None:
    """Whoever resumes in a loop is stopped too; the next resume is a decision, and tries again."""
    async with processes() as (store, made):
        handler = await die_at(store, made, front, MOST_DEATHS)
        engine = await made.begin(FRONTS[front](handler), recover=False)
        await engine.resume("r")
        assert (await store.row("r")).status == "parked"
        assert handler.begun == MOST_DEATHS
        await engine.resume("r")
        await handler.has_begun(MOST_DEATHS + 1)


async def test_owners_that_give_a_run_up_do_not_count(front: str) -> None:
    """However often it is restarted in order, at one and the same step."""
    async with processes() as (_store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        engine = await made.begin(definition)
        await engine.start(definition, "x", run_id="r")
        for number in range(2, 8):
            await handler.has_begun(number - 1)
            await engine.close()
            engine = await made.begin(FRONTS[front](handler))
        await handler.has_begun(7)
        assert (await engine.store.row("r")).claims == 0


async def test_progress_between_deaths_begins_the_count_anew() -> None:
    """A run of many steps, at each of which a process dies twice, comes to its end."""
    handlers = [Handler() for _ in range(3)]

    def steps() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
        chain: Any = flow
        for number, handler in enumerate(handlers):

            async def work(data: Any, handler: Handler = handler) -> Any:
                return await handler.work(data.input)

            work.__name__ = f"work_{number}"
            chain = chain.to(work)
        return flow

    async with processes() as (store, made):
        engine = await made.begin(steps())
        await engine.start(steps(), "x", run_id="r")
        for handler in handlers:
            for times in (1, 2):
                await handler.has_begun(times)
                await store.kill(engine)
                engine = await made.begin(steps())
            await handler.has_begun(3)
            handler.door.set()
        await (await engine.open("r")).result()
        assert (await store.row("r")).status == "completed"


async def test_what_a_handler_kept_before_it_died_is_progress() -> None:
    """An emit in the ledger is not made again; the count begins after it."""
    handler = Handler()

    def emitting() -> TriggerFlow[Any, Any, Any]:
        async def work(data: Any) -> Any:
            for number in range(handler.begun + 1):
                await data.async_emit("E", number)
            return await handler.work(data.input)

        async def heard(data: Any) -> None:
            await data.async_append_state("heard", data.input)

        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
        flow.to(work)
        flow.when("E").to(heard)
        return flow

    async with processes() as (store, made):
        engine = await made.begin(emitting())
        await engine.start(emitting(), "x", run_id="r")
        for times in range(1, 7):
            await handler.has_begun(times)
            await store.kill(engine)
            engine = await made.begin(emitting())
        await handler.has_begun(7)
        handler.door.set()
        assert await (await engine.open("r")).result() == {"heard": list(range(7))}


async def test_the_emitter_and_what_it_waits_for_are_parked_and_retried_together() -> None:
    """A retry runs each of them once; the emitter finds what its emit gave."""
    handler = Handler()

    def emitting() -> TriggerFlow[Any, Any, Any]:
        async def work(data: Any) -> Any:
            return await data.async_emit("E", data.input)

        async def inner(data: Any) -> Any:
            return await handler.work(data.input)

        async def keep(data: Any) -> None:
            await data.async_set_state("end", data.input)

        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
        flow.to(work).to(keep)
        flow.when("E").to(inner)
        return flow

    async with processes() as (store, made):
        engine = await made.begin(emitting())
        await engine.start(emitting(), "x", run_id="r")
        for times in (1, 2, 3):
            await handler.has_begun(times)
            await store.kill(engine)
            engine = await made.begin(emitting())
        assert (await store.row("r")).status == "parked"
        handler.door.set()
        await engine.retry("r")
        await (await engine.open("r")).until_idle()
        assert handler.begun == 4
        assert await (await engine.open("r")).result() == {"end": ["x"]}


def wide(front: str, handler: Handler) -> Any:
    """Two steps side by side, each of which waits, and one that takes what both give."""
    if front == "workflow":

        async def work(message: Any, ctx: Any) -> None:
            await ctx.send_message(await handler.work(message))

        return build("a>b a>c b>d c>d", {"b": work, "c": work, "d": give}, name="mortal")

    async def first(data: Any) -> Any:
        return await handler.work(data.input)

    async def second(data: Any) -> Any:
        return await handler.work(data.input)

    async def keep(data: Any) -> None:
        await data.async_append_state("end", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
    flow.batch(first, second).to(keep)
    return flow


async def test_all_that_was_due_is_parked_and_retried(front: str) -> None:
    """Steps side by side: nobody knows which of them it was; after the retry each ends once."""
    async with processes() as (store, made):
        handler = Handler()
        engine = await made.begin(wide(front, handler))
        await engine.start(wide(front, handler), "x", run_id="r")
        for times in (2, 4, 6):
            await handler.has_begun(times)
            await store.kill(engine)
            engine = await made.begin(wide(front, handler))
        check_parked(await store.row("r"))
        assert len(await engine.parked("r")) == 2
        handler.door.set()
        await engine.retry("r")
        await (await engine.open("r")).until_idle()
        result = await (await engine.open("r")).result()
        assert result == (
            {"end": [{"first": "x", "second": "x"}]} if front == "flow" else ["x"] * 2
        )
        assert handler.begun == 8


async def test_each_that_was_due_can_be_decided_about_by_itself(front: str) -> None:
    """The run stands until the last of them is."""
    async with processes() as (store, made):
        handler = Handler()
        engine = await made.begin(wide(front, handler))
        await engine.start(wide(front, handler), "x", run_id="r")
        for times in (2, 4, 6):
            await handler.has_begun(times)
            await store.kill(engine)
            engine = await made.begin(wide(front, handler))
        handler.door.set()
        one, other = await engine.parked("r")
        await engine.retry("r", one.delivery)
        await (await engine.open("r")).until_idle()
        assert (await store.row("r")).status == "parked"
        await engine.skip("r", other.delivery, "instead")
        await (await engine.open("r")).until_idle()
        result = await (await engine.open("r")).result()
        assert result == (
            {"end": [{"first": "x", "second": "instead"}]} if front == "flow" else ["x"]
        )


async def test_a_store_that_fails_while_the_run_is_set_aside_begins_nothing(front: str) -> None:
    """The next process sets it aside; the handler has begun no more often."""
    async with processes() as (store, made):
        handler = await die_at(store, made, front, MOST_DEATHS)
        append = store.append

        async def refuse(*_args: Any, **_named: Any) -> int:
            raise StoreUnavailable("no")

        store.append = refuse  # type: ignore[method-assign]
        failing = await made.begin(FRONTS[front](handler))
        assert (await store.row("r")).status == "running"
        store.append = append  # type: ignore[method-assign]
        await store.kill(failing)
        await parked_by(store, made, front, handler)
        assert handler.begun == MOST_DEATHS


async def test_a_run_that_only_waits_is_never_set_aside() -> None:
    """Its question stays open however many of its owners die; the answer goes on."""

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="q")

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    def asking() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
        flow.to(ask).to(keep)
        return flow

    async with processes() as (store, made):
        engine = await made.begin(asking())
        await engine.start(asking(), "x", run_id="r")
        await (await engine.open("r")).until_idle()
        for _ in range(5):
            await store.kill(engine)
            engine = await made.begin(asking())
            await engine.driven("r")
        assert (await store.row("r")).status == "waiting"
        await engine.answer("r", "q", 1)
        assert await (await engine.open("r")).result() == {"end": 1}


async def test_a_delivery_that_waits_to_be_tried_again_is_never_parked_for_it() -> None:
    """Its processes die of something else; it keeps its place and its time."""
    tried: list[int] = []

    async def flaky(data: Any) -> None:
        tried.append(data.attempt)
        if len(tried) == 1:
            raise ConnectionError("not yet")
        await data.async_set_state("end", data.input)

    def waiting() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
        flow.to(flaky, retry=Retry(3, backoff=50.0))
        return flow

    async with processes() as (store, made):
        clock = FakeClock()
        engine = await made.begin(waiting(), clock=clock)
        await engine.start(waiting(), "x", run_id="r")
        await until(lambda: len(tried) == 1)
        for _ in range(5):
            await store.kill(engine)
            engine = await made.begin(waiting(), clock=clock)
            assert (await store.row("r")).status == "running"
        assert len(tried) == 1
        clock.pass_s(51.0)
        assert await (await engine.open("r")).result() == {"end": "x"}
        assert len(tried) == 2


async def test_a_handler_that_sleeps_is_never_parked_for_it() -> None:
    """It did nothing that could kill anybody; it wakes up at its time all the same."""
    handler = Handler()

    def sleeping() -> TriggerFlow[Any, Any, Any]:
        async def work(data: Any) -> None:
            handler.begun += 1
            await data.async_sleep(1000.0)
            await data.async_set_state("end", data.input)

        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
        flow.to(work)
        return flow

    async with processes() as (store, made):
        clock = FakeClock()
        engine = await made.begin(sleeping(), clock=clock)
        await engine.start(sleeping(), "x", run_id="r")
        for times in range(1, 7):
            await handler.has_begun(times)
            for _ in range(10):
                await asyncio.sleep(0)
            await store.kill(engine)
            engine = await made.begin(sleeping(), clock=clock)
        assert (await store.row("r")).status == "running"
        await handler.has_begun(7)
        clock.pass_s(1001.0)
        assert await (await engine.open("r")).result() == {"end": "x"}


async def test_jumps_of_the_wall_clock_count_for_nothing(front: str) -> None:
    """Deaths are counted by claims, not by times."""
    async with processes() as (store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        engine = await made.begin(definition, clock=FakeClock())
        await engine.start(definition, "x", run_id="r")
        for number, wall in enumerate((10.0**9, 0.0), 1):
            await handler.has_begun(number)
            await store.kill(engine)
            engine = await made.begin(FRONTS[front](handler), clock=FakeClock(wall=wall))
            assert (await store.row("r")).claims == number
        await handler.has_begun(3)


@pytest.mark.parametrize("how", dying.WAYS)
async def test_processes_that_kill_themselves_at_a_step_park_its_run(
    tmp_path: Path, front: str, how: str
) -> None:
    """Whatever ends them: three die, the fourth lives and shows the run as parked."""
    path = tmp_path / "runs.db"
    ended = [run_child(path, front, how) for _ in range(MOST_DEATHS + 1)]
    assert [child.returncode == 0 for child in ended] == [False] * MOST_DEATHS + [True]
    assert ended[-1].stdout.strip() == "parked"
    store = SQLiteStore(path)
    try:
        check_parked(await store.row("r"))
    finally:
        await store.close()
    begun = (tmp_path / "begun").read_text()
    assert begun == "b" * MOST_DEATHS


def run_child(path: Path, front: str, how: str) -> subprocess.CompletedProcess[str]:
    """One process that starts the run, or takes it over."""
    return subprocess.run(
        [sys.executable, "-m", "tests.runtime.dying", str(path), front, how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
