# SPDX-License-Identifier: Apache-2.0
"""Time and ids of one simulated worker: both follow from the seed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class SimulatedClock:
    """A worker's clocks: its wall clock may jump, its monotonic one cannot."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._spent_s = 0.0
        self.offset_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as far as this worker knows."""
        return 1.7e9 + self._loop.time() + self.offset_s

    def monotonic(self) -> float:
        """The virtual time, and a little for every look, so that long chains give way."""
        self._spent_s += 0.0003
        return self._loop.time() + self._spent_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """A timer of the loop."""
        return self._loop.call_later(delay_s, callback)


class SimulatedIds:
    """Ids that follow from the worker's name."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._count = 0

    def new(self) -> str:
        """The name and the next number."""
        self._count += 1
        return f"{self._worker}-{self._count}"
