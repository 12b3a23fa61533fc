# SPDX-License-Identifier: Apache-2.0
"""The order of saving: everything that happened up to a point is written before anyone acts on it.

One append is under way per run; what happens meanwhile goes into the next one, so each commit is
a prefix of the run's one order. A failed append ends the run in memory: it is raised to everyone
who waits, nothing starts after it, and reopening reads the store.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import msgspec

from holdfast.errors import InternalError, OwnershipLost, StaleWrite, StoreError
from holdfast.machine import layout, ledger, poison, timers
from holdfast.machine.journal import Journal
from holdfast.machine.run import Run, Wait
from holdfast.persistence.store import CheckpointMark, Claim, Commit, Store, WaitRow
from holdfast.runtime.clock import Clock, Ids
from holdfast.runtime.landing import drive, drive_in_task


class Keeper(Protocol):
    """Where a run's commits go: a store's journal, or a checkpoint storage behind its adapter.

    awaits_futures_only: its appends need no task to be driven (see `landing`).
    """

    head: int
    awaits_futures_only: bool

    async def append(self, run: Run, commit: Commit, *, after: int) -> int:
        """Write the commit that follows *after*; returns its seq."""

    async def release(self) -> None:
        """Give up what is held for the run."""


class StoreKeeper:
    """Commits to a store under a claim."""

    __slots__ = ("awaits_futures_only", "claim", "head", "store")

    def __init__(self, store: Store, claim: Claim, head: int) -> None:
        self.store = store
        self.claim = claim
        self.head = head
        self.awaits_futures_only = store.awaits_futures_only

    async def append(self, run: Run, commit: Commit, *, after: int) -> int:
        """Append to the journal of the run; after an unclear error, look whether it is there."""
        try:
            return await self.store.append(self.claim, commit, after=after)
        except (OwnershipLost, StaleWrite):
            raise
        except StoreError:
            if await self._landed(run, after + 1):
                return after + 1
            raise

    async def _landed(self, run: Run, seq: int) -> bool:
        """Whether the commit of that seq is down: nobody else writes under this claim's epoch."""
        try:
            row = await self.store.row(run.run_id)
        except StoreError:
            return False
        return row.seq == seq and row.epoch == self.claim.epoch

    async def release(self) -> None:
        """Give the claim up."""
        await self.store.release(self.claim)


