# SPDX-License-Identifier: Apache-2.0
"""Handlers with a timeout: each has a task of its own, which is cancelled when its time is up.

The handler has then failed, whatever it still does. One that will not stop is waited for a little
(`LEAVE_S`), and a sync one, whose thread nobody can stop, not at all: the failure is told. The
delivery does not run again before such a handler has left, because it must not run twice at once;
what it tries to do meanwhile is refused with the same error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from holdfast.errors import HandlerTimeout
from holdfast.machine.run import Delivery
from holdfast.runtime import inside
from holdfast.runtime.calling import THREADS
from holdfast.runtime.clock import Handle
from holdfast.runtime.live import LEAVE_S, LiveRun
from holdfast.runtime.stepping import outside


class TimedCall:
    """One call of a handler that has `timeout_s` seconds.

    give_up: called with the error once the time is up and the handler has ended, or is left
    behind: from then on it is to reach nothing.
    """

    __slots__ = ("_delivery", "_is_left", "_live", "_task", "_timer", "_waiter", "error", "give_up")

    def __init__(
        self, live: LiveRun, delivery: Delivery, give_up: Callable[[HandlerTimeout], None]
    ) -> None:
        self._live = live
        self._delivery = delivery
        self.give_up = give_up
        self.error: HandlerTimeout | None = None
        self._is_left = False
        self._timer: Handle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None

    async def of(self, timeout_s: float, handler: Coroutine[Any, Any, Any]) -> Any:
        """Await an async handler. Raises: HandlerTimeout, what the handler raises."""
        return await self._within(timeout_s, handler, None)

    async def in_thread(self, timeout_s: float, function: Callable[..., Any], *args: Any) -> Any:
        """Call a sync handler in a thread. Raises: HandlerTimeout, what the handler raises."""
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        under = (self._live.running, self._delivery.id)
        call = THREADS.call(function, *args, under=under, left=left)
        return await self._within(timeout_s, call, left)

    async def _within(
        self, timeout_s: float, call: Coroutine[Any, Any, Any], left: asyncio.Future[None] | None
    ) -> Any:
        live, number = self._live, self._delivery.id
        loop = asyncio.get_running_loop()
        context = outside()
        inside.enter(context, live.running, number)
        task = self._task = loop.create_task(call, context=context)
        task.add_done_callback(self._wake)
        self._timer = live.clock.call_later(timeout_s, lambda: self._expire(timeout_s))
        try:
            while not task.done() and not self._is_left:
                self._waiter = loop.create_future()
                try:
                    await self._waiter
                except asyncio.CancelledError:
                    # Whoever stops us means the handler; it may still end well.
                    task.cancel()
        finally:
            self._timer.cancel()
        if self.error is None:
            return task.result()
        if task.done() and not task.cancelled():
            self.error.__cause__ = task.exception()
        if not task.done() or (left is not None and not left.done()):
            live.leave_behind(number, task if left is None or not task.done() else left)
        self.give_up(self.error)
        raise self.error

    def _expire(self, timeout_s: float) -> None:
        assert self._task is not None
        if self._task.done():
            return
        node = self._delivery.node
        self.error = HandlerTimeout(
            f"handler {node!r} took longer than {timeout_s:g} s",
            run_id=self._live.run.run_id,
            node=node,
            timeout_s=timeout_s,
        )
        self._task.cancel()
        self._timer = self._live.clock.call_later(LEAVE_S, self._leave)

    def _leave(self) -> None:
        self._is_left = True
        self._wake()

    def _wake(self, _task: Any = None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
