# SPDX-License-Identifier: Apache-2.0
"""Who may write to a run: one owner per process and store, known by a lock and a beating counter.

An owner that is gone shows in two ways: nobody holds its lock any more, which frees its runs at
once, or its counter stands still for `STALL_S` on the watcher's own clock, which frees the runs
of a frozen process whose lock is still held.
"""

from __future__ import annotations

import asyncio
import logging
from weakref import WeakKeyDictionary

from holdfast.errors import OwnershipLost, RunOwned, StoreClosed, StoreError
from holdfast.persistence.store import Claim, OwnerRow, RunRow, Store
from holdfast.runtime.clock import CLOCK, IDS, Clock, Ids
from holdfast.runtime.live import LiveRun
from holdfast.runtime.saving import StoreKeeper

LOG = logging.getLogger("holdfast.ownership")

#: How often an owner of runs raises its counter.
BEAT_S = 5.0
#: So long a held lock's counter may stand still before its runs are taken over.
STALL_S = 15.0


class Owner:
    """This process as an owner in one store."""

    def __init__(self, store: Store, clock: Clock = CLOCK, ids: Ids = IDS) -> None:
        self.store = store
        self.clock = clock
        self.id = f"owner-{ids.new()}"
        self._enrolled = False
        self._enrolling = asyncio.Lock()
        self._seen: dict[str, tuple[int, float]] = {}
        self._beating: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def enrol(self) -> str:
        """Become known in the store; returns the owner id."""
        if not self._enrolled:
            async with self._enrolling:
                if not self._enrolled:
                    await self.store.enrol(self.id)
                    self._enrolled = True
        self._keep_beating()
        return self.id

    def _keep_beating(self) -> None:
        """Raise the counter now and then, from a timer: an owner without runs has no task."""
        if not self.store.shared:
            return
        loop = asyncio.get_running_loop()
        if self._beating is not None and self._loop is loop:
            return
        self._loop = loop
        self._beating = loop.call_later(BEAT_S, self._beat_soon)

    def _beat_soon(self) -> None:
        task = asyncio.ensure_future(self._beat())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _beat(self) -> None:
        self._beating = None
        if not self._enrolled:
            return
        try:
            await self.store.renew(self.id)
        except StoreClosed:
            return
        except StoreError as error:
            # The next beat comes while the others still wait: one missed beat costs nothing.
            LOG.warning("the owner's counter could not be raised: %s", error)
        self._keep_beating()

    async def retire(self) -> None:
        """Leave the store: every run this owner holds is free."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        if self._enrolled:
            self._enrolled = False
            await self.store.retire(self.id)

    async def claim(self, run_id: str) -> Claim:
        """Own a run, taking it from an owner that is gone.

        Raises: RunOwned while a live owner holds it, RunNotFound, RunClosed.
        """
        await self.enrol()
        row = await self.store.row(run_id)
        if row.owner is None or row.owner == self.id:
            return await self.store.claim(run_id, self.id)
        if await self.is_gone(row.owner):
            return await self.store.claim(run_id, self.id, over=row.owner)
        raise RunOwned(f"run {run_id!r} is owned by a live process", run_id=run_id, owner=row.owner)

    async def is_gone(self, owner: str) -> bool:
        """Whether an owner holds its lock no more, or its counter has stood still too long."""
        return owner not in await self.alive()

    async def alive(self) -> set[str]:
        """The owners that hold their lock and beat; this one is among them once it is enrolled."""
        now = self.clock.monotonic()
        return {
            known.owner
            for known in await self.store.owners()
            if known.locked and not self._is_still(known, now)
        }

    def _is_still(self, known: OwnerRow, now: float) -> bool:
        beat, since = self._seen.get(known.owner, (-1, now))
        if beat != known.beat:
            self._seen[known.owner] = (known.beat, now)
            return False
        return now - since >= STALL_S


def lost_to_another(live: LiveRun, row: RunRow) -> OwnershipLost | None:
    """The error for a run that is carried here, if the store shows that others claimed it since."""
    keeper = None if live.saver is None else live.saver.keeper
    if not isinstance(keeper, StoreKeeper) or not keeper.head or row.epoch <= keeper.claim.epoch:
        return None
    return OwnershipLost(
        f"run {row.run_id!r} was taken over while it was carried here",
        run_id=row.run_id,
        epoch=keeper.claim.epoch,
        newest=row.epoch,
    )


_OWNERS: WeakKeyDictionary[Store, Owner] = WeakKeyDictionary()


def owner_in(store: Store) -> Owner:
    """This process's owner in a store, for runs that no engine holds."""
    owner = _OWNERS.get(store)
    if owner is None:
        owner = _OWNERS[store] = Owner(store)
    return owner
