# SPDX-License-Identifier: Apache-2.0
"""Items for watchers: kept in order, read by any number of readers, each from its own place."""

from __future__ import annotations

from typing import Generic, TypeVar

from holdfast.runtime.bell import Bell

T = TypeVar("T")


class Stream(Generic[T]):
    """A list that grows until it ends.

    keep: how many items stay for late readers; None for all of them. bell: rings with each item,
    and at the end. A place is the number of items that came before.
    """

    __slots__ = ("_dropped", "_error", "_items", "_keep", "bell", "is_ended")

    def __init__(self, keep: int | None = None) -> None:
        self._items: list[T] = []
        self._keep = keep
        self._dropped = 0
        self._error: BaseException | None = None
        self.is_ended = False
        self.bell = Bell()

    def put(self, item: T) -> None:
        """Add an item; after the end it is dropped."""
        if self.is_ended:
            return
        items, keep = self._items, self._keep
        items.append(item)
        if keep is not None and len(items) >= 2 * keep:
            # A list is cut seldom, so that a put costs the same however many are kept.
            surplus = len(items) - keep
            del items[:surplus]
            self._dropped += surplus
        self.bell.ring()

    def end(self, error: BaseException | None = None) -> None:
        """No more items come; readers end once they have read what there is, or get the error."""
        if self.is_ended:
            return
        self.is_ended = True
        self._error = error
        self.bell.ring()

    @property
    def count(self) -> int:
        """How many items have come."""
        return self._dropped + len(self._items)

    @property
    def first(self) -> int:
        """The place of the oldest item that is kept."""
        if self._keep is None:
            return 0
        return max(self._dropped, self.count - self._keep)

    def at(self, place: int) -> T:
        """The item at a place, from `first` on and before `count`."""
        return self._items[place - self._dropped]

    def snapshot(self) -> list[T]:
        """The items kept so far."""
        return self._items[self.first - self._dropped :]

    def check(self) -> None:
        """Raise what the stream ended with, if it ended with an error."""
        if self._error is not None:
            raise self._error
