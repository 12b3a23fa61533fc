# SPDX-License-Identifier: Apache-2.0
"""An event loop whose order and time follow from a seed, so that any run can be run again.

Time is virtual: when nothing is ready, it jumps to the next timer. Of the callbacks that are
ready, the seed picks the next one. Every callback belongs to the worker in whose context it was
scheduled; a worker can be killed, after which none of its callbacks ever runs again, as after a
SIGKILL, or frozen, after which they wait.

Nothing outside may wake the loop: no threads, sockets or subprocesses.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import random
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from holdfast.errors import InternalError

T = TypeVar("T")

#: The worker that the code running now belongs to; "" is the world outside all workers.
WORKER: contextvars.ContextVar[str] = contextvars.ContextVar("holdfast_worker", default="")

#: Turns after which a simulation counts as one that never ends.
MOST_TURNS = 2_000_000

#: So many awaits on its way out are closed of what is left unfinished at the end.
MOST_EXITS = 50


class NothingLeft(InternalError):
    """Somebody waits, and nothing is left that could ever wake them."""

    code = "internal.simulation-stuck"
    hint = "Report the seed: a callback was lost, or two waits wait for each other."


class SeededLoop(asyncio.BaseEventLoop):
    """Runs ready callbacks in an order that follows from `rng`.

    shuffles: pick any ready callback of a worker; False keeps each worker's own order, as an
    ordinary loop does, and mixes only the workers.
    """

    def __init__(self, rng: random.Random, *, shuffles: bool = False) -> None:
        super().__init__()
        self._rng = rng
        self._shuffles = shuffles
        self._now = 1_000.0
        self._killed: set[str] = set()
        self._frozen: set[str] = set()
        self._held: list[asyncio.Handle] = []
        self._kept: list[object] = []
        self.turns = 0
        self.set_exception_handler(_be_silent)

    def time(self) -> float:
        """The virtual time."""
        return self._now

    def kill(self, worker: str) -> None:
        """Let nothing of this worker run ever again."""
        self._killed.add(worker)
        self._frozen.discard(worker)
        self._release_held()

    def freeze(self, worker: str) -> None:
        """Let nothing of this worker run until it is thawed."""
        self._frozen.add(worker)

    def thaw(self, worker: str) -> None:
        """Let a frozen worker go on where it stood."""
        self._frozen.discard(worker)
        self._release_held()

    def is_killed(self, worker: str) -> bool:
        """Whether the worker was killed."""
        return worker in self._killed

    def _release_held(self) -> None:
        held, self._held = self._held, []
        self._ready.extend(held)  # type: ignore[attr-defined]

    def _run_once(self) -> None:
        """One turn: one callback."""
        self.turns += 1
        if self.turns > MOST_TURNS:
            raise NothingLeft(f"{MOST_TURNS} turns went by: the simulation does not end")
        ready = self._ready  # type: ignore[attr-defined]
        if not self._take_due() and not ready:
            self._jump()
            self._take_due()
        if not ready:
            return
        handle = self._pick(ready)
        if not handle._cancelled:
            handle._run()

    def _take_due(self) -> bool:
        """Make timers that have come ready; put away what may not run. Whether one was found."""
        ready = self._ready  # type: ignore[attr-defined]
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._when <= self._now:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            ready.append(timer)
        if self._killed or self._frozen:
            self._put_away(ready)
        return bool(ready)

    def _put_away(self, ready: Any) -> None:
        runnable = []
        for handle in ready:
            worker = handle._context.get(WORKER, "")
            if worker in self._killed:
                # Kept, so that no destructor runs what a killed process would not have run.
                self._kept.append(handle)
            elif worker in self._frozen:
                self._held.append(handle)
            else:
                runnable.append(handle)
        ready.clear()
        ready.extend(runnable)

    def _jump(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not timers:
            raise NothingLeft("nothing is ready, no timer is set, and somebody still waits")
        self._now = max(self._now, timers[0]._when)

    def _pick(self, ready: Any) -> asyncio.Handle:
        if len(ready) == 1:
            return ready.popleft()  # type: ignore[no-any-return]
        if self._shuffles:
            index = self._rng.randrange(len(ready))
        else:
            index = self._first_of_some_worker(ready)
        handle: asyncio.Handle = ready[index]
        del ready[index]
        return handle

    def _first_of_some_worker(self, ready: Iterable[Any]) -> int:
        firsts: dict[str, int] = {}
        for index, handle in enumerate(ready):
            firsts.setdefault(handle._context.get(WORKER, ""), index)
        return firsts[self._rng.choice(list(firsts))]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are dropped when they come."""

    def _write_to_self(self) -> None:
        """Nothing sleeps that could be woken."""

    def _process_events(self, event_list: Any) -> None:
        """There are no events from outside."""


def run_seeded(main: Coroutine[Any, Any, T], loop: SeededLoop) -> T:
    """Run a coroutine to its end on a seeded loop, and close the loop.

    What is left unfinished is closed without being heard: it belongs to workers that are gone.
    """
    try:
        return loop.run_until_complete(main)
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            _close(task.get_coro())
        loop.close()


def _close(left: Any) -> None:
    """Close a coroutine; one that awaits on its way out is closed there too."""
    for _ in range(MOST_EXITS):
        try:
            left.close()
        except BaseException as error:  # noqa: BLE001 - whatever it says, it is gone
            if "ignored GeneratorExit" not in str(error):
                return
        else:
            return


def _be_silent(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """What a killed worker leaves behind is no news."""
