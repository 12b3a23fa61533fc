# SPDX-License-Identifier: Apache-2.0
"""A handler that would wait for itself is told so, in its thread as on the loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.errors import BlockedLoop, RunBusy
from tests.triggerflow.handlers import keep

Flow = TriggerFlow[Any, Any, Any]


async def refused(call: Any) -> str:
    """What an awaited call is refused with."""
    with pytest.raises(RunBusy) as told:
        await call
    return str(told.value)


def refused_blocking(call: Callable[[], Any]) -> str:
    """What a blocking call is refused with."""
    with pytest.raises(RunBusy) as told:
        call()
    return str(told.value)


@pytest.mark.parametrize("pending", ["error", "cancel"])
async def test_a_handler_cannot_close_its_own_run(opened: Callable[..., Any], pending: str):
    """Neither kind of handler; the run goes on as if nothing had been asked."""

    async def on_the_loop(data: Any) -> str:
        return await refused(data.execution.async_close(pending_interrupts=pending))

    def in_a_thread(data: Any) -> str:
        return refused_blocking(lambda: data.execution.close(pending_interrupts=pending))

    for handler in (on_the_loop, in_a_thread):
        flow: Flow = TriggerFlow()
        flow.to(handler).to(keep)
        execution = opened(flow)
        await execution.async_start()
        assert execution.is_open()
        kept = (await execution.async_close())["kept"]
        assert kept == "a handler cannot close its own run: it would wait for itself"


async def test_a_handler_cannot_wait_for_the_end_of_its_own_run():
    """Starting again with a close to wait for would be that."""

    async def on_the_loop(data: Any) -> str:
        return await refused(data.execution.async_start())

    def in_a_thread(data: Any) -> str:
        return refused_blocking(data.execution.start)

    for handler in (on_the_loop, in_a_thread):
        flow: Flow = TriggerFlow()
        flow.to(handler).to(keep)
        kept = (await flow.async_start())["kept"]
        assert kept == "a handler cannot wait for the end of its own run: it would wait for itself"


async def test_a_handler_cannot_release_its_own_run_or_close_its_engine():
    """What is asked would stop the handler that asks for it."""
    told: list[str] = []

    async def hand_over(data: Any) -> None:
        told.append(await refused(data.execution.async_release()))

    flow: Flow = TriggerFlow(name="own")
    flow.to(hand_over)
    await flow.async_start()

    async def leave(_data: Any) -> None:
        told.append(await refused(engine.close()))

    left: Flow = TriggerFlow(name="left")
    left.to(leave)
    async with Engine(MemoryStore(), [left]) as engine:
        await (await engine.start(left)).result()

    assert told == [
        "a handler cannot release its own run: it would wait for itself",
        "a handler cannot close the engine of its own run: it would wait for itself",
    ]


async def test_a_handler_of_an_inner_run_cannot_close_the_run_that_waits_for_it():
    """The outer handler waits in its thread for the inner run, and the close for the handler."""
    outer: list[Any] = []

    def inner(data: Any) -> None:
        outer.append(refused_blocking(data.require_resource("outer").close))

    inside: Flow = TriggerFlow()
    inside.to(inner)

    def starts(data: Any) -> None:
        inside.start(runtime_resources={"outer": data.execution})

    flow: Flow = TriggerFlow()
    flow.to(starts)
    await flow.async_start()

    assert len(outer) == 1


async def test_what_a_handler_left_behind_may_close_its_run():
    """Once the handler has ended nobody waits for anybody."""

    def sends_on(data: Any) -> None:
        data.require_resource("other").emit_nowait("Close")

    ended = threading.Event()

    def closes(data: Any) -> None:
        ended.wait(5)
        data.require_resource("first").close(timeout=5)

    second: Flow = TriggerFlow()
    second.when("Close").to(closes)
    other = second.create_execution(auto_close=False)
    flow: Flow = TriggerFlow()
    flow.to(sends_on)
    first = flow.create_execution(auto_close=False, runtime_resources={"other": other})
    other.set_runtime_resource("first", first)
    await first.async_start()
    ended.set()
    await other.live.until_quiet()

    assert first.is_closed()


async def test_a_blocking_emit_on_the_loop_is_told_to_await():
    """The loop that it blocks is the one that would run the handlers."""

    async def wrong(data: Any) -> str:
        with pytest.raises(BlockedLoop, match=r"await .*async_emit\(\) instead") as told:
            data.emit("E", 1)
        assert isinstance(told.value, RuntimeError)
        with pytest.raises(BlockedLoop, match="await"):
            data.execution.emit("E", 1)
        return told.value.hint

    flow: Flow = TriggerFlow()
    flow.to(wrong).to(keep)
    flow.when("E").to(keep, name="heard")

    assert await flow.async_start() == {"kept": "Await the async form of the method here."}
