# SPDX-License-Identifier: Apache-2.0
"""Blocking twins: without a loop, in threads, in sync handlers, and never on a running loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import BlockedLoop
from tests.triggerflow.handlers import (
    Door,
    ask,
    double,
    keep,
)


def held(flow: TriggerFlow, **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


def test_every_twin_works_without_a_loop():
    """On the thread of no loop, one call after the other."""
    flow = TriggerFlow()
    flow.to(ask).to(keep)
    flow.when("E").to(double)
    execution = flow.start_execution(1, auto_close=False)

    assert execution.get_status() == "waiting"
    assert execution.emit("E", 2) == [4]
    execution.emit_nowait("E", 3)
    assert execution.seal().unseal() is execution
    execution.set_state("k", 1)
    execution.append_state("k", 2)
    execution.put_into_stream("item")
    answered = execution.continue_with("q-1", 5)
    assert answered is not None
    assert answered["status"] == "resumed"
    execution.pause_for(interrupt_id="own")
    execution.stop_stream()
    assert execution.close(pending_interrupts="cancel") == {"k": [1, 2], "kept": 5}
    assert TriggerFlow().start() == {}
    assert TriggerFlow().create_execution().start() == {}


async def test_twins_work_in_a_thread_beside_the_loop():
    """A worker thread has no loop of its own."""
    flow = TriggerFlow()
    flow.to(double).to(keep)

    def in_thread() -> Any:
        return flow.create_execution().start(4)

    assert await asyncio.to_thread(in_thread) == {"kept": 8}


async def test_a_twin_on_a_running_loop_is_refused_before_anything_happens():
    """It would block the loop it waits for; the error says what to await."""
    flow = TriggerFlow()
    flow.to(keep)
    execution = flow.create_execution()
    for call in (
        lambda: execution.start(1),
        lambda: execution.emit("E"),
        lambda: flow.start_execution(1),
    ):
        with pytest.raises(BlockedLoop, match="await"):
            call()

    assert isinstance(BlockedLoop("x"), RuntimeError)
    assert execution.get_status() == "created"


async def test_calls_that_wait_for_nobody_work_on_a_running_loop():
    """State, the stream, sealing and closing a run where nothing is under way."""
    execution = held(TriggerFlow())
    execution.set_state("k", 1)
    execution.put_into_stream("item")
    assert execution.seal().unseal() is execution
    execution.stop_stream()

    assert execution.close() == {"k": 1}
    with pytest.warns(RuntimeWarning, match="stays closed"):
        execution.unseal()


async def test_a_blocking_close_of_a_run_at_work_is_refused_on_its_loop():
    """It would wait for the handler, which needs the loop; the same holds for a kept run."""
    door = Door()
    flow = TriggerFlow()
    flow.when("E").to(door).to(keep)
    execution = held(flow)
    await execution.async_emit_nowait("E", 1)
    with pytest.raises(BlockedLoop):
        execution.close()
    assert execution.is_open()
    door.opened.set()
    assert await execution.async_close() == {"kept": 1}

    kept = held(flow, store=MemoryStore())
    for call in (kept.close, kept.seal, kept.unseal):
        with pytest.raises(BlockedLoop):
            call()
    assert kept.is_open()


async def test_a_whole_flow_runs_beside_a_running_loop():
    """As in a notebook: nobody else holds its execution, so it needs nothing of this loop."""
    flow = TriggerFlow()
    flow.to(double).to(keep)

    assert flow.start(4) == {"kept": 8}


async def test_a_flow_run_beside_a_loop_that_is_the_portals_own_is_refused():
    """There it would wait for itself."""
    inner = TriggerFlow()

    async def blocks(data: Any) -> None:
        inner.start(1)

    outer = TriggerFlow()
    outer.to(blocks)
    with pytest.raises(BlockedLoop):
        await asyncio.to_thread(outer.start)


def test_a_blocking_start_waits_for_the_close_or_is_refused():
    """With auto_close=False nothing would be waited for."""
    execution = held(TriggerFlow())
    with pytest.raises(ValueError, match="auto_close=False"):
        execution.start(1)
    assert not execution.started


async def test_a_twin_inside_an_async_handler_is_refused():
    """It fails the handler instead of hanging the run."""

    async def blocks(data: Any) -> None:
        data.emit("E")

    flow = TriggerFlow()
    flow.to(blocks)
    with pytest.raises(BlockedLoop):
        await flow.async_start()


async def test_sync_handlers_run_in_threads_and_use_twins():
    """They reach the loop that drives them, however many there are."""
    names = set()

    def sync(data: Any) -> Any:
        names.add(threading.current_thread().name)
        return data.emit("E", data.input)[0]

    flow = TriggerFlow()
    flow.for_each().to(sync).end_for_each().to(keep)
    flow.when("E").to(double)

    assert await flow.async_start(range(60)) == {"kept": [2 * n for n in range(60)]}
    assert all(name.startswith("holdfast-handler") for name in names)


def test_an_idle_run_goes_on_in_another_loop():
    """Start in one `asyncio.run`, continue in the next."""
    flow = TriggerFlow()
    flow.to(ask).to(keep)
    execution = held(flow)

    asyncio.run(execution.async_start(1))
    asyncio.run(execution.async_continue_with("q-1", 2))

    assert asyncio.run(execution.async_close()) == {"kept": 2}


def test_a_sync_handler_answers_a_pause_and_says_who_it_was():
    """`data.continue_with` in a thread, with the request id and the actor that it was given."""
    answers = []

    def answer(data: Any) -> None:
        answers.append(
            data.continue_with("q-1", data.value, resume_request_id="r-1", actor="clerk")
        )

    flow = TriggerFlow()
    flow.to(ask).to(keep)
    flow.when("Answer").to(answer)
    execution = flow.start_execution(1, auto_close=False)
    execution.emit("Answer", 7)

    assert [(each["resumed_by"], each["resume_request_id"]) for each in answers] == [
        ("clerk", "r-1")
    ]
    assert execution.close() == {"kept": 7}


@pytest.mark.parametrize("store", [None, MemoryStore])
async def test_a_signal_is_sent_without_waiting_from_an_async_handler(store: Any):
    """Nothing has to be waited for, so no loop is blocked; what follows is carried by tasks."""
    sent = []

    async def sends(data: Any) -> None:
        sent.append(data.emit_nowait("E", data.value))
        sent.append(data.emit_nowait("Nobody", data.value))

    flow = TriggerFlow()
    flow.to(sends)
    flow.when("E").to(double).to(keep)
    execution = held(flow, store=store() if store else None)
    await execution.async_start(4)

    await sent[0]
    assert sent[1] is None
    assert execution.get_state("kept") == 8
    assert await execution.async_close() == {"kept": 8}


async def test_a_signal_is_sent_without_waiting_from_outside_on_a_loop():
    """For a run in memory with no open question; else the call would block, and is refused."""
    flow = TriggerFlow()
    flow.to(ask)
    flow.when("E").to(double).to(keep)
    execution = held(flow)
    sent = execution.emit_nowait("E", 4)
    assert sent is not None
    await sent
    assert execution.get_state("kept") == 8
    assert execution.emit_nowait("Nobody") is None
    await execution.async_start(1)
    for one in (execution, held(flow, store=MemoryStore())):
        with pytest.raises(BlockedLoop, match="await"):
            one.emit_nowait("E", 5)

    assert await execution.async_close(pending_interrupts="cancel") == {"kept": 8}
