# SPDX-License-Identifier: Apache-2.0
"""Items for watchers: kept in order, read by any number of readers, each from its own place."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from holdfast.runtime.bell import Bell

T = TypeVar("T")


class Stream(Generic[T]):
    """A list that grows until it ends.

    keep: how many items stay for late readers; None for all of them. bell: rings with each item,
    and at the end.
    """

    __slots__ = ("_dropped", "_ended", "_error", "_items", "_keep", "bell")

    def __init__(self, keep: int | None = None) -> None:
        self._items: deque[T] = deque()
        self._keep = keep
        self._dropped = 0
        self._ended = False
        self._error: BaseException | None = None
        self.bell = Bell()

    @property
    def is_ended(self) -> bool:
        """Whether no more items come."""
        return self._ended

    def put(self, item: T) -> None:
        """Add an item; after the end it is dropped."""
        if self._ended:
            return
        self._items.append(item)
        if self._keep is not None and len(self._items) > self._keep:
            self._items.popleft()
            self._dropped += 1
        self.bell.ring()

    def end(self, error: BaseException | None = None) -> None:
        """No more items come; readers end once they have read what there is, or get the error."""
        if self._ended:
            return
        self._ended = True
        self._error = error
        self.bell.ring()

    async def read(self, start: int = 0) -> AsyncIterator[T]:
        """Every item from the given place on, waiting for those to come."""
        place = start
        while True:
            while place < self._dropped + len(self._items):
                place = max(place, self._dropped)
                yield self._items[place - self._dropped]
                place += 1
            if self._ended:
                if self._error is not None:
                    raise self._error
                return
            await self.wait()

    async def wait(self) -> None:
        """Return when an item has come or the stream has ended, counted from now."""
        if not self._ended:
            await self.bell.rung()

    def snapshot(self) -> list[T]:
        """The items kept so far."""
        return list(self._items)

    @property
    def count(self) -> int:
        """How many items have come."""
        return self._dropped + len(self._items)

    def since(self, place: int) -> list[T]:
        """The kept items from a place on."""
        first = max(place - self._dropped, 0)
        return [self._items[i] for i in range(first, len(self._items))]

    def check(self) -> None:
        """Raise what the stream ended with, if it ended with an error."""
        if self._error is not None:
            raise self._error
