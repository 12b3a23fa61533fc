# SPDX-License-Identifier: Apache-2.0
"""Reading the runtime stream, and starting the run for the reader who comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, Protocol

from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.halting import GRACE_S
from holdfast.runtime.portal import blocking
from holdfast.runtime.stream import Stream

#: What stands for the end of a stream where an item is asked for.
_END: Any = object()


class Readable(Protocol):
    """What a reader needs of the run it reads, and may start."""

    @property
    def started(self) -> bool:
        """Whether somebody has started it."""

    @property
    def standstill(self) -> BaseException | None:
        """Why it cannot go on by itself, if that is so."""

    def the_stream(self) -> Stream[Any]:
        """Its stream."""

    def async_start(self, value: Any = None) -> Coroutine[Any, Any, Any]:
        """Start it."""


class Reader:
    """One reader of a run's stream, from the first item on.

    timeout_s: how long to wait for the next item; None for as long as it takes. leave: what to do
    once nobody reads any more, for a run that only its reader has; such a run is waited for to its
    end. Without it, a reader who leaves early leaves the run that it started going on.
    """

    def __init__(
        self,
        run: Readable,
        value: Any,
        timeout_s: float | None,
        leave: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._run = run
        self._value = value
        self._timeout_s = timeout_s
        self._leave = leave
        self._starting: asyncio.Future[Any] | None = None
        self._has_begun = False

    def begin(self) -> None:
        """Start the run, if nobody has; in the loop that runs now."""
        if self._has_begun:
            return
        self._has_begun = True
        if self._run.started:
            return
        starting = self._starting = asyncio.ensure_future(self._run.async_start(self._value))
        _STARTING.add(starting)
        starting.add_done_callback(_over)
        bell = self._run.the_stream().bell
        starting.add_done_callback(lambda _: bell.ring())

    async def items(self) -> AsyncIterator[Any]:
        """Every item; ends with the stream, or with a UserWarning when none comes in time.

        Raises: what a handler raised, if this reader started the run; what keeps it from going on.
        """
        self.begin()
        starting = self._starting
        whole = False
        try:
            async for item in self._all():
                yield item
            whole = self._run.the_stream().is_ended
            if whole and self._leave is not None and starting is not None:
                await starting
        finally:
            if self._leave is not None:
                await self._stop_starting()
                await self._leave()

    async def _all(self) -> AsyncIterator[Any]:
        stream = self._run.the_stream()
        place = 0
        while True:
            while place < stream.count:
                if place < stream.first:
                    text = f"{stream.first - place} stream items were dropped before they were read"
                    warn_at_caller(text, RuntimeWarning)
                    place = stream.first
                yield stream.at(place)
                place += 1
            if stream.is_ended:
                stream.check()
                return
            if not await self._more(stream, place):
                return

    async def _more(self, stream: Stream[Any], place: int) -> bool:
        """Wait for an item or the end of the stream; False when the time is up.

        Raises: what the start raised; why no item can come.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                while stream.count <= place and not stream.is_ended:
                    self._check_start()
                    standstill = self._run.standstill
                    if standstill is not None:
                        raise standstill
                    await stream.bell.rung()
        except TimeoutError:
            text = f"no stream item came for {self._timeout_s} s; the iteration ends"
            warn_at_caller(text, UserWarning)
            return False
        return True

    def _check_start(self) -> None:
        starting = self._starting
        if starting is None or not starting.done():
            return
        self._starting = None
        error = None if starting.cancelled() else starting.exception()
        if error is not None:
            raise error

    async def _stop_starting(self) -> None:
        """Cancel the start, if it is under way."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting}, timeout=GRACE_S)


#: Runs that a reader started: a task that nobody holds could be collected.
_STARTING: set[asyncio.Future[Any]] = set()


def _over(task: asyncio.Future[Any]) -> None:
    _STARTING.discard(task)
    if not task.cancelled():
        task.exception()


def blocking_items(reader: Reader) -> Iterator[Any]:
    """The items for code without a loop; the run is started at the call.

    Raises: BlockedLoop on a running loop.
    """

    async def begin() -> None:
        reader.begin()

    blocking(begin())
    return _one_by_one(reader.items())


def _one_by_one(items: AsyncIterator[Any]) -> Iterator[Any]:
    async def following() -> Any:
        return await anext(items, _END)

    async def close() -> None:
        await items.aclose()  # type: ignore[attr-defined]

    try:
        while True:
            item = blocking(following())
            if item is _END:
                return
            yield item
    finally:
        blocking(close())
