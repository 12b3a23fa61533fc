# SPDX-License-Identifier: Apache-2.0
"""Looking for runs that nobody carries, and for what other processes posted.

An engine looks when it is entered, and then every `LOOK_EVERY_S` where other processes share the
store; where none do, when the next time comes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys

from holdfast.errors import (
    EngineStopped,
    HoldfastError,
    OwnershipLost,
    RunOwned,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreUnavailable,
)
from holdfast.persistence.store import RunRow
from holdfast.runtime.carrying import Carrying
from holdfast.runtime.driven import Driven
from holdfast.runtime.ownership import STALL_S, lost_to_another
from holdfast.runtime.timers import Alarm

LOG = logging.getLogger("holdfast.engine")

#: How often an engine looks for runs that nobody carries and for posts of other processes.
LOOK_EVERY_S = 0.5
#: A process that has a waiting run at hand acts at its time; the others leave it this much longer.
LATE_S = 1.0
#: How many runs it looks at each time; what is left over is seen the next time.
LOOK_AT = 1000


class Looking(Carrying):
    """The part of an engine that takes over what others left."""

    _looking: asyncio.Task[None] | None
    _ringing: asyncio.Task[None] | None
    _alarm: Alarm
    _looked_at: float | None = None
    _left_alone: int = 0

    async def look(self) -> int:
        """Take over every run that nobody carries and hear what was posted. Returns how many."""
        now = self._clock.now()
        await self._wake_up()
        alive = await self._owner.alive()
        # What is left alone, and may stay in the list for ever, must not hide what comes behind it.
        limit = LOOK_AT + self._left_alone
        # Runs that live owners carry are left out, or they would fill the page.
        free = await self.store.claimable(now=now, limit=limit, beside=alive | {self._owner.id})
        mine = await self.store.claimable(now=now, limit=limit, beside=alive - {self._owner.id})
        found, left, strangers = 0, 0, list[RunRow]()
        for row in {row.run_id: row for row in (*free, *mine)}.values():
            driven = self._runs.get(row.run_id)
            if driven is not None and driven.live.dead is None:
                found += await self._move(driven, row, now)
            elif self._may_take(row, now):
                found += await self._take_over(row)
            else:
                left += 1
                if not self._is_ours(row):
                    strangers.append(row)
        self._left_alone = left
        self._leave_strangers(strangers)
        if not self.store.shared:
            await self._wait_for_the_next()
        return found

    async def _wake_up(self) -> None:
        """After a time in which this process stood still: let go of what others took meanwhile.

        Their handlers run here too until something of them is written, which is refused.
        """
        now, before = self._clock.monotonic(), self._looked_at
        self._looked_at = now
        if before is None or now - before < STALL_S:
            return
        for driven in [one for one in self._runs.values() if one.live.running]:
            lost = lost_to_another(driven.live, await self.store.row(driven.run_id))
            if lost is not None:
                driven.live.die(lost)

    async def _move(self, driven: Driven, row: RunRow, now: float) -> int:
        """Let a run that is carried here hear of what was posted, and of its time."""
        try:
            if row.inbox:
                await driven.hear()
            if _is_late(row, now):
                await driven.keep_time(now)
        except OwnershipLost:
            # Whoever waits for it here was told; a newer owner carries it.
            return 0
        return int(row.inbox > 0)

    async def _wait_for_the_next(self) -> None:
        """Look again when the first time comes of a run that waits, and that nobody carries."""
        rows = await self.store.claimable(now=math.inf, limit=sys.maxsize)
        times = [
            row.wake_at + LATE_S
            for row in rows
            if row.wake_at is not None and row.run_id not in self._runs and self._holds(row)
        ]
        self._alarm.set(min(times, default=None), soonest_s=LOOK_EVERY_S)

    def _holds(self, row: RunRow) -> bool:
        """Whether the run is of a structure that this engine holds, and can be read."""
        return self._is_ours(row) and row.run_id not in self.failures

    def _may_take(self, row: RunRow, now: float) -> bool:
        """Only runs of a structure that this engine holds, and of those only what can move."""
        if not self._holds(row):
            return False
        is_moved = row.inbox > 0 or _is_late(row, now)
        return is_moved if row.status == "parked" else is_moved or row.due

    async def _take_over(self, row: RunRow) -> int:
        try:
            await self._recovered(row)
        except (RunOwned, OwnershipLost, EngineStopped):
            # Its owner is alive, or was quicker: it carries the run.
            return 0
        except (StoreUnavailable, StoreLocked, StoreFull, StoreReadOnly) as error:
            # The store may be back at the next look, and nobody else may take what is ours.
            LOG.warning("run %s could not be taken over yet: %s", row.run_id, error)
            return 0
        except HoldfastError as error:
            # One run that cannot be read must not keep the others from going on.
            self.failures[row.run_id] = error
            LOG.error("run %s could not be taken over: %s", row.run_id, error)  # noqa: TRY400 - the error is kept, with its traceback, in failures
            return 0
        return 1

    async def _look_no_more(self) -> None:
        """Let whatever looks just now be, and nothing look again."""
        self._alarm.stop()
        looking = {task for task in (self._looking, self._ringing) if task is not None}
        self._looking = self._ringing = None
        for task in looking:
            task.cancel()
        if looking:
            await asyncio.wait(looking)

    def _rings(self, _now: float) -> None:
        self._ringing = asyncio.ensure_future(self._look_once())

    async def _look_on(self) -> None:
        here = asyncio.current_task()
        await asyncio.sleep(LOOK_EVERY_S)
        while self._looking is here:
            await self._look_once()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look_once(self) -> None:
        try:
            await self.look()
        except StoreError as error:
            # The store may be back when we look again; what runs here is told by its own saves.
            LOG.warning("the store could not be looked at: %s", error)


def _is_late(row: RunRow, now: float) -> bool:
    """Whether whoever has the run at hand would have acted on its time by now."""
    return row.wake_at is not None and row.wake_at + LATE_S <= now
