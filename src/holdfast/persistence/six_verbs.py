# SPDX-License-Identifier: Apache-2.0
"""The six verbs of a checkpoint storage, spoken by any store through its own contract.

A checkpoint here is a commit with a mark; its id is "<run_id>@<seq>". What the verbs refuse is a
`WorkflowCheckpointException`, with the store's own error as its cause.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from holdfast.errors import (
    CheckpointNotFound,
    DocumentError,
    HoldfastError,
    RunNotFound,
    StoreError,
    WorkflowCheckpointException,
)
from holdfast.persistence import parts
from holdfast.persistence.checkpoint import (
    KINDS,
    CheckpointSummary,
    WorkflowCheckpoint,
    parse_json,
    write_json,
)
from holdfast.persistence.ids import RUN_ID
from holdfast.persistence.place import place_in
from holdfast.persistence.rows import (
    CheckpointMark,
    CheckpointRow,
    Claim,
    Commit,
    Page,
    RunHead,
    RunRow,
    Stored,
)

#: A part beside the caller's own: what a commit's header has no column for. It names its seq, so
#: that a run which goes on from here does not carry it into later checkpoints.
HEADER_PART = "holdfast.checkpoint"

_NOTHING = parts.encode_delta({}, {}, ())
_PAGE = 100


class Journal(Protocol):
    """What the verbs ask of a store; `persistence.store.Store` says what each call promises."""

    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """Create the run with its first commit."""

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """Add the commit that follows seq *after*."""

    async def read(self, run_id: str, at: int | None = None) -> Stored:
        """The run as of seq *at*."""

    async def row(self, run_id: str) -> RunRow:
        """The run's row."""

    async def checkpoints(
        self,
        *,
        run_id: str | None = None,
        definition: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page[CheckpointRow]:
        """Checkpoints in the order they were committed."""

    async def unmark(self, run_id: str, seq: int) -> bool:
        """Make commit *seq* no longer a checkpoint."""

    async def delete_run(self, run_id: str) -> None:
        """Drop the run's record."""

    async def claim(self, run_id: str, owner: str, *, over: str | None = None) -> Claim:
        """Own the run under a new epoch."""

    async def release(self, claim: Claim) -> None:
        """Give the run up."""


def checkpoint_place(checkpoint_id: object) -> tuple[str, int] | None:
    """The run and the seq that a checkpoint id names, or None."""
    if not isinstance(checkpoint_id, str):
        return None
    run_id, at, digits = checkpoint_id.rpartition("@")
    if not at or not RUN_ID.fullmatch(run_id) or len(digits) > 18:
        return None
    if not digits.isascii() or not digits.isdecimal():
        return None
    return run_id, int(digits)


async def save(store: Journal, checkpoint: WorkflowCheckpoint) -> str:
    """Add the checkpoint to its run, which is opened if it is unknown."""
    try:
        row = await store.row(checkpoint.run_id)
    except RunNotFound:
        return await _save_first(store, checkpoint)
    except StoreError as error:
        raise _refused(checkpoint.checkpoint_id, "was not saved", error) from error
    if row.head.definition != checkpoint.workflow_name:
        raise WorkflowCheckpointException(
            f"run {checkpoint.run_id!r} belongs to {row.head.definition!r}, "
            f"the checkpoint to {checkpoint.workflow_name!r}"
        )
    scribe = f"save:{uuid.uuid4().hex}"
    try:
        claim = await store.claim(checkpoint.run_id, scribe)
        try:
            stored = await store.read(checkpoint.run_id)
            commit = _commit(checkpoint, stored.seq + 1, stored.row)
            if stored.commit_id == commit.commit_id:
                return f"{checkpoint.run_id}@{stored.seq}"
            seq = await store.append(claim, commit, after=stored.seq)
        finally:
            await store.release(claim)
    except HoldfastError as error:
        raise _refused(checkpoint.checkpoint_id, "was not saved", error) from error
    return f"{checkpoint.run_id}@{seq}"


async def _save_first(store: Journal, checkpoint: WorkflowCheckpoint) -> str:
    commit = _commit(checkpoint, 1, None)
    head = RunHead(
        run_id=checkpoint.run_id,
        definition=checkpoint.workflow_name,
        front="workflow",
        fingerprint=checkpoint.graph_signature_hash,
        created_at=commit.at,
    )
    try:
        await store.open_run(head, commit, None)
    except HoldfastError as error:
        raise _refused(checkpoint.checkpoint_id, "was not saved", error) from error
    return f"{checkpoint.run_id}@1"


def _commit(checkpoint: WorkflowCheckpoint, seq: int, row: RunRow | None) -> Commit:
    """An anchor that leaves everything about the run's motion as it is."""
    kind = checkpoint.metadata.get("kind")
    place = checkpoint_place(checkpoint.previous_checkpoint_id)
    parent = place[1] if place and place[0] == checkpoint.run_id else None
    kept: dict[str, parts.Part] = dict(checkpoint.parts)
    kept[HEADER_PART] = write_json(
        {
            "seq": seq,
            "metadata": checkpoint.metadata,
            "previous": checkpoint.previous_checkpoint_id,
            "timestamp": checkpoint.timestamp,
            "version": checkpoint.version,
        }
    )
    anchor = tuple(parts.body_pieces(kept))
    _rehearse(anchor)
    return Commit(
        commit_id=f"save:{checkpoint.checkpoint_id}",
        status=row.status if row else "idle",
        due=row.due if row else False,
        wake_at=row.wake_at if row else None,
        error=row.error if row else None,
        at=_seconds(checkpoint.timestamp),
        delta=_NOTHING,
        anchor=anchor,
        checkpoint=CheckpointMark(
            kind=kind if isinstance(kind, str) and kind in KINDS else "save",
            iteration=checkpoint.iteration_count,
            parent=parent,
        ),
    )


def _rehearse(anchor: Iterable[bytes]) -> None:
    """What could not be read back is not saved."""
    try:
        parts.merge(b"".join(anchor), ())
    except DocumentError as error:
        raise WorkflowCheckpointException("a part of the checkpoint is not JSON") from error


async def load(store: Journal, checkpoint_id: str) -> WorkflowCheckpoint:
    """The checkpoint of this id, its parts joined."""
    place = checkpoint_place(checkpoint_id)
    if place is None:
        raise _unknown(checkpoint_id)
    try:
        stored = await store.read(place[0], at=place[1])
        if stored.checkpoint is None:
            raise _unknown(checkpoint_id)
        return _checkpoint(stored, stored.checkpoint)
    except (RunNotFound, CheckpointNotFound) as error:
        raise _unknown(checkpoint_id) from error
    except (StoreError, DocumentError) as error:
        raise _refused(checkpoint_id, "cannot be read", error) from error


def _checkpoint(stored: Stored, mark: CheckpointMark) -> WorkflowCheckpoint:
    head = stored.row.head
    found = {
        name: parts.joined(part) for name, part in parts.merge(stored.anchor, stored.deltas).items()
    }
    header: dict[str, Any] = parse_json(found.pop(HEADER_PART, b"{}"))
    if header.get("seq") != stored.seq:
        header = {}
    parent = f"{head.run_id}@{mark.parent}" if mark.parent is not None else None
    return WorkflowCheckpoint(
        workflow_name=head.definition,
        graph_signature_hash=place_in(found)[1] or head.fingerprint,
        checkpoint_id=f"{head.run_id}@{stored.seq}",
        run_id=head.run_id,
        previous_checkpoint_id=header.get("previous", parent),
        timestamp=header.get("timestamp", _text(stored.at)),
        iteration_count=mark.iteration,
        metadata=header.get("metadata", {"kind": mark.kind}),
        version=header.get("version", "1.0"),
        parts=found,
    )


async def list_checkpoint_ids(
    store: Journal, workflow_name: str | None, run_id: str | None, limit: int | None
) -> list[str]:
    """Ids in the order of commits."""
    return [row.checkpoint_id async for row in _rows(store, workflow_name, run_id, limit)]


async def list_checkpoints(
    store: Journal, workflow_name: str | None, run_id: str | None, limit: int | None
) -> list[WorkflowCheckpoint]:
    """Whole checkpoints in the order of commits."""
    ids = await list_checkpoint_ids(store, workflow_name, run_id, limit)
    return [await load(store, checkpoint_id) for checkpoint_id in ids]


async def list_infos(
    store: Journal, workflow_name: str | None, run_id: str | None, limit: int | None
) -> list[CheckpointSummary]:
    """What rows tell, in the order of commits."""
    return [_summary(row) async for row in _rows(store, workflow_name, run_id, limit)]


def _summary(row: CheckpointRow) -> CheckpointSummary:
    parent = row.mark.parent
    return CheckpointSummary(
        row.run_id,
        row.checkpoint_id,
        workflow_name=row.definition,
        previous_checkpoint_id=None if parent is None else f"{row.run_id}@{parent}",
        iteration_count=row.mark.iteration,
        timestamp=_text(row.at),
        kind=row.mark.kind,
        size_bytes=row.size_bytes,
    )


async def _rows(
    store: Journal, workflow_name: str | None, run_id: str | None, limit: int | None
) -> AsyncIterator[CheckpointRow]:
    if run_id is not None and not RUN_ID.fullmatch(run_id):
        return
    left = limit
    cursor: str | None = None
    while left is None or left > 0:
        page = await store.checkpoints(
            run_id=run_id,
            definition=workflow_name,
            cursor=cursor,
            limit=_PAGE if left is None else min(left, _PAGE),
        )
        for row in page.items:
            yield row
        left = None if left is None else left - len(page.items)
        cursor = page.next
        if cursor is None:
            return


async def get_latest(
    store: Journal, workflow_name: str | None, run_id: str | None
) -> WorkflowCheckpoint | None:
    """The checkpoint committed last; if it is damaged, that is the error, never an older one."""
    if run_id is not None and not RUN_ID.fullmatch(run_id):
        return None
    page = await store.checkpoints(
        run_id=run_id, definition=workflow_name, limit=1, newest_first=True
    )
    return await load(store, page.items[0].checkpoint_id) if page.items else None


async def delete(store: Journal, checkpoint_id: str) -> bool:
    """Unmark a checkpoint; given a bare run id, delete the run."""
    place = checkpoint_place(checkpoint_id)
    if place is not None:
        return await store.unmark(*place)
    if not isinstance(checkpoint_id, str) or not RUN_ID.fullmatch(checkpoint_id):
        return False
    try:
        await store.delete_run(checkpoint_id)
    except RunNotFound:
        return False
    return True


def _seconds(timestamp: str) -> float:
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError as error:
        raise WorkflowCheckpointException("timestamp: expected ISO-8601 text") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _unknown(checkpoint_id: object) -> WorkflowCheckpointException:
    shown = checkpoint_id if checkpoint_place(checkpoint_id) else "this id"
    return WorkflowCheckpointException(f"no checkpoint {shown} is stored")


def _refused(checkpoint_id: str, what: str, error: HoldfastError) -> WorkflowCheckpointException:
    shown = checkpoint_id if checkpoint_place(checkpoint_id) else "as given"
    return WorkflowCheckpointException(f"the checkpoint {shown} {what}: {error}", hint=error.hint)
