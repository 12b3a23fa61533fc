# SPDX-License-Identifier: Apache-2.0
"""Handlers that many tests of flows use, and a loop whose time costs nothing."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from holdfast import TriggerFlow

T = TypeVar("T")


async def double(data: Any) -> Any:
    """Twice the input."""
    return data.input * 2


async def add_one(data: Any) -> Any:
    """One more than the input."""
    return data.input + 1


async def same(data: Any) -> Any:
    """The input."""
    return data.input


async def keep(data: Any) -> Any:
    """Put the input under "kept" and pass it on."""
    await data.async_set_state("kept", data.input)
    return data.input


async def collect(data: Any) -> Any:
    """Append the input to "seen" and pass it on."""
    await data.async_append_state("seen", data.input)
    return data.input


async def ask(data: Any) -> Any:
    """Pause with the input as payload and as id."""
    return await data.async_pause_for(payload=data.input, interrupt_id=f"q-{data.input}")


async def pause(data: Any) -> Any:
    """Pause in the way that the input says."""
    return await data.async_pause_for(**data.input)


def pausing(*after: Any) -> TriggerFlow[Any, Any, Any]:
    """A flow that pauses as its input says, and hands the answer on."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="pausing")
    cursor = flow.to(pause)
    for target in after:
        cursor = cursor.to(target)
    flow.when("Answered").to(collect)
    return flow


async def fail(data: Any) -> Any:
    """Raise a LookupError."""
    raise LookupError(f"no {data.input}")


class Door:
    """A handler that waits until it is opened, and tells when it was reached."""

    def __init__(self, name: str = "door") -> None:
        self.name = name
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.calls = 0
        self.cancelled = 0

    async def __call__(self, data: Any) -> Any:
        """Wait, then pass the input on."""
        self.calls += 1
        self.reached.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return data.input


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits for a timer: lets the loop's clock jump to it instead."""

    jumped = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Look without waiting, if there is a timer to jump to."""
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.jumped += timeout
        return ready


def in_jumping_time(call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop whose clock jumps to the next timer when nothing else is due."""
    selector = _JumpingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    real = loop.time
    loop.time = lambda: real() + selector.jumped  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(call)
