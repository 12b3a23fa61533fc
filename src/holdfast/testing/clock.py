# SPDX-License-Identifier: Apache-2.0
"""A clock that tests move: no waiting, and every jump that a real one makes."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class _Call:
    """A call that is to come."""

    __slots__ = ("callback", "is_cancelled")

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Let it not come."""
        self.is_cancelled = True


class FakeClock:
    """Time stands still until a test moves it. wall: where the wall clock begins.

    Hand it to an engine: `Engine(store, [flow], times=(FakeClock(), IDS))`.
    """

    def __init__(self, wall: float = 1_000_000.0) -> None:
        self._wall = wall
        self._monotonic = 0.0
        self._calls: list[tuple[float, int, _Call]] = []
        self._count = itertools.count()

    def now(self) -> float:
        """The wall clock."""
        return self._wall

    def monotonic(self) -> float:
        """The clock that never goes back."""
        return self._monotonic

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> _Call:
        """Call back when `pass_s` has come that far."""
        call = _Call(callback)
        heapq.heappush(self._calls, (self._monotonic + delay_s, next(self._count), call))
        return call

    def pass_s(self, seconds: float) -> None:
        """Let time pass on both clocks; what is due on the way is called in its order."""
        end = self._monotonic + seconds
        while self._calls and self._calls[0][0] <= end:
            at, _, call = heapq.heappop(self._calls)
            self._move(max(at - self._monotonic, 0.0))
            if not call.is_cancelled:
                call.callback()
        self._move(end - self._monotonic)

    def set_wall(self, wall: float) -> None:
        """Set the wall clock, forward or back; nothing is called."""
        self._wall = wall

    def forget(self) -> None:
        """Drop every call that is to come, as the end of an event loop does."""
        self._calls.clear()

    @property
    def pending(self) -> int:
        """How many calls are to come."""
        return sum(not call.is_cancelled for _, _, call in self._calls)

    def _move(self, seconds: float) -> None:
        self._monotonic += seconds
        self._wall += seconds
