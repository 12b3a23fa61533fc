# SPDX-License-Identifier: Apache-2.0
"""A process that is none: an engine on an event loop of its own, which can be let fall at any call.

Time stands still unless it is moved, and a call returns when nothing moves any more. A worker that
was killed never runs again: its store calls hang, its loop is dropped, and the files it held are
let go, as an operating system does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from holdfast import Engine
from holdfast.persistence.rows import Commit, OwnerRow
from holdfast.persistence.store import Claim, Store
from holdfast.runtime.clock import IDS
from holdfast.testing.clock import FakeClock
from holdfast.testing.faults import FaultPlan, FaultyStore

T = TypeVar("T")

#: Turns of a loop after which a call counts as one that never comes to rest.
MOST_TURNS = 200_000
#: Time passes in steps no longer than this.
LONGEST_STEP_S = 20.0


class Killed(BaseException):
    """The worker was killed while it did what it was told."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers follow a clock that tests move."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        super().__init__()

    def time(self) -> float:
        """The clock's time, not the machine's."""
        return self.clock.monotonic()


class Gate(FaultyStore):
    """The store as one worker sees it. armed: the call, from now on, at which the worker dies.

    written: the seq and the commit id of every append that was told to have landed, shared by all
    workers.
    """

    def __init__(self, inner: Store, written: list[tuple[int, str]]) -> None:
        super().__init__(inner, FaultPlan())
        self.written = written
        self.busy = 0
        self.is_dead = False
        self.living: Callable[[str], bool] = lambda _owner: True
        self.enrolled: set[str] = set()

    def arm(self, at: int, when: Any) -> None:
        """Die at the call of that number, before or after its work is done."""
        self.plan = FaultPlan(at=at, when=when)

    async def _pass(self, call: Callable[[], Awaitable[T]]) -> T:
        if self.is_dead:
            await asyncio.Future()
        self.busy += 1
        try:
            is_last = self.plan.due()
            if not is_last or self.plan.when == "after":
                result = await call()
        finally:
            self.busy -= 1
        if is_last:
            self.is_dead = True
        if self.is_dead:
            await asyncio.Future()
        return result

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """As the store inside; noted."""

        async def noted() -> int:
            seq = await self.inner.append(claim, commit, after=after)
            self.written.append((seq, commit.commit_id))
            return seq

        return await self._pass(noted)

    async def enrol(self, owner: str) -> None:
        """As the store inside; the worker lives as long as this gate."""
        self.enrolled.add(owner)
        await super().enrol(owner)

    async def owners(self) -> tuple[OwnerRow, ...]:
        """As the store inside, where whoever is dead holds its lock no more."""
        found = await super().owners()
        return tuple(
            OwnerRow(owner=row.owner, beat=row.beat, locked=row.locked and self.living(row.owner))
            for row in found
        )


class Worker:
    """One engine with its loop and its clock. keeps: its store is closed with it."""

    def __init__(self, store: Gate, wall: float, *, keeps: bool) -> None:
        self.clock = FakeClock(wall)
        self.loop = VirtualLoop(self.clock)
        self.loop.set_exception_handler(lambda _loop, _context: None)
        self.store = store
        self.keeps = keeps
        self.engine: Engine | None = None

    @property
    def is_dead(self) -> bool:
        """Whether it was killed."""
        return self.store.is_dead

    def open(self, definitions: list[Any]) -> None:
        """Enter an engine. Raises: Killed."""
        self.engine = Engine(self.store, definitions, times=(self.clock, IDS))
        self.do(self.engine.__aenter__())

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        """What the call gives, once nothing moves any more. Raises: Killed, what it raises."""
        return self.loop.run_until_complete(self._followed(call))

    async def _followed(self, call: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(call)
        ready: Any = self.loop._ready  # type: ignore[attr-defined]
        still = turns = 0
        while still < 3:
            await asyncio.sleep(0)
            turns += 1
            still = 0 if ready or self.store.busy else still + 1
            if self.is_dead:
                task.add_done_callback(_unheard)
                raise Killed
            assert turns < MOST_TURNS, "it does not come to rest"
        assert task.done(), f"it waits for ever: {task!r}"
        return task.result()

    def pass_s(self, seconds: float) -> None:
        """Let time pass, in steps: what is due after one is done before the next."""

        async def passing(step: float) -> None:
            self.clock.pass_s(step)

        while seconds > 0:
            self.do(passing(min(seconds, LONGEST_STEP_S)))
            seconds -= LONGEST_STEP_S

    def close(self) -> None:
        """End as a process does that was asked to."""
        assert self.engine is not None
        self.do(self.engine.close())
        self._drop()

    def die(self) -> None:
        """Be gone, at once: nothing of it runs again, and what it held is free."""
        self.store.is_dead = True
        self._drop()

    def _drop(self) -> None:
        if self.keeps:
            self.loop.run_until_complete(self.store.inner.close())
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with contextlib.suppress(BaseException):
                task.get_coro().close()  # type: ignore[union-attr]
        self.loop.close()


def _unheard(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
