# SPDX-License-Identifier: Apache-2.0
"""How many handlers of one run work at once.

A handler that waits for other handlers of its run gives its permit up meanwhile, so a chain of
waiting handlers needs no more than one. Permits are not part of the record: a run that is loaded
has none until somebody sets them again.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")

#: The permits and the delivery of the handler that runs here; not set where nothing is limited.
HOLDER: contextvars.ContextVar[tuple[Permits, int] | None] = contextvars.ContextVar(
    "holdfast_permit", default=None
)


class Permits:
    """At most `limit` holders at a time, in the order in which they ask; 0 for any number."""

    __slots__ = ("_away", "_holders", "_waiting", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._holders: set[int] = set()
        self._away: dict[int, int] = {}
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def set(self, limit: int) -> None:
        """Change the limit; who waits for room that there is now goes on."""
        self.limit = limit
        self._let_in()

    @property
    def _has_room(self) -> bool:
        return not self.limit or len(self._holders) < self.limit

    async def take(self, number: int) -> None:
        """Hold a permit for this delivery, as soon as there is one."""
        future = self.ask(number)
        if future is None:
            return
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give(number)
            elif (number, future) in self._waiting:
                self._waiting.remove((number, future))
            raise

    def ask(self, number: int) -> asyncio.Future[None] | None:
        """Hold a permit now, and give None; or give what ends when this delivery holds one."""
        if self._has_room and not self._waiting:
            self._holders.add(number)
            return None
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((number, future))
        return future

    def give(self, number: int) -> None:
        """Let the permit of this delivery go, if it holds one."""
        if number in self._holders:
            self._holders.discard(number)
            self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._has_room:
            number, future = self._waiting.popleft()
            if not future.done():
                self._holders.add(number)
                future.set_result(None)

    async def apart(self, number: int, waited_for: Awaitable[T]) -> T:
        """Await something without the permit; the handler goes on once it has one again.

        Handlers may wait for several things at once: the permit comes back with the last.
        """
        if not self.leave(number):
            return await waited_for
        try:
            result = await waited_for
        except asyncio.CancelledError:
            self.is_back(number)
            raise
        except BaseException:
            if self.is_back(number):
                await self.take(number)
            raise
        if self.is_back(number):
            await self.take(number)
        return result

    def leave(self, number: int) -> bool:
        """Let the permit go while this delivery waits for something; False if it has none."""
        if number not in self._holders and number not in self._away:
            return False
        self._away[number] = self._away.get(number, 0) + 1
        self.give(number)
        return True

    def is_back(self, number: int) -> bool:
        """One thing less is waited for; True if it was the last, and a permit is needed again."""
        self._away[number] -= 1
        if self._away[number]:
            return False
        del self._away[number]
        return True


async def apart(permits: Permits | None, waited_for: Awaitable[T]) -> T:
    """Await something of a run: the handler that does so needs no permit of that run meanwhile."""
    holder = None if permits is None else HOLDER.get()
    if holder is None or holder[0] is not permits:
        return await waited_for
    return await holder[0].apart(holder[1], waited_for)


def checked_limit(value: Any) -> int:
    """The limit as users give it: None, 0 and less are no limit. Raises: TypeError."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"concurrency: expected an int or None; found {type(value).__name__}")
    return max(value, 0)
