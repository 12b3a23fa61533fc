# SPDX-License-Identifier: Apache-2.0
"""A store as one worker of a simulation sees it: slow, failing, and gone when its worker is.

All workers share one `MemoryStore`. Each call takes a while before and after its work is done; it
may fail before, or after, when the write is there and the caller is told it failed; it may find
the disk full.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from holdfast.errors import StoreFull, StoreLocked, StoreUnavailable
from holdfast.persistence.rows import OwnerRow
from holdfast.persistence.store import Store
from holdfast.runtime.clock import Clock, Ids
from holdfast.testing.faults import FaultPlan, FaultyStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it is: chances per call, and the longest time a call takes, in seconds."""

    error_before: float = 0.0
    error_after: float = 0.0
    slowest_s: float = 0.01

    @property
    def is_fair(self) -> bool:
        """Whether no call fails."""
        return not (self.error_before or self.error_after)


class SimulatedStore(FaultyStore):
    """One worker's view. locked: which owners hold their lock, as an operating system knows."""

    def __init__(
        self,
        inner: Store,
        rng: random.Random,
        weather: Weather,
        locked: Callable[[str], bool],
        times: tuple[Clock, Ids],
    ) -> None:
        super().__init__(inner, FaultPlan())
        self.shared = True
        self.awaits_futures_only = rng.random() < 0.5
        self.weather = weather
        self.times = times
        self._rng = rng
        self._locked = locked
        self.enrolled: set[str] = set()
        self.on_enrol: Callable[[str], None] = self.enrolled.add

    async def _pass(self, call: Callable[[], Awaitable[T]]) -> T:
        weather, rng = self.weather, self._rng
        await self._a_while()
        if rng.random() < weather.error_before:
            raise self._error()
        result = await call()
        await self._a_while()
        if rng.random() < weather.error_after:
            raise self._error()
        return result

    async def _a_while(self) -> None:
        if self._rng.random() < 0.5:
            await asyncio.sleep(self._rng.random() * self.weather.slowest_s)

    def _error(self) -> Exception:
        kind = self._rng.choice((StoreUnavailable, StoreLocked, StoreFull))
        return kind("a simulated fault")

    async def enrol(self, owner: str) -> None:
        """As the store inside; the worker holds the lock from here on."""
        self.enrolled.add(owner)
        self.on_enrol(owner)
        await super().enrol(owner)

    async def owners(self) -> tuple[OwnerRow, ...]:
        """Everyone enrolled; whose process is gone holds its lock no more."""
        found = await super().owners()
        return tuple(
            OwnerRow(owner=row.owner, beat=row.beat, locked=self._locked(row.owner))
            for row in found
        )

    async def close(self) -> None:
        """The store inside goes on: other workers use it."""
