# SPDX-License-Identifier: Apache-2.0
"""A store as one worker of a simulation sees it: slow, failing, and gone when its worker is.

All workers share one store in memory. Each call takes a while before and after its work is done;
it may fail before, or after, when the write is there and the caller is told it failed. For a
while the disk may be full, or take no writes, or every call may hang; or only those of one
worker, who is cut off. A call that was sent may be carried out although its sender died meanwhile.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from holdfast.errors import StoreFull, StoreLocked, StoreReadOnly, StoreUnavailable
from holdfast.persistence.rows import OwnerRow
from holdfast.persistence.store import Store
from holdfast.testing.faults import FaultPlan, FaultyStore
from holdfast.testing.seeded_loop import WORKER

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it is: chances per call, and the longest time a call takes, in seconds.

    outlives: the chance that a call is on its way, whatever becomes of its sender.
    """

    error_before: float = 0.0
    error_after: float = 0.0
    slowest_s: float = 0.01
    outlives: float = 0.0


class Gate:
    """Where calls wait while it is shut."""

    def __init__(self) -> None:
        self.is_shut = False
        self._waiting: list[asyncio.Future[None]] = []

    def open(self) -> None:
        """Let all go on."""
        self.is_shut = False
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def passed(self) -> None:
        """Return when it is open."""
        while self.is_shut:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future


class Disk:
    """What all workers feel at once: a full disk, one that takes no writes, one that hangs."""

    def __init__(self) -> None:
        self.refusal: type[StoreFull | StoreReadOnly] | None = None
        self.gate = Gate()

    def mend(self) -> None:
        """Make room, allow writes, and let what hangs go on."""
        self.refusal = None
        self.gate.open()


class SimulatedStore(FaultyStore):
    """One worker's view. locked: which owners hold their lock, as an operating system knows.

    line: shut while this worker is cut off from the disk.
    """

    def __init__(
        self,
        inner: Store,
        rng: random.Random,
        weather: Weather,
        locked: Callable[[str], bool],
        disk: Disk,
    ) -> None:
        super().__init__(inner, FaultPlan())
        self.shared = True
        self.awaits_futures_only = rng.random() < 0.5
        self.weather = weather
        self.disk = disk
        self.line = Gate()
        self.enrolled: set[str] = set()
        self.on_enrol: Callable[[str], None] = self.enrolled.add
        self._rng = rng
        self._locked = locked

    async def _write(self, call: Callable[[], Awaitable[T]]) -> T:
        async def written() -> T:
            if self.disk.refusal is not None:
                raise self.disk.refusal("a simulated disk")
            return await call()

        return await self._pass(written)

    async def _pass(self, call: Callable[[], Awaitable[T]]) -> T:
        weather = self.weather
        if not weather.outlives or self._rng.random() >= weather.outlives:
            return await self._carried_out(call, weather)
        nobodys = contextvars.copy_context()
        nobodys.run(WORKER.set, "")
        task = asyncio.get_running_loop().create_task(
            self._carried_out(call, weather), context=nobodys
        )
        return await asyncio.shield(task)

    async def _carried_out(self, call: Callable[[], Awaitable[T]], weather: Weather) -> T:
        await self._a_while()
        if self._rng.random() < weather.error_before:
            raise self._error()
        result = await call()
        await self._a_while()
        if self._rng.random() < weather.error_after:
            raise self._error()
        return result

    async def _a_while(self) -> None:
        if self._rng.random() < 0.5:
            await asyncio.sleep(self._rng.random() * self.weather.slowest_s)
        while self.line.is_shut or self.disk.gate.is_shut:
            await self.line.passed()
            await self.disk.gate.passed()

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
