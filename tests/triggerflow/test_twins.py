# SPDX-License-Identifier: Apache-2.0
"""Blocking twins: without a loop, in threads, in sync handlers, and never on a running loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import BlockedLoop
from tests.triggerflow.handlers import (
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
    execution = flow.create_execution(auto_close=False)

    assert execution.start(1) is execution
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
    execution = held(flow)
    for call in (
        lambda: execution.start(1),
        lambda: execution.emit("E"),
        execution.close,
        lambda: flow.start(1),
    ):
        with pytest.raises(BlockedLoop, match="await"):
            call()

    assert isinstance(BlockedLoop("x"), RuntimeError)
    assert execution.get_status() == "created"


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
