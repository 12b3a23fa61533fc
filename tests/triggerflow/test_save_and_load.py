# SPDX-License-Identifier: Apache-2.0
"""A run as a document: all that it needs is in it, here and in another process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import (
    AlreadyAnswered,
    AnswerConflict,
    SelfResumeLimit,
)
from tests.triggerflow import journeys
from tests.triggerflow.handlers import Door, ask, collect, keep

ROOT = Path(__file__).resolve().parents[2]


def held(**resources: Any) -> Any:
    """An execution of the journeys."""
    return journeys.flow().create_execution(auto_close=False, runtime_resources=resources)


def through_text(saved: dict[str, Any]) -> Any:
    """What any store of JSON would give back."""
    return json.loads(json.dumps(saved, sort_keys=True))


def elsewhere(name: str, saved: dict[str, Any]) -> Any:
    """Go on in a fresh process."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.triggerflow.journeys", name],
        input=json.dumps(saved),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(params=["here", "elsewhere"])
def gone_on(request: pytest.FixtureRequest) -> Any:
    """Takes a journey up: in this process, or in a fresh one."""

    async def go_on(name: str, saved: dict[str, Any]) -> Any:
        if request.param == "here":
            return await journeys.go_on(name, through_text(saved))
        return await asyncio.to_thread(elsewhere, name, saved)

    return go_on


async def test_a_half_filled_join_fills_after_a_load(gone_on: Any):
    """With the value that had come before."""
    execution = held()
    await execution.async_emit("Left", 1)

    assert await gone_on("join", execution.save()) == {"seen": [{"event": {"Left": 1, "Right": 2}}]}


async def test_pending_pauses_are_answered_after_a_load(gone_on: Any):
    """And their continuations run."""
    execution = held()
    await execution.async_emit("Pause", 1)

    assert await gone_on("pause", execution.save()) == {"kept": 42}


async def test_work_in_flight_runs_again_from_its_top(gone_on: Any):
    """What had finished does not, and what the unfinished one wrote was taken back."""
    door = Door()
    execution = held(gate=door)
    running = asyncio.ensure_future(execution.async_emit("Chain", 4))
    await door.reached.wait()
    saved = execution.save()
    door.opened.set()
    await running

    assert await gone_on("chain", saved) == {"log": [4], "begun": [4], "kept": 8}
    assert execution.get_state() == {"log": [4], "begun": [4], "kept": 8}


async def test_an_emit_of_an_unfinished_handler_is_recognised_when_it_is_made_again(gone_on: Any):
    """It gets the outcome it had, and what followed from it does not happen twice."""
    door = Door()
    execution = held(gate=door)
    running = asyncio.ensure_future(execution.async_emit("Emit", "a"))
    await door.reached.wait()
    saved = execution.save()
    running.cancel()
    await asyncio.wait({running})

    assert await gone_on("emit", saved) == {
        "charges": ["a"],
        "scratch": 1,
        "begun": ["a"],
        "kept": ["receipt a", "a"],
    }


async def test_a_loop_half_done_is_finished_in_order(gone_on: Any):
    """Items that ended, that wait, that run and that have not begun."""
    doors: dict[Any, Door] = {n: Door() for n in range(5)}

    async def gate(data: Any) -> None:
        await doors[data.input](data)

    execution = held(gate=gate)
    running = asyncio.ensure_future(execution.async_emit("Items", list(range(5))))
    for n in (1, 0):
        await doors[n].reached.wait()
        doors[n].opened.set()
    await doors[2].reached.wait()
    await doors[3].reached.wait()
    await execution.async_continue_with("q-1", "early")
    saved = execution.save()
    running.cancel()
    await asyncio.wait({running})

    assert (await gone_on("items", saved))["kept"] == ["q-0", "early", "q-2", "q-3", "q-4"]


