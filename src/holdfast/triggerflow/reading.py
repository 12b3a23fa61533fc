# SPDX-License-Identifier: Apache-2.0
"""Reading the runtime stream, and starting the run for the reader who comes first."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Protocol

from holdfast.runtime.stream import Stream


class Startable(Protocol):
    """What a reader needs of the run it may start."""

    @property
    def started(self) -> bool:
        """Whether somebody has."""

    def async_start(self, value: Any = None) -> Coroutine[Any, Any, Any]:
        """Start it."""


async def items(
    run: Startable, stream: Stream[Any], value: Any, timeout_s: float | None
) -> AsyncIterator[Any]:
    """Every item from the first; ends with the stream, or with a warning when none comes in time.

    A reader who leaves early leaves the run that it started going on.
    """
    starting = None if run.started else asyncio.ensure_future(run.async_start(value))
    if starting is not None:
        _STARTING.add(starting)
        starting.add_done_callback(_over)
    place = 0
    while True:
        for item in stream.since(place):
            place += 1
            yield item
        if place < stream.count:
            continue
        if stream.is_ended:
            stream.check()
            return
        if starting is not None and starting.done():
            error = None if starting.cancelled() else starting.exception()
            starting = None
            if error is not None:
                raise error
        if not await _something(stream, place, starting, timeout_s):
            text = f"no stream item came for {timeout_s} s; the iteration ends"
            warnings.warn(text, UserWarning, stacklevel=2)
            return


#: Runs that a reader started: a task that nobody holds could be collected.
_STARTING: set[asyncio.Future[Any]] = set()


def _over(task: asyncio.Future[Any]) -> None:
    _STARTING.discard(task)
    if not task.cancelled():
        task.exception()


async def _more(stream: Stream[Any], place: int) -> None:
    while stream.count <= place and not stream.is_ended:
        await stream.wait()


async def _something(
    stream: Stream[Any],
    place: int,
    starting: asyncio.Future[Any] | None,
    timeout_s: float | None,
) -> bool:
    """Wait for an item, the end of the stream or of the start; False when the time is up."""
    coming = asyncio.ensure_future(_more(stream, place))
    waited = {coming} if starting is None else {coming, starting}
    try:
        done, _ = await asyncio.wait(waited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        coming.cancel()
    return bool(done)
