# SPDX-License-Identifier: Apache-2.0
"""One call of a step's function: in a context that says whose step it is, and for how long at most.

A function with a timeout has a task of its own, which is cancelled when the time is up. The step
has then failed, whatever the function still does; until it has really left, it counts as under
way: it may not change the run, and nobody calls it beside itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from holdfast.definition.retry import ONCE, Tries
from holdfast.errors import DefinitionError, StepTimeout
from holdfast.persistence.store import check_id
from holdfast.runtime import inside
from holdfast.runtime.calling import THREADS, in_context, is_async
from holdfast.runtime.clock import Handle
from holdfast.runtime.live import LEAVE_S, LiveRun
from holdfast.runtime.stepping import HERE, Place


class Call(NamedTuple):
    """A step as asked for. key: stands for the arguments, if given."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    key: str | None = None
    tries: Tries = ONCE

    def check(self) -> None:
        """Raises: DefinitionError, InvalidId: both are ValueErrors."""
        check_id(self.name, "the name of a step")
        if not callable(self.function):
            found = type(self.function).__name__
            raise DefinitionError(
                f"step {self.name!r}: expected a function; found {found}",
                hint='Give the function and its arguments: step("charge", charge, order).',
            )


class FunctionCall:
    """A call under way. where: delivery and ledger line, by which others know of it.

    thread: of a sync function, ends when its thread has come back.
    """

    __slots__ = ("_end", "_is_late", "_is_left", "_live", "_place", "_thread", "_waiter", "_where")

    def __init__(self, live: LiveRun, place: Place, where: tuple[int, int]) -> None:
        self._live = live
        self._place = place
        self._where = where
        self._thread: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_late = False
        self._is_left = False
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if live.stepping is None:
            live.stepping = {}
        live.stepping[where] = self._end

    async def of(self, call: Call) -> Any:
        """Call the function. Raises: what it raises; StepTimeout."""
        context = contextvars.copy_context()
        context.run(HERE.set, self._place)
        inside.enter(context, self._place.running, self._place.number)
        if call.tries.timeout_s is not None:
            return await self._within(call.tries.timeout_s, call, context)
        try:
            return await in_context(context, self._result_of(call))
        finally:
            self._returned()

    async def _result_of(self, call: Call) -> Any:
        if is_async(call.function):
            value = call.function(*call.args, **call.kwargs)
            return await value if inspect.isawaitable(value) else value
        self._thread = asyncio.get_running_loop().create_future()
        function = functools.partial(call.function, *call.args, **call.kwargs)
        under = (self._place.running, self._place.number)
        return await THREADS.call(function, under=under, left=self._thread)

    async def _within(self, timeout_s: float, call: Call, context: contextvars.Context) -> Any:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._result_of(call), context=context)
        task.add_done_callback(self._returned)
        expire = functools.partial(self._expire, task)
        timers: list[Handle] = [self._live.clock.call_later(timeout_s, lambda: expire(timers))]
        try:
            while not task.done() and not self._is_left:
                self._waiter = loop.create_future()
                try:
                    await self._waiter
                except asyncio.CancelledError:
                    # Whoever stops us means the function; it may still end well.
                    task.cancel()
        finally:
            timers[-1].cancel()
        if not self._is_late:
            return task.result()
        error = StepTimeout(
            f"step {call.name!r} took longer than {timeout_s:g} s",
            step=call.name,
            timeout_s=timeout_s,
        )
        if task.done() and not task.cancelled():
            error.__cause__ = task.exception()
        raise error

    def _expire(self, task: asyncio.Task[Any], timers: list[Handle]) -> None:
        if task.done():
            return
        self._is_late = True
        task.cancel()
        timers.append(self._live.clock.call_later(LEAVE_S, self._leave))

    def _leave(self) -> None:
        self._is_left = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _returned(self, task: asyncio.Task[Any] | None = None) -> None:
        """The call is over here; its thread may still be at work."""
        if task is not None and self._is_left and not task.cancelled():
            # It was told as too late; what it raised since then nobody asks for.
            task.exception()
        self._wake()
        if self._thread is None or self._thread.done():
            self._over()
        else:
            self._thread.add_done_callback(self._over)

    def _over(self, _thread: Any = None) -> None:
        self._place.is_under_way = False
        stepping = self._live.stepping
        if stepping is not None and stepping.get(self._where) is self._end:
            del stepping[self._where]
        if not self._end.done():
            self._end.set_result(None)
