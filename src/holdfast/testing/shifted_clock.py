# SPDX-License-Identifier: Apache-2.0
"""The machine's own clocks, set wrong on purpose: for real processes whose time a test changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from holdfast.runtime.clock import Handle


class ShiftedClock:
    """A wall clock that jumps, and a monotonic clock that may run fast.

    Hand it to an engine: with `times=(ShiftedClock(rate=100), IDS)` it sees in 0.15 s that the
    counter of a frozen owner has stood still for 15. offset_s: what is added to the wall clock; set
    it at any time.
    """

    def __init__(self, *, offset_s: float = 0.0, rate: float = 1.0) -> None:
        self.offset_s = offset_s
        self._rate = rate
        self._began = time.monotonic()

    def now(self) -> float:
        """The machine's wall clock and the offset."""
        return time.time() + self.offset_s

    def monotonic(self) -> float:
        """Seconds that pass *rate* times as fast as the machine's."""
        return self._began + (time.monotonic() - self._began) * self._rate

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Handle:
        """A timer of the running loop, that much sooner."""
        return asyncio.get_running_loop().call_later(delay_s / self._rate, callback)
