# SPDX-License-Identifier: Apache-2.0
"""From what is kept back to a record: everything is read and checked before anything changes.

The newest checkpoint of a stored run comes with what was finished after it. An earlier one begins
a branch: nothing is deleted, and the first commit of the branch holds the full record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import (
    CheckpointNotFound,
    RunNotFound,
    StoreDamaged,
    WorkflowCheckpointException,
    WorkflowGraphChanged,
    WrongDefinition,
)
from holdfast.machine import layout, superstep
from holdfast.machine.run import Run
from holdfast.persistence.checkpoint import CheckpointStorage, WorkflowCheckpoint
from holdfast.persistence.codec import Codec
from holdfast.persistence.parts import Part, merge
from holdfast.persistence.six_verbs import checkpoint_place
from holdfast.persistence.store import Store, Stored
from holdfast.runtime import reopening
from holdfast.runtime.branching import every_wait, meet
from holdfast.runtime.clock import CLOCK, IDS
from holdfast.runtime.home import Home
from holdfast.runtime.reopening import Header, Reopened
from holdfast.runtime.saving import Saver
from holdfast.workflow.compatible import change_of
from holdfast.workflow.keeping import Keeping, StorageKeeper
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.responses import open_waits


@dataclass(slots=True, kw_only=True)
class Restored:
    """A record that was read, with whoever writes it on.

    seen: inbox numbers that it has taken in. moves: it follows another structure from its first
    commit on, which is to be made before anything goes on.
    """

    run: Run
    saver: Saver
    warning: str | None
    seen: set[int] = field(default_factory=set)
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """With what a record is read. is_strict: one of a changed graph is refused.

    run_id: the run that the checkpoint has to be of, if that is known.
    """

    plan: WorkflowPlan
    codec: Codec
    is_strict: bool = False
    run_id: str | None = None

    def check_run(self, found: str) -> None:
        """Raises: WorkflowCheckpointException for a checkpoint of another run."""
        if self.run_id not in (None, found):
            raise WorkflowCheckpointException(
                f"the checkpoint belongs to run {found!r}, not to {self.run_id!r}",
                hint="Pass an info as the run, its events or the manager gave it.",
            )


async def from_storage(
    storage: CheckpointStorage, checkpoint_id: str, reading: Reading
) -> Restored:
    """The record of a checkpoint that a storage keeps. Raises: WorkflowCheckpointException."""
    found, warning = await _from_storage(storage, checkpoint_id, reading)
    keeper = StorageKeeper(storage, reading.plan, IDS, checkpoint_id)
    saver = Saver(found.run, keeper, CLOCK, IDS)
    return _restored(found, saver, warning, reading)


def _restored(found: Reopened, saver: Saver, warning: str | None, reading: Reading) -> Restored:
    plan = reading.plan
    moves = reopening.move(saver, found, plan.fingerprint, plan.versions)
    return Restored(run=found.run, saver=saver, warning=warning, moves=moves)


def from_document(checkpoint: WorkflowCheckpoint, reading: Reading) -> tuple[Run, str | None]:
    """The record of a checkpoint as a run that nothing keeps yet, and what to warn of.

    Raises: WorkflowCheckpointException.
    """
    found, warning = _of_checkpoint(checkpoint, reading)
    reopening.forget_place(found.run)
    return found.run, warning


async def _from_storage(
    storage: CheckpointStorage, checkpoint_id: str, reading: Reading
) -> tuple[Reopened, str | None]:
    try:
        checkpoint: Any = await storage.load(checkpoint_id)
    except WorkflowCheckpointException:
        raise
    except Exception as error:
        raise WorkflowCheckpointException(
            f"checkpoint {checkpoint_id[:80]!r} could not be loaded: {error}"
        ) from error
    if not isinstance(checkpoint, WorkflowCheckpoint):
        raise WorkflowCheckpointException(
            f"the storage gave a {type(checkpoint).__name__} for checkpoint {checkpoint_id[:80]!r}",
            hint="Use an id that list_checkpoint_ids() gives.",
        )
    reading.check_run(checkpoint.run_id)
    return _of_checkpoint(checkpoint, reading)


def _of_checkpoint(checkpoint: WorkflowCheckpoint, reading: Reading) -> tuple[Reopened, str | None]:
    parts: dict[str, Part] = dict(checkpoint.parts)
    header = Header(
        run_id=checkpoint.run_id,
        front="workflow",
        definition=checkpoint.workflow_name,
        fingerprint=checkpoint.graph_signature_hash,
        followed=checkpoint.graph_signature_hash,
        sequence=checkpoint.iteration_count,
    )
    return _record(header, parts, reading)


async def from_store(home: Home, checkpoint_id: str, reading: Reading) -> Restored:
    """The record of a checkpoint in a store, owned from here on.

    Raises: WorkflowCheckpointException, RunOwned while another live process carries the run.
    """
    run_id, number = _place(checkpoint_id)
    reading.check_run(run_id)
    try:
        head = await home.store.read(run_id)
        is_newest = await newest_checkpoint(home.store, run_id) == number
        stored = head if is_newest else await home.store.read(run_id, at=number)
    except (RunNotFound, CheckpointNotFound, StoreDamaged) as error:
        raise WorkflowCheckpointException(str(error)) from error
    if not is_newest and stored.checkpoint is None:
        raise WorkflowCheckpointException(f"commit {number} of run {run_id!r} is no checkpoint")
    restored = await _owned(home, stored, head, reading)
    restored.saver.last_checkpoint = number
    if is_newest:
        restored.seen = set(head.consumed)
    else:
        await _branch(home, restored)
    return restored


def _place(checkpoint_id: str) -> tuple[str, int]:
    place = checkpoint_place(checkpoint_id)
    if place is None:
        raise WorkflowCheckpointException(
            f"{checkpoint_id[:80]!r} is no checkpoint id of a store",
            hint="Use an id that list_checkpoint_ids() gives, or one from completion_info.",
        )
    return place


async def outputs_at(keeping: Keeping, checkpoint_id: str, reading: Reading) -> list[Any]:
    """The results in the record of a checkpoint, which nobody owns or changes for that.

    Raises: WorkflowCheckpointException.
    """
    if isinstance(keeping, Home):
        run_id, number = _place(checkpoint_id)
        try:
            stored = await keeping.store.read(run_id, at=number)
        except (RunNotFound, CheckpointNotFound, StoreDamaged) as error:
            raise WorkflowCheckpointException(str(error)) from error
        if stored.checkpoint is None or stored.row.head.front != "workflow":
            raise WorkflowCheckpointException(
                f"{checkpoint_id!r} is no checkpoint of a workflow",
                hint="Use an id that list_checkpoint_ids() gives, or one from completion_info.",
            )
        found, _ = read_record(stored, reading)
    else:
        assert keeping is not None
        found, _ = await _from_storage(keeping, checkpoint_id, reading)
    return [output.value for output in found.run.outputs if output.kind == "output"]


async def from_head(home: Home, run_id: str, reading: Reading) -> Restored:
    """The record as its run last wrote it, owned from here on. Raises: as `from_store`."""
    try:
        head = await home.store.read(run_id)
    except StoreDamaged as error:
        raise WorkflowCheckpointException(str(error)) from error
    restored = await _owned(home, head, head, reading)
    restored.saver.last_checkpoint = await newest_checkpoint(home.store, run_id)
    restored.seen = set(head.consumed)
    return restored


async def _owned(home: Home, stored: Stored, head: Stored, reading: Reading) -> Restored:
    """Check the record, then own its run; it must not have moved on meanwhile."""
    row_head = stored.row.head
    if row_head.front != "workflow":
        raise WorkflowCheckpointException(f"run {row_head.run_id!r} is no run of a workflow")
    found, warning = read_record(stored, reading, asked_in_store=stored is head)
    claim = await home.owner.claim(row_head.run_id)
    if claim.seq != head.seq:
        try:
            if stored is not head:
                raise WorkflowCheckpointException(
                    f"run {row_head.run_id!r} moved on while it was read", hint="Restore it again."
                )
            # Its last owner wrote once more before it let go; nobody else may write now.
            head = await home.store.read(row_head.run_id)
            found, warning = read_record(head, reading, asked_in_store=True)
        except BaseException:
            await home.give_up(claim)
            raise
    saver = home.saver(found.run, claim, head)
    if stored is not head:
        # Somebody decided to go on from there, whatever became of the run since.
        saver.deaths, saver.begun = 0, None
    return _restored(found, saver, warning, reading)


def read_record(
    stored: Stored, reading: Reading, *, asked_in_store: bool = False
) -> tuple[Reopened, str | None]:
    """The record of a commit, and what has changed since. Raises: WorkflowCheckpointException."""
    try:
        parts = merge(stored.anchor, stored.deltas)
    except ValueError as error:
        raise WorkflowCheckpointException(str(error)) from error
    header = reopening.header_of(stored)
    return _record(header, parts, reading, asked_in_store=asked_in_store)


def _record(
    header: Header, parts: Mapping[str, Part], reading: Reading, *, asked_in_store: bool = False
) -> tuple[Reopened, str | None]:
    """The record from its parts, and what has changed since. Nothing else is touched."""
    plan = reading.plan
    try:
        found = reopening.reopened(
            header,
            parts,
            plan.graph,
            reading.codec,
            plan.versions,
            asked_in_store=asked_in_store,
        )
        change = change_of(found.run, plan.graph, (found.saved, plan.fingerprint))
        warning = change.admitted(strict=reading.is_strict and not found.was_migrated)
    except WrongDefinition as error:
        raise WorkflowGraphChanged(
            f"the checkpoint cannot be used: {error}", hint=error.hint, **error.facts
        ) from error
    except ValueError as error:
        raise WorkflowCheckpointException(
            f"the checkpoint cannot be used: {error}",
            hint=getattr(error, "hint", None),
        ) from error
    if any(wait.origin is None for wait in found.run.waits.values()):
        raise WorkflowCheckpointException("the checkpoint has a request that no executor made")
    superstep.load(found.run)
    return found, None if found.was_migrated else warning


async def newest_checkpoint(store: Store, run_id: str) -> int | None:
    """The seq of the newest checkpoint of a run."""
    page = await store.checkpoints(run_id=run_id, limit=1, newest_first=True)
    return page.items[0].seq if page.items else None


async def _branch(home: Home, restored: Restored) -> None:
    """Let an earlier record go on beside what the store has seen since.

    Questions that are open in the record are open again in the store from its first commit on,
    which writes the full record; those that it does not ask are withdrawn by it.
    """
    run, saver = restored.run, restored.saver
    assert run.journal is not None
    asked = open_waits(run)
    payloads = {wait.id: wait.data for wait in asked.values()}
    rows = await every_wait(home.store, run.run_id)
    met = meet(payloads, rows, run.next_settled, len(run.waits))
    run.next_settled = met.settled
    for wait in asked.values():
        wait.generation = met.generations[wait.id]
        layout.mark_wait(run.journal, wait)
        if wait.id in met.reopened:
            saver.opened.append(wait)
    saver.withdrawn = met.withdrawn
    saver.rewrite = True
    layout.mark_head(run)


async def open_ids(home: Home, run_id: str) -> set[str]:
    """The questions of a run that nobody has settled."""
    return {row.wait_id for row in await every_wait(home.store, run_id, "open")}