async def test_a_loaded_run_keeps_its_cap():
    """Items that wait do not count; those that run again do."""
    doors: dict[Any, Door] = {n: Door() for n in range(6)}

    async def gate(data: Any) -> None:
        await doors[data.input](data)

    execution = held(gate=gate)
    running = asyncio.ensure_future(execution.async_emit("Items", list(range(6))))
    await doors[1].reached.wait()
    doors[0].opened.set()
    await doors[2].reached.wait()
    saved = through_text(execution.save())
    running.cancel()
    await asyncio.wait({running})

    doors = {n: Door() for n in range(6)}
    restored = held(gate=gate)
    restored.load(saved)
    await restored.async_resume()
    await doors[1].reached.wait()
    await doors[2].reached.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert [n for n, door in doors.items() if door.reached.is_set()] == [1, 2]
    for door in doors.values():
        door.opened.set()
    await restored.live.until_quiet()
    assert sorted(restored.get_pending_interrupts()) == [f"q-{n}" for n in range(6)]


async def test_nothing_runs_after_a_load_until_something_is_awaited():
    """`load` itself is no awaited call; `async_resume` is, and so is any other."""
    door = Door()
    execution = held(gate=door)
    running = asyncio.ensure_future(execution.async_emit("Chain", 4))
    await door.reached.wait()
    saved = execution.save()
    running.cancel()
    await asyncio.wait({running})

    fresh = Door()
    restored = held(gate=fresh)
    assert restored.load(saved) is restored
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert fresh.calls == 0
    assert restored.inspect_load(saved)["will_run_again"] == [
        {
            "id": 2,
            "node": "hold",
            "event": "chunk:log",
            "attempt": 0,
            "failures": 0,
            "runs_again_at": None,
            "steps": [],
        }
    ]
    fresh.opened.set()
    await restored.async_emit("Left", 1)
    assert (await restored.async_close())["kept"] == 8


async def test_a_repeat_takes_back_what_children_of_its_emit_wrote_too():
    """Every unfinished handler leaves no trace, whoever started it."""
    door = Door()

    async def parent(data: Any) -> Any:
        await data.async_append_state("list", "parent")
        await data.async_emit("Child", 1)

    async def child(data: Any) -> Any:
        await data.async_append_state("list", "child")
        await data.async_set_state("own", data.attempt)
        await door(data)

    flow = TriggerFlow()
    flow.to(parent).to(keep)
    flow.when("Child").to(child)
    execution = flow.create_execution(auto_close=False)
    running = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()
    assert execution.get_state("list") == ["parent", "child"]
    saved = through_text(execution.save())
    running.cancel()
    await asyncio.wait({running})
    door.opened.set()
    restored = flow.create_execution(auto_close=False)
    restored.load(saved)

    assert await restored.async_close() == {"list": ["parent", "child"], "own": 1, "kept": None}


async def test_what_others_changed_since_is_left_with_a_warning():
    """Only what the unfinished handler wrote, where it still stands, is taken back."""
    door = Door()

    async def writes(data: Any) -> Any:
        await data.async_set_state("k", "mine")
        await door(data)

    flow = TriggerFlow()
    flow.to(writes)
    execution = flow.create_execution(auto_close=False)
    execution.set_state("k", "before")
    running = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()
    await execution.async_set_state("k", "theirs")
    saved = through_text(execution.save())
    running.cancel()
    await asyncio.wait({running})
    restored = flow.create_execution(auto_close=False)
    restored.load(saved)
    door.opened.set()
    await restored.async_resume()
    assert restored.get_state("k") == "theirs"
    await restored.async_close()

    items = [item async for item in restored.get_async_runtime_stream()]
    assert [item["code"] for item in items] == ["state.not-taken-back"]


async def test_an_emit_that_a_repeat_does_not_make_again_stays_done_with_a_warning():
    """What was sent cannot be called back."""
    door = Door()

    async def wavers(data: Any) -> Any:
        await data.async_emit("Sent", f"try {data.attempt}")
        await door(data)

    flow = TriggerFlow()
    flow.to(wavers)
    flow.when("Sent").to(collect)
    execution = flow.create_execution(auto_close=False)
    running = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()
    saved = through_text(execution.save())
    running.cancel()
    await asyncio.wait({running})
    restored = flow.create_execution(auto_close=False)
    restored.load(saved)
    door.opened.set()

    assert await restored.async_close() == {"seen": ["try 0", "try 1"]}
    items = [item async for item in restored.get_async_runtime_stream()]
    assert [item["code"] for item in items] == ["ledger.not-repeated"]


