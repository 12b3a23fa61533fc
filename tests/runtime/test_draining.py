# SPDX-License-Identifier: Apache-2.0
"""Going out of service: what is under way ends, nothing begins, another process goes on at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast import Engine, TriggerFlow
from holdfast.errors import EngineStopped, RunBusy, SignalsUnavailable
from holdfast.runtime.engine import Left
from tests.runtime.mortal import FRONTS, Handler, processes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=list(FRONTS))
def front(request: Any) -> str:
    """Both fronts."""
    name: str = request.param
    return name


#: What the run of `FRONTS` gives in the end.
RESULTS = ({"end": "x"}, ["x"])


async def begun(engine: Engine, definition: Any, handler: Handler) -> None:
    """A run whose second step is under way."""
    await engine.start(definition, "x", run_id="r")
    await handler.has_begun(1)


async def test_a_handler_under_way_ends_and_the_next_process_begins_after_it(front: str) -> None:
    """Its end is kept, what follows it does not begin here, and nothing is repeated."""
    async with processes() as (store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        engine = await made.begin(definition)
        await begun(engine, definition, handler)
        draining = asyncio.ensure_future(engine.drain(timeout_s=5))
        await asyncio.sleep(0)
        handler.door.set()
        (left,) = await draining
        assert (left.run_id, left.cancelled, len(left.due)) == ("r", (), 1)
        assert (await store.row("r")).owner is None
        assert await store.owners() == ()

        other = await made.begin(FRONTS[front](handler))
        assert await (await other.open("r")).result() in RESULTS
        assert handler.begun == 1


async def test_a_handler_that_takes_too_long_is_cancelled_and_runs_again(front: str) -> None:
    """Once, in the process that takes the run over; it counts as no death of an owner."""
    async with processes() as (store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        engine = await made.begin(definition)
        await begun(engine, definition, handler)
        (left,) = await engine.drain(timeout_s=0.01)
        assert left.cancelled == left.due
        assert len(left.due) == 1
        assert handler.cancelled == 1

        handler.door.set()
        other = await made.begin(FRONTS[front](handler))
        assert (await store.row("r")).claims == 0
        assert await (await other.open("r")).result() in RESULTS
        assert handler.begun == 2


async def test_a_run_that_ends_meanwhile_is_not_left() -> None:
    """Its last handler ended, so it ended too."""
    handler = Handler()

    async def work(data: Any) -> None:
        await handler.work(data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
    flow.to(work)
    async with processes() as (store, made):
        engine = await made.begin(flow)
        await begun(engine, flow, handler)
        draining = asyncio.ensure_future(engine.drain(timeout_s=5))
        await asyncio.sleep(0)
        handler.door.set()
        assert await draining == ()
        assert (await store.row("r")).status == "completed"


async def test_what_a_handler_under_way_waits_for_is_part_of_it() -> None:
    """Its emit runs to its end; what it only set going does not begin any more."""
    handler = Handler()
    seen: list[str] = []

    async def work(data: Any) -> Any:
        await handler.work(data.input)
        await data.async_emit_nowait("Later", 1)
        return await data.async_emit("Now", 2)

    async def now(data: Any) -> Any:
        seen.append("now")
        return data.input

    async def after_now(data: Any) -> Any:
        seen.append("after now")
        return data.input

    async def later(_data: Any) -> None:
        seen.append("later")

    def emitting() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
        flow.to(work)
        flow.when("Now").to(now).to(after_now)
        flow.when("Later").to(later)
        return flow

    async with processes() as (_store, made):
        engine = await made.begin(emitting())
        await begun(engine, emitting(), handler)
        draining = asyncio.ensure_future(engine.drain(timeout_s=5))
        await asyncio.sleep(0)
        handler.door.set()
        (left,) = await draining
        assert seen == ["now", "after now"]
        assert left == Left(run_id="r", due=("later",))

        other = await made.begin(emitting())
        await (await other.open("r")).result()
        assert seen == ["now", "after now", "later"]


async def test_handlers_that_wait_for_a_permit_have_not_begun() -> None:
    """They stay due, and no time is spent on them."""
    handler = Handler()

    async def work(data: Any) -> None:
        await handler.work(data.input)

    def wide() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")

        async def spread(data: Any) -> Any:
            return list(range(data.input))

        flow.to(spread).for_each(concurrency=1).to(work).end_for_each()
        return flow

    async with processes() as (_store, made):
        engine = await made.begin(wide())
        await engine.start(wide(), 5, run_id="r")
        await handler.has_begun(1)
        draining = asyncio.ensure_future(engine.drain(timeout_s=5))
        await asyncio.sleep(0)
        handler.door.set()
        (left,) = await draining
        assert (left.cancelled, left.due) == ((), ("work",))
        assert handler.begun == 1

        other = await made.begin(wide())
        await (await other.open("r")).result()
        assert handler.begun == 5


async def test_nothing_is_started_or_taken_over_any_more(front: str) -> None:
    """A typed error, during the drain and after it; answers and signals are posted all the same."""
    async with processes() as (store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        engine = await made.begin(definition)
        await begun(engine, definition, handler)
        draining = asyncio.ensure_future(engine.drain(timeout_s=5))
        await asyncio.sleep(0)
        with pytest.raises(EngineStopped):
            await engine.start(definition, "y")
        handler.door.set()
        await draining
        with pytest.raises(EngineStopped):
            await engine.resume("r")
        await engine.cancel("r")
        assert (await store.row("r")).inbox == 1
        other = await made.begin(FRONTS[front](Handler()))
        await other.look()
        assert (await store.row("r")).status == "cancelled"


async def test_a_second_drain_waits_for_the_first(front: str) -> None:
    """Both give the same."""
    async with processes() as (_store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        engine = await made.begin(definition)
        await begun(engine, definition, handler)
        both = asyncio.gather(engine.drain(timeout_s=5), engine.drain(timeout_s=0))
        await asyncio.sleep(0)
        handler.door.set()
        first, second = await both
        assert first == second
        assert await engine.drain() == first


async def test_closing_during_a_drain_waits_no_longer(front: str) -> None:
    """The handler under way is cancelled at once, and its run is free."""
    async with processes() as (store, made):
        handler = Handler()
        definition = FRONTS[front](handler)
        engine = await made.begin(definition)
        await begun(engine, definition, handler)
        draining = asyncio.ensure_future(engine.drain(timeout_s=60))
        await asyncio.sleep(0)
        await engine.close()
        with pytest.raises(asyncio.CancelledError):
            await draining
        assert handler.cancelled == 1
        assert (await store.row("r")).owner is None


async def test_a_handler_cannot_drain_the_engine_that_carries_it() -> None:
    """It would wait for itself."""
    engines: list[Engine] = []

    async def work(_data: Any) -> None:
        await engines[0].drain()

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mortal")
    flow.to(work)
    async with processes() as (_store, made):
        engines.append(await made.begin(flow))
        run = await engines[0].start(flow, "x")
        with pytest.raises(RunBusy):
            await run.result()


async def test_a_signal_of_the_system_drains() -> None:
    """What `drain_on` returns ends with what was left; the signal is heard until the close."""
    async with processes() as (_store, made):
        handler = Handler()
        definition = FRONTS["flow"](handler)
        engine = await made.begin(definition)
        await begun(engine, definition, handler)
        drained = engine.drain_on(signal.SIGUSR1, timeout_s=5)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(0.01)
        handler.door.set()
        assert await drained == (Left(run_id="r", due=("keep",)),)


async def test_without_a_signal_whoever_waits_for_one_is_told_of_the_close() -> None:
    """Nobody waits for ever for a signal that does not come."""
    async with processes() as (_store, made):
        engine = await made.begin(FRONTS["flow"](Handler()))
        drained = engine.drain_on(signal.SIGUSR1)
        await engine.close()
        with pytest.raises(EngineStopped):
            await drained


def test_signals_are_for_the_main_thread() -> None:
    """Elsewhere a typed error says so."""
    found: list[BaseException] = []

    async def main() -> None:
        async with Engine("memory://") as engine:
            try:
                engine.drain_on(signal.SIGTERM)
            except SignalsUnavailable as error:
                found.append(error)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    thread.join()
    assert len(found) == 1


def child(folder: Path, front: str, grace_s: float) -> subprocess.Popen[str]:
    """A process that carries the run and drains on SIGTERM."""
    path = str(folder / "runs.db")
    words = ("-m", "tests.runtime.drained", path, front, str(grace_s))
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def until_noted(folder: Path, text: str, within_s: float = 30.0) -> float:
    """Wait until the handlers have noted this much; returns how long it took."""
    began = time.monotonic()
    file = folder / "noted"
    while not file.exists() or file.read_text() != text:
        assert time.monotonic() - began < within_s
        time.sleep(0.005)
    return time.monotonic() - began


def until_there(file: Path, within_s: float = 30.0) -> None:
    """Wait until a process has made the file."""
    deadline = time.monotonic() + within_s
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_terminated_process_lets_its_step_end_and_the_next_goes_on(
    tmp_path: Path, front: str
) -> None:
    """The step runs once over both processes; the next one needs no waiting for a dead owner."""
    first = child(tmp_path, front, 20)
    until_noted(tmp_path, "b")
    first.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    left = first.communicate(timeout=30)[0]
    assert (first.returncode, left) == (0, "keep" if front == "flow" else "c")
    second = child(tmp_path, front, 20)
    assert second.communicate(timeout=30)[0] == "ended"
    assert (tmp_path / "noted").read_text() == "be"


def test_a_step_that_takes_longer_than_the_grace_is_repeated_once(
    tmp_path: Path, front: str
) -> None:
    """The process is gone soon after its grace; a live process has the step at its next look."""
    first, second = child(tmp_path, front, 0.2), None
    try:
        until_noted(tmp_path, "b")
        second = child(tmp_path, front, 20)
        until_there(tmp_path / f"here-{second.pid}")
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)
        assert until_noted(tmp_path, "bb") < 10
        (tmp_path / "go").touch()
        assert second.communicate(timeout=30)[0] == "ended"
        assert (tmp_path / "noted").read_text() == "bbe"
    finally:
        for process in (first, second):
            if process is not None and process.poll() is None:
                process.kill()
                process.communicate()
