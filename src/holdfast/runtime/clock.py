# SPDX-License-Identifier: Apache-2.0
"""Time and fresh ids, handed in, so that tests own both."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Seconds since the epoch: for people and deadlines, never for order."""

    def monotonic(self) -> float:
        """Seconds that never go back: for waiting."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Handle:
        """Call back on the running loop once so many monotonic seconds have passed."""


class Ids(Protocol):
    """Where fresh ids come from."""

    def new(self) -> str:
        """An id that no other call, process or machine gives."""


class SystemClock:
    """The machine's own clocks, called without a frame of ours in between."""

    __slots__ = ()

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Handle:
        """A timer of the running loop."""
        return asyncio.get_running_loop().call_later(delay_s, callback)


class SystemIds:
    """A random prefix and a counter: as unique as a UUID at a thirtieth of its price."""

    __slots__ = ("_count", "_prefix")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Draw another prefix: a forked process would go on with its starter's."""
        self._prefix = secrets.token_hex(8)
        self._count = itertools.count(1)

    def new(self) -> str:
        """The prefix and the next number."""
        return f"{self._prefix}{next(self._count):x}"


CLOCK = SystemClock()
IDS = SystemIds()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=IDS.begin)