async def test_a_pause_that_a_repeat_asks_again_is_the_same_question():
    """One that it does not ask again is withdrawn, unless it was answered."""
    door = Door()

    async def asks(data: Any) -> Any:
        await data.async_pause_for(interrupt_id="always")
        if data.attempt == 0:
            await data.async_pause_for(interrupt_id="first only", resume_to={"event": "Answered"})
            await data.async_pause_for(interrupt_id="answered", resume_to={"event": "Answered"})
        await door(data)

    flow = TriggerFlow()
    flow.to(asks).to(keep)
    flow.when("Answered").to(collect)
    execution = flow.create_execution(auto_close=False)
    running = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()
    await execution.async_continue_with("answered", "in time")
    saved = through_text(execution.save())
    running.cancel()
    await asyncio.wait({running})
    restored = flow.create_execution(auto_close=False)
    restored.load(saved)
    assert list(restored.get_pending_interrupts()) == ["always", "first only"]
    door.opened.set()
    await restored.async_resume()
    await restored.live.until_quiet()

    assert list(restored.get_pending_interrupts()) == ["always"]
    assert restored.get_interrupt("first only")["status"] == "cancelled"
    await restored.async_continue_with("always", "yes")
    assert await restored.async_close() == {"seen": ["in time"], "kept": "yes"}


async def test_request_ids_counts_and_limits_survive():
    """As if the run had never been saved."""

    async def asks(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="q", resume_to="self", max_resumes=2)

    flow = TriggerFlow(name="asks")
    flow.to(asks)
    flow.when("Ask").to(ask).to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()
    await execution.async_emit("Ask", 1)
    await execution.async_continue_with("q-1", "a", resume_request_id="r", actor="ann")
    await execution.async_continue_with("q", 1)
    restored = flow.create_execution(auto_close=False)
    restored.load(through_text(execution.save()))

    again = await restored.async_continue_with("q-1", "a", resume_request_id="r")
    assert (again["status"], again["resumed_by"]) == ("resumed", "ann")
    with pytest.raises(AnswerConflict):
        await restored.async_continue_with("q-1", "b", resume_request_id="r")
    with pytest.raises(AlreadyAnswered):
        await restored.async_continue_with("q-1", "a")
    assert restored.get_pending_interrupts()["q"]["resume_count"] == 1
    with pytest.raises(SelfResumeLimit):
        await restored.async_continue_with("q", 2)
    assert restored.get_state() == {"seen": ["a"]}


async def test_parked_work_is_in_the_save_and_is_not_run_by_a_load():
    """It waits for somebody's decision there too."""
    fails = {"now": True}

    async def flaky(data: Any) -> Any:
        if fails["now"]:
            raise ConnectionError("down")
        return data.input

    flow = TriggerFlow()
    flow.to(flaky).to(keep)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(ConnectionError):
        await execution.async_start(5)
    restored = flow.create_execution(auto_close=False)
    restored.load(through_text(execution.save()))
    assert restored.get_status() == "failed"
    assert restored.inspect_load(execution.save())["will_run_again"] == []
    fails["now"] = False
    await restored.async_retry()

    assert await restored.async_close() == {"kept": 5}


async def test_work_behind_a_parked_emitter_goes_on_after_a_load():
    """It is held back only for an emitter that runs again itself."""
    door = Door()

    async def emits_and_fails(data: Any) -> None:
        await data.async_emit_nowait("Background", 1)
        raise LookupError

    flow = TriggerFlow()
    flow.to(emits_and_fails)
    flow.when("Background").to(door).to(keep)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(LookupError):
        await execution.async_start()
    await door.reached.wait()
    saved = through_text(execution.save())
    await execution.live.halt()
    door.opened.set()
    restored = flow.create_execution(auto_close=False)
    restored.load(saved)
    await restored.async_resume()
    await restored.live.until_quiet()

    assert restored.get_state() == {"kept": 1}


