# SPDX-License-Identifier: Apache-2.0
"""Forking a run, and taking one back, from any of its checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from holdfast.errors import (
    CheckpointNotFound,
    HoldfastError,
    OwnershipLost,
    RunExists,
    RunOwned,
    RunRewound,
    StaleWrite,
    StoreError,
)
from holdfast.machine import timers
from holdfast.machine.journal import Journal
from holdfast.persistence.codec import Codec
from holdfast.persistence.parts import Part, body_pieces
from holdfast.persistence.place import place_in
from holdfast.persistence.store import (
    TERMINAL,
    CheckpointMark,
    Commit,
    RunHead,
    RunRow,
    Stored,
    check_run_id,
)
from holdfast.runtime import inside
from holdfast.runtime.branching import DELETE, Branch, branched, changed, every_wait
from holdfast.runtime.chronicle import REWIND
from holdfast.runtime.driven import Driven
from holdfast.runtime.following import Following
from holdfast.runtime.handle import RunHandle
from holdfast.runtime.past import Lenient, Plain, open_waits, parts_of, record_of
from holdfast.runtime.saving import store_status, wait_row

#: How the input digest of a fork begins: no start of a run has one like it.
FORK = "fork:"


class GoingBack(Following):
    """The part of an engine that lets a run go on from where it was."""

    async def fork(
        self,
        run_id: str,
        at: int | None = None,
        *,
        changes: Mapping[str, Any] | None = None,
        new_run_id: str | None = None,
    ) -> RunHandle:
        """Begin a new run with the record that a run had after commit *at* (now, by default).

        changes: state of the root to set, or to take out (`DELETE`), before it goes on. The
        parent does not change. What was asked then is asked again in the new run, what was due is
        due. If this engine holds the definition the run goes on at once; else it lies in the store.
        The same id, point and changes again: the same run.
        Raises: RunNotFound, CheckpointNotFound, RunExists, ValueRefused, TypeError, InvalidId.
        """
        chosen = check_run_id(new_run_id) if new_run_id is not None else self._ids.new()
        stored = await self._checkpoint(run_id, at)
        codec = self._codec_for(stored.row.head)
        parts = changed(parts_of(stored), stored.row.head.front, changes or {}, codec)
        before = stored.row.head
        head = RunHead(
            run_id=chosen,
            definition=before.definition,
            front=before.front,
            fingerprint=_structure(stored),
            created_at=self._clock.now(),
            version=before.version,
            input_digest=_digest(stored, changes or {}, codec),
            parent=f"{run_id}@{stored.seq}",
        )
        commit = self._first_of(stored, head, parts)
        try:
            await self._open_fork(head, commit)
        except RunExists:
            row = await self.store.row(chosen)
            if row.head.input_digest != head.input_digest:
                raise
        return await self._went_on(chosen)

    async def _open_fork(self, head: RunHead, commit: Commit) -> None:
        try:
            await self.store.open_run(head, commit, None)
        except RunExists:
            raise
        except StoreError:
            # The same commit id, while it is the head, is success.
            await self.store.open_run(head, commit, None)

    def _first_of(self, stored: Stored, head: RunHead, parts: dict[str, Part]) -> Commit:
        row = msgspec.structs.replace(stored.row, head=head, moved_to=None)
        kept = msgspec.structs.replace(stored, row=row)
        return self._commit(kept, parts, self._ids.new(), "fork")

    async def rewind(self, run_id: str, at: int) -> RunHandle:
        """Take a run back to what it was after commit *at*, and let it go on from there.

        Nothing is deleted: a new commit holds the old record, and what lies between can still be
        read. Handlers under way here are stopped first, and whoever waits for the run is told
        `RunRewound`. Questions that were open then are open again, later ones are withdrawn. A run
        that has ended is open again. What was posted and not heard yet is heard.
        Raises: RunNotFound, CheckpointNotFound, RunOwned while another live process carries it,
        RunBusy inside a handler of the run.
        """
        stored = await self._checkpoint(run_id, at)
        async with self._opening_of(run_id):
            await self._check_free(await self.store.row(run_id))
            driven = self._runs.get(run_id)
            if driven is not None:
                inside.refuse(driven.live.running, "rewind")
                del self._runs[run_id]
                await driven.stop()
            try:
                await self._go_back(stored)
            except BaseException as error:
                _tell(driven, error)
                raise
            text = f"run {run_id!r} went back to commit {at} while it was waited for"
            _tell(driven, RunRewound(text, run_id=run_id, seq=at))
            self.failures.pop(run_id, None)
        return await self._went_on(run_id)

    async def _check_free(self, row: RunRow) -> None:
        """Raises: RunOwned while another live process carries the run."""
        if row.owner not in (None, self._owner.id) and not await self._owner.is_gone(row.owner):
            raise RunOwned(
                f"run {row.run_id!r} is owned by a live process", run_id=row.run_id, owner=row.owner
            )

    async def _go_back(self, stored: Stored) -> None:
        """Write the old record as the run's next commit, under a claim of our own."""
        run_id = stored.row.run_id
        claim = await self._owner.claim(run_id)
        try:
            branch = branched(parts_of(stored), await every_wait(self.store, run_id))
            name = f"{REWIND}{stored.seq}-{self._ids.new()}"
            commit = self._commit(stored, branch.parts, name, "rewind", branch)
            try:
                await self.store.append(claim, commit, after=claim.seq)
            except (OwnershipLost, StaleWrite):
                raise
            except StoreError:
                # The same commit id, while it is the head, is success.
                await self.store.append(claim, commit, after=claim.seq)
        finally:
            # Whoever carries the run on claims it anew; a claim that stays behind is ours.
            with contextlib.suppress(StoreError):
                await self.store.release(claim)

    async def _checkpoint(self, run_id: str, at: int | None) -> Stored:
        """The run as of a commit that one may return to: a checkpoint, or the head."""
        stored = await self.store.read(check_run_id(run_id), at)
        row = stored.row
        if row.head.front == "workflow" and stored.checkpoint is None and stored.seq != row.seq:
            raise CheckpointNotFound(
                f"commit {at} of run {run_id!r} lies inside a superstep and is no checkpoint",
                hint=f"Choose one that `holdfast history {run_id}` marks.",
                checkpoint_id=f"{run_id}@{at}",
            )
        return stored

    def _codec_for(self, head: RunHead) -> Codec:
        """What reads and writes values of the run: the definition's types, if it is held here."""
        known = self._definitions.get(head.definition)
        return self._codec if known is None else Codec(known.types)

    def _reader_for(self, head: RunHead, *, plain: bool) -> Lenient:
        """What shows values of the run: as they were, where that is known, or all as plain data."""
        codec = self._codec_for(head)
        return Plain(codec) if plain else Lenient(codec)

    def _commit(
        self,
        stored: Stored,
        parts: dict[str, Part],
        commit_id: str,
        kind: str,
        branch: Branch | None = None,
    ) -> Commit:
        """The commit that holds a whole record. branch: what it meets, in the run that it is of."""
        head = stored.row.head
        codec = self._codec_for(head)
        run = record_of(stored, parts, Lenient(codec))
        run.journal = Journal(codec)
        status = store_status(run)
        asked = open_waits(run)
        if branch is not None:
            asked = [wait for wait in asked if wait.id in branch.reopened]
        mark = None
        if head.front == "workflow":
            parent = None if branch is None else stored.seq
            mark = CheckpointMark(kind=kind, iteration=run.frames[0].iteration, parent=parent)
        return Commit(
            commit_id=commit_id,
            status=status,
            # An engine ends what is idle, so somebody has to look at it.
            due=run.live > 0 or status == "idle",
            at=self._clock.now(),
            delta=b"",
            anchor=tuple(body_pieces(parts)),
            checkpoint=mark,
            waits=tuple(wait_row(run, wait) for wait in asked),
            withdraws=() if branch is None else branch.withdrawn,
            wake_at=timers.earliest(run),
            error=run.error,
            moved_to=_structure(stored) if stored.row.moved_to is not None else None,
        )

    async def _went_on(self, run_id: str) -> RunHandle:
        """The run, carried on here if this engine can."""
        row = await self.store.row(run_id)
        driven: Driven | None = None
        if row.head.definition in self._definitions and row.status not in TERMINAL:
            try:
                driven = await self._recovered(row)
            except (RunOwned, OwnershipLost):
                pass  # somebody else was quicker, and carries it on
            except StoreError:
                raise
            except HoldfastError as error:
                # It lies in the store, for whoever can read it; whoever asks for it here is told.
                self.failures[run_id] = error
        return RunHandle(self, run_id, driven)


def _structure(stored: Stored) -> str:
    """The fingerprint of the structure that a record follows."""
    _, structure = place_in(parts_of(stored))
    return structure or stored.row.head.fingerprint


def _tell(driven: Driven | None, error: BaseException) -> None:
    """Whoever waits for the run as it was before waits no longer."""
    if driven is not None:
        driven.live.die(error)


def _digest(stored: Stored, changes: Mapping[str, Any], codec: Codec) -> str:
    """Tells one fork from another."""
    gone = sorted(key for key, value in changes.items() if value is DELETE)
    kept = {key: value for key, value in changes.items() if value is not DELETE}
    return FORK + codec.digest([stored.row.run_id, stored.seq, kept, gone])
