# SPDX-License-Identifier: Apache-2.0
"""Where a run is kept, and how it comes from there: opened, read, claimed."""

from __future__ import annotations

import contextlib

import msgspec

from holdfast.errors import InternalError, RunExists, StoreError
from holdfast.machine import poison, snapshot
from holdfast.machine.journal import Encoder, Journal
from holdfast.machine.run import Run
from holdfast.persistence.store import Claim, Commit, RunHead, Store, Stored
from holdfast.runtime.clock import CLOCK, IDS, Clock, Ids
from holdfast.runtime.ownership import Owner, owner_in
from holdfast.runtime.saving import Saver, StoreKeeper


class Home:
    """A store with the process's owner in it."""

    __slots__ = ("clock", "ids", "owner", "store")

    def __init__(
        self, store: Store, owner: Owner | None = None, clock: Clock = CLOCK, ids: Ids = IDS
    ) -> None:
        self.store = store
        self.owner = owner if owner is not None else owner_in(store)
        self.clock = clock
        self.ids = ids

    def new_saver(self, run: Run, head: RunHead, codec: Encoder) -> Saver:
        """Keep a run that is not in the store yet: its first commit opens it there."""
        run.journal = Journal(codec)
        snapshot.mark_all(run)
        return Saver(run, OpeningKeeper(self, head), self.clock, self.ids)

    async def claimed(self, run_id: str) -> tuple[Claim, Stored]:
        """Own a run and read it. Raises: RunNotFound, RunOwned, RunClosed."""
        claim = await self.owner.claim(run_id)
        try:
            return claim, await self.store.read(run_id)
        except BaseException:
            await self.give_up(claim)
            raise

    async def give_up(self, claim: Claim) -> None:
        """Let go of a run that could not be read or taken; what stands in the way of it matters.

        A store that fails here too must not hide that, least of all a cancellation.
        """
        with contextlib.suppress(StoreError):
            await self.store.release(claim)

    def saver(self, run: Run, claim: Claim, stored: Stored) -> Saver:
        """Keep a run that was read from the store, where that is its head.

        What it had to read weighs towards the next anchor, whoever wrote it: a run that every
        process opens for one step only would get none otherwise.
        """
        saver = Saver(run, StoreKeeper(self.store, claim, stored.seq), self.clock, self.ids)
        saver.journal.weight = sum(map(len, stored.deltas))
        if claim.claims:
            saver.deaths, saver.begun = claim.claims, poison.mark(run)
        return saver


class OpeningKeeper(StoreKeeper):
    """Opens the run with its first commit; from then on it appends like any other."""

    __slots__ = ("head_row", "home")

    def __init__(self, home: Home, head: RunHead) -> None:
        self.home = home
        self.head_row = head
        self.store = home.store
        self.head = 0
        self.awaits_futures_only = home.store.awaits_futures_only

    async def append(self, run: Run, commit: Commit, *, after: int) -> int:
        """Open the run, or append to it once it is open."""
        if after:
            return await super().append(run, commit, after=after)
        owner = await self.home.owner.enrol()
        if run.journal is None:
            raise InternalError("a run without a journal cannot be opened in a store")
        anchored = _with_anchor(commit, run.journal)
        try:
            claim = await self.store.open_run(self.head_row, anchored, owner)
        except RunExists:
            raise
        except StoreError:
            # The same commit id by the same owner, while it is the head, is success.
            claim = await self.store.open_run(self.head_row, anchored, owner)
        if claim is None:
            raise InternalError("the store opened a run for its owner and gave no claim")
        self.claim = claim
        return 1

    async def release(self) -> None:
        """Give the claim up, if the run was opened."""
        if self.head:
            await self.store.release(self.claim)


def _with_anchor(commit: Commit, journal: Journal) -> Commit:
    if commit.anchor is not None:
        return commit
    return msgspec.structs.replace(commit, anchor=tuple(journal.anchor()))
