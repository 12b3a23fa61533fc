# SPDX-License-Identifier: Apache-2.0
"""Blocking calls: from no loop, from a handler's thread, and never on a running loop."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import BlockedLoop
from holdfast.runtime import portal
from holdfast.runtime.calling import Threads, in_context, is_async


async def answer() -> int:
    """A coroutine that gives way once."""
    await asyncio.sleep(0)
    return 42


def test_a_caller_without_a_loop_gets_the_result() -> None:
    """The portal's own loop runs it; successive calls share that loop."""
    assert portal.blocking(answer()) == 42
    assert portal.blocking(answer()) == 42


async def test_a_blocking_call_on_a_running_loop_is_refused_before_anything_is_done() -> None:
    """It could never end there; the error says what to await instead."""
    with pytest.raises(BlockedLoop, match="answer"):
        portal.blocking(answer())


async def test_a_sync_handler_reaches_its_run_through_the_loop_that_waits_for_it() -> None:
    """Emit, state and pause work from the thread, on the run's own loop."""
    loops: list[Any] = []

    def sync_step(data: Any) -> list[Any]:
        loops.append(threading.current_thread().name)
        data.set_state("from", "thread")
        results: list[Any] = data.emit("Other", data.input + 1)
        return results

    async def other(data: Any) -> int:
        loops.append(asyncio.get_running_loop())
        return int(data.input) * 10

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="sync")
    flow.to(sync_step).to(keep)
    flow.when("Other").to(other)
    assert await flow.async_start(1) == {"from": "thread", "end": [20]}
    assert loops[0].startswith("holdfast-handler")
    assert loops[1] is asyncio.get_running_loop()


async def test_too_many_blocked_handlers_are_told_instead_of_hanging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Past the limit a typed error names who is blocked; the others go on."""
    monkeypatch.setattr(portal, "MOST_BLOCKED", 2)
    gate = asyncio.Event()
    refused: list[str] = []

    def sync_step(data: Any) -> None:
        try:
            data.emit("Wait")
        except BlockedLoop as error:
            refused.append(str(error))

    async def wait(_data: Any) -> None:
        await gate.wait()

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="blocked")
    flow.for_each().to(sync_step).end_for_each()
    flow.when("Wait").to(wait)
    running = asyncio.ensure_future(flow.async_start([1, 2, 3]))
    for _ in range(10_000):
        if refused:
            break
        await asyncio.sleep(0)
    gate.set()
    await running
    assert len(refused) == 1
    assert "holdfast-handler" in refused[0]


async def test_what_a_handler_sets_in_a_context_variable_stays_its_own() -> None:
    """Handlers run in a context of their own, in place, and see what was set around the run."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    variable.set("outside")
    seen: list[str] = []

    async def change() -> str:
        seen.append(variable.get())
        variable.set("inside")
        await asyncio.sleep(0)
        seen.append(variable.get())
        return "done"

    assert await in_context(contextvars.copy_context(), change()) == "done"
    assert seen == ["outside", "inside"]
    assert variable.get() == "outside"


async def test_errors_and_cancellation_reach_a_call_in_its_own_context() -> None:
    """What is thrown in comes out as if the coroutine had been awaited directly."""
    caught: list[type[BaseException]] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            caught.append(asyncio.CancelledError)
            raise

    task = asyncio.ensure_future(in_context(contextvars.copy_context(), wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert caught == [asyncio.CancelledError]


class AsyncObject:
    """A callable object with an async call."""

    async def __call__(self, _data: Any) -> None:
        """Nothing."""


def test_a_handler_is_known_as_async_in_every_form() -> None:
    """Functions, partials, methods and callable objects."""
    assert is_async(answer)
    assert is_async(functools.partial(answer))
    assert is_async(AsyncObject())
    assert not is_async(lambda _data: None)


async def test_a_sync_function_that_returns_an_awaitable_has_it_awaited() -> None:
    """The value is what the awaitable gives."""
    assert await Threads().call(answer) == 42