async def test_identity_status_and_start_survive():
    """A run that had only state set before can still be started."""
    flow = TriggerFlow()
    flow.to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_set_state("k", 1)
    fresh = flow.create_execution(auto_close=False)
    fresh.load(execution.save())
    assert (fresh.id, fresh.run_id) == (execution.id, execution.id)
    assert (fresh.started, fresh.get_status()) == (False, "created")
    await fresh.async_start(2)
    again = flow.create_execution(auto_close=False)
    again.load(fresh.save())
    await again.async_start(3)

    assert again.started
    assert await again.async_close() == {"k": 1, "seen": [2]}


async def test_a_closed_run_stays_closed():
    """Its snapshot is what it was; signals are ignored; its stream is at its end."""
    flow = TriggerFlow()
    flow.to(collect)
    execution = flow.create_execution()
    snapshot = await execution.async_start(1)
    restored = flow.create_execution()
    restored.load(through_text(execution.save()))

    assert restored.is_closed()
    assert restored.get_status() == "completed"
    assert await restored.async_close() == snapshot
    with pytest.warns(RuntimeWarning, match="closed"):
        await restored.async_emit("START", 2)
    assert [item async for item in restored.get_async_runtime_stream()] == []


async def test_the_caller_decides_how_a_loaded_run_closes():
    """What was passed to `create_execution` holds."""
    flow = TriggerFlow()
    flow.to(ask).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    restored = flow.create_execution(auto_close=True)
    restored.load(execution.save())
    start = asyncio.ensure_future(restored.async_start())
    await asyncio.sleep(0)
    await restored.async_continue_with("q-1", 2)

    assert await start == {"kept": 2}


async def test_a_loaded_run_closes_as_it_was_made_to_where_nobody_says_otherwise():
    """Each of the two arguments by itself; a run of a store that is opened again does the same."""
    flow = TriggerFlow(name="closes")
    flow.to(keep)
    saved = flow.create_execution(auto_close=False, auto_close_timeout=7.0).save()

    restored = flow.create_execution()
    restored.load(saved)
    assert await restored.async_start(1) is restored
    again = flow.create_execution(auto_close=True)
    again.load(restored.save())
    again.load(again.save())
    assert again._closer.rest == 7.0

    store = MemoryStore()
    kept = flow.create_execution(store=store, run_id="r", auto_close=False)
    await kept.async_set_state("k", 1)
    await kept.async_release()
    opened = flow.create_execution(store=store, run_id="r")
    assert await opened.async_start(1) is opened
    await opened.async_close()


async def test_a_run_that_was_only_written_to_can_be_started_after_a_load():
    """Whether it was started is remembered, not guessed from its state."""
    flow = TriggerFlow()
    flow.to(keep)
    execution = flow.create_execution(auto_close=False)
    execution.set_state("k", 1)
    restored = flow.create_execution()
    restored.load(execution.save())
    assert not restored.started

    await restored.async_start(2)
    assert await restored.async_close() == {"k": 1, "kept": 2}
    again = flow.create_execution()
    again.load(restored.save())
    assert again.started


async def test_a_save_from_another_thread_sees_the_run_between_two_steps():
    """A plain handler, and whoever else holds the execution: the loop that drives it writes it."""
    home = threading.get_ident()
    threads = []

    class Noted:
        """Tells in which thread it is encoded."""

    def told(value: Noted) -> str:
        threads.append(threading.get_ident())
        return "noted"

    def save(data: Any) -> str:
        data.set_state("noted", Noted())
        return str(data.execution.save()["run_id"])

    flow = TriggerFlow()
    flow.register_type(Noted, "noted", to=told, make=lambda data: Noted())
    flow.to(save).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()

    assert execution.get_state("kept") == execution.run_id
    outside = await asyncio.to_thread(execution.save)
    assert outside["run_id"] == execution.run_id
    assert set(threads) == {home}
    assert len(threads) >= 2