class Saver:
    """Writes one run's changes, in order, one append at a time.

    mark: makes the next commit a checkpoint. opened: waits that the next commit opens.
    withdrawn: ids of waits that it takes back. consumed: inbox numbers it has taken in. dead: the
    failure after which nothing is written.
    ends_idle: an idle run is about to be ended here, so until then it counts as due; whoever takes
    it over ends it. deaths: owners that died in a row before this one began. begun: how the run
    stood then; commits are no progress until it stands otherwise. moved_to: the structure that the
    run follows from the next commit on, where that is another.
    """

    __slots__ = (
        "begun",
        "clock",
        "consumed",
        "dead",
        "deaths",
        "done",
        "ends_idle",
        "flying",
        "ids",
        "journal",
        "keeper",
        "last_checkpoint",
        "mark",
        "moved_to",
        "opened",
        "rewrite",
        "run",
        "waiting",
        "wanted",
        "withdrawn",
    )

    def __init__(self, run: Run, keeper: Keeper, clock: Clock, ids: Ids) -> None:
        if run.journal is None:
            raise InternalError("a run without a journal cannot be saved")
        self.run = run
        self.journal: Journal = run.journal
        self.keeper = keeper
        self.clock = clock
        self.ids = ids
        self.mark: CheckpointMark | None = None
        self.last_checkpoint: int | None = None
        self.opened: list[Wait] = []
        self.consumed: list[int] = []
        self.dead: BaseException | None = None
        self.withdrawn: tuple[str, ...] = ()
        self.rewrite = False
        self.moved_to: str | None = None
        self.ends_idle = False
        self.deaths = 0
        self.begun: tuple[Any, ...] | None = None
        self.wanted = 0
        self.done = 0
        self.flying = False
        self.waiting: list[asyncio.Future[None]] = []

    async def commit(self) -> None:
        """Return when everything that has happened so far is down. Raises: StoreError."""
        self.wanted += 1
        mine = self.wanted
        while self.done < mine:
            if self.dead is not None:
                raise self.dead
            if not self.flying:
                self._fly()
                continue
            landed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(landed)
            await landed

    async def settle(self) -> None:
        """Return when no append is under way; failures were told to those who waited for them."""
        while self.flying:
            landed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(landed)
            await landed

    @property
    def is_down(self) -> bool:
        """Whether everything is saved that somebody wanted saved."""
        return self.done == self.wanted

    def _fly(self) -> None:
        """Begin an append of everything so far; a cancelled caller does not stop it."""
        upto = self.wanted
        self.flying = True
        try:
            commit = self._take()
        except BaseException as error:
            self.dead = error
            self.flying = False
            raise
        call = self._append(commit)
        if self.keeper.awaits_futures_only:
            drive(call, lambda error: self._landed(upto, error))
        else:
            drive_in_task(call, lambda error: self._landed(upto, error))

    async def _append(self, commit: Commit | None) -> None:
        if commit is None:
            return
        self.keeper.head = await self.keeper.append(self.run, commit, after=self.keeper.head)
        if commit.checkpoint is not None:
            self.last_checkpoint = self.keeper.head

    def _landed(self, upto: int, error: BaseException | None) -> None:
        self.flying = False
        if error is None:
            self.done = upto
        elif self.dead is None:
            self.dead = error
        waiting, self.waiting = self.waiting, []
        for landed in waiting:
            if not landed.done():
                landed.set_result(None)

    def _take(self) -> Commit | None:
        ledger.write_open(self.run)
        journal = self.journal
        if journal.is_clean and self.mark is None and not self.opened and not self.consumed:
            return None
        delta = journal.take()
        anchor = journal.anchor() if self.rewrite or journal.wants_anchor() else None
        self.rewrite = False
        if self.begun is not None and (self.consumed or poison.mark(self.run) != self.begun):
            self.begun = None
        now = self.clock.now()
        commit = Commit(
            commit_id=self.ids.new(),
            status=store_status(self.run),
            due=self._is_due(),
            at=now,
            delta=delta,
            anchor=anchor,
            checkpoint=self.mark,
            waits=tuple(wait_row(self.run, wait) for wait in self.opened),
            consumed=tuple(self.consumed),
            withdraws=self.withdrawn,
            wake_at=timers.earliest(self.run) if self.run.agenda else None,
            error=self.run.error,
            progress=self.begun is None,
            moved_to=self.moved_to,
        )
        self.mark = self.moved_to = None
        self.withdrawn = ()
        self.opened = []
        self.consumed = []
        return commit

    def _is_due(self) -> bool:
        run = self.run
        if run.live > 0:
            return True
        return self.ends_idle and store_status(run) == "idle"

    def fail(self, error: BaseException) -> None:
        """The run in memory is not what the store holds any more: write nothing from now on."""
        if self.dead is None:
            self.dead = error


def store_status(run: Run) -> str:
    """The status word under which a store lists the run."""
    if run.lifecycle == "closed" or (run.front == "workflow" and run.status == "completed"):
        return run.status
    if run.status == "failed":
        return "parked"
    if run.live:
        return "running"
    return "waiting" if run.waits else "idle"


def wait_row(run: Run, wait: Wait) -> WaitRow:
    """A wait as the store keeps it, for whoever answers without the definition."""
    assert run.journal is not None
    if wait.data is None:
        wait.data = run.journal.codec.encode(wait.payload, f"payload of wait {wait.id}")
    schema = None if wait.schema is None else msgspec.json.encode(wait.schema)
    return WaitRow(
        run_id=run.run_id,
        wait_id=wait.id,
        generation=wait.generation,
        type=wait.type,
        payload=wait.data,
        opened_at=wait.opened_at,
        schema=schema,
        deadline=wait.deadline,
        default=layout.default_of(wait, run.journal.codec),
    )
