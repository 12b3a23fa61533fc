# SPDX-License-Identifier: Apache-2.0
"""Waking whoever waits for something to change, in whatever loop they wait."""

from __future__ import annotations

import asyncio


class Bell:
    """Waiters, each in a loop of its own; one that is cancelled leaves nothing behind."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Wake all who wait now."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        for future in waiting:
            loop = future.get_loop()
            if loop is here:
                _set(future)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(_set, future)

    def waiter(self) -> asyncio.Future[None]:
        """A future of this loop that ends with the next ring; `leave` it afterwards."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def leave(self, future: asyncio.Future[None]) -> None:
        """Nobody waits for the future any more."""
        if future in self._waiting:
            self._waiting.remove(future)

    async def rung(self) -> None:
        """Return at the next ring, counted from now."""
        future = self.waiter()
        try:
            await future
        finally:
            self.leave(future)

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
