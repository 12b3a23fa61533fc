# SPDX-License-Identifier: Apache-2.0
"""What crosses the contract between the runtime and a store: plain values, no behaviour.

Bodies, payloads, values and deltas are opaque bytes here. `at` and the other times are seconds
since 1970, for people and timers; nothing is ever ordered by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

#: Statuses after which a run takes no posts and asks no questions.
TERMINAL = frozenset({"completed", "failed", "cancelled"})


class Struct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A value that crosses the contract."""


class RunHead(Struct, frozen=True, kw_only=True):
    """What stays the same for the life of a run.

    front: "flow" or "workflow". fingerprint, version: of the definition that it began with.
    input_digest: tells the same start from another one. parent: "<run_id>@<seq>" of the commit this
    run was forked from.
    """

    run_id: str
    definition: str
    front: str
    fingerprint: str
    created_at: float
    version: str | None = None
    input_digest: str = ""
    parent: str | None = None


class RunRow(Struct, frozen=True, kw_only=True):
    """A run as a list shows it.

    status: "running", "waiting", "parked", "idle", "completed", "failed" or "cancelled".
    due: the record holds deliveries that somebody should run. open_waits, inbox: how many.
    claims: claims since the run last made progress that took it from another owner who had not
    given it up.
    pruned: the run was deleted and only this row is left (a tombstone). moved_to: the fingerprint
    of the structure that it follows by now, if it went on with another than it began with.
    """

    head: RunHead
    seq: int
    epoch: int
    owner: str | None
    status: str
    due: bool
    updated_at: float
    wake_at: float | None = None
    error: str | None = None
    claims: int = 0
    open_waits: int = 0
    inbox: int = 0
    pruned: bool = False
    moved_to: str | None = None

    @property
    def fingerprint(self) -> str:
        """Of the structure that the run follows now."""
        return self.moved_to or self.head.fingerprint

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.head.run_id


class WaitRow(Struct, frozen=True, kw_only=True):
    """One question. A wait id may be asked again once it is settled, under a higher `generation`.

    status: "open", "answered", "expired", "cancelled", "withdrawn" or "closed" (the run ended).
    payload, value: encoded values. schema: JSON of the closed subset in `definition.schema`.
    default: what an expiry answers with, if anything. digest: of the settling value.
    opened_seq: the commit that opened it. settled_seq: the head when it was settled, or the commit
    that closed or withdrew it. None where the store was written before it kept them.
    """

    run_id: str
    wait_id: str
    generation: int
    type: str
    payload: bytes
    opened_at: float
    schema: bytes | None = None
    deadline: float | None = None
    default: bytes | None = None
    status: str = "open"
    request_id: str | None = None
    value: bytes | None = None
    digest: str | None = None
    actor: str | None = None
    settled_at: float | None = None
    opened_seq: int | None = None
    settled_seq: int | None = None


class Settlement(Struct, frozen=True, kw_only=True):
    """An attempt to settle a wait: status is "answered", "expired", "cancelled" or "withdrawn".

    value: one JSON text. digest: of its canonical form; two values with one digest are the same
    answer.
    """

    status: str
    at: float
    value: bytes | None = None
    digest: str | None = None
    request_id: str | None = None
    actor: str | None = None


class Post(Struct, frozen=True, kw_only=True):
    """What an outsider leaves for the owner of a run.

    kind: "answer", "signal", "cancel", "retry", "skip" or "close"; only `settle` makes "answer".
    request_id: unique in the run; the same id with the same digest is the same post.
    """

    kind: str
    body: bytes
    at: float
    request_id: str | None = None
    digest: str | None = None
    actor: str | None = None


class InboxItem(Struct, frozen=True, kw_only=True):
    """A post with the number that the store gave it; numbers rise within a run."""

    number: int
    post: Post


class PostRow(Struct, frozen=True, kw_only=True):
    """A post as the history shows it, whether it was consumed or not.

    seq: the head when it came. consumed: the commit that took it in. None for either where the
    store was written before it kept that.
    """

    number: int
    post: Post
    seq: int | None = None
    consumed: int | None = None


class CheckpointMark(Struct, frozen=True, kw_only=True):
    """Makes a commit one that somebody may return to.

    kind: "entry", "superstep", "response" or "save"; "fork" for the first commit of a forked run,
    "rewind" for the one that takes a run back. iteration: completed supersteps. parent: the seq of
    the checkpoint this one follows, if any; of a rewind, the commit it went back to.
    """

    kind: str
    iteration: int = 0
    parent: int | None = None


class Commit(Struct, frozen=True, kw_only=True):
    """One atomic append.

    delta: what changed (`persistence.parts`). anchor: pieces that, joined, hold the full record
    after this commit; a store joins them off the event loop. waits: opened by this commit.
    consumed: inbox numbers this commit has taken in. withdraws: ids of waits that are taken back,
    where they are still open, before its own are opened. A terminal status closes what is still
    open. moved_to: the fingerprint of the structure that the run follows from here on, where that
    is another than before.
    progress: False if it says no more than that a new owner has begun; `RunRow.claims` counts on.
    """

    commit_id: str
    status: str
    due: bool
    at: float
    delta: bytes
    anchor: Sequence[bytes] | None = None
    checkpoint: CheckpointMark | None = None
    waits: tuple[WaitRow, ...] = ()
    consumed: tuple[int, ...] = ()
    withdraws: tuple[str, ...] = ()
    wake_at: float | None = None
    error: str | None = None
    progress: bool = True
    moved_to: str | None = None


class Claim(Struct, frozen=True, kw_only=True):
    """The right to write to a run until a newer claim exists. claims: of its row, this included."""

    run_id: str
    owner: str
    epoch: int
    seq: int
    claims: int = 0


class OwnerRow(Struct, frozen=True, kw_only=True):
    """A process that owns runs. beat: its counter. locked: its OS lock is held right now."""

    owner: str
    beat: int
    locked: bool


class CheckpointRow(Struct, frozen=True, kw_only=True):
    """A checkpoint as a list shows it; `number` rises over the whole store.

    size_bytes: of the commit itself (delta or anchor), not of the whole record.
    """

    number: int
    run_id: str
    seq: int
    commit_id: str
    definition: str
    fingerprint: str
    mark: CheckpointMark
    at: float
    size_bytes: int

    @property
    def checkpoint_id(self) -> str:
        """The id that leads back to it: "<run_id>@<seq>"."""
        return f"{self.run_id}@{self.seq}"


class CommitRow(Struct, frozen=True, kw_only=True):
    """A commit as the history of a run shows it.

    anchored: it holds the full record. mark: set if it is a checkpoint. size_bytes: of the commit
    itself (delta or anchor), not of the whole record.
    """

    run_id: str
    seq: int
    commit_id: str
    at: float
    anchored: bool
    size_bytes: int
    mark: CheckpointMark | None = None


class Stored(Struct, frozen=True, kw_only=True):
    """A run as read: the newest anchor at or before the seq asked for, and the deltas after it.

    commit_id, at, checkpoint: of the commit `seq`. consumed: inbox numbers that the commits of
    `deltas` took in. A commit that brought an anchor has no delta here: the anchor says it all.
    """

    row: RunRow
    seq: int
    commit_id: str
    at: float
    anchor_seq: int
    anchor: bytes
    deltas: tuple[bytes, ...] = ()
    consumed: tuple[int, ...] = ()
    checkpoint: CheckpointMark | None = None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. next: the cursor of the part after it, or None."""

    items: tuple[T, ...]
    next: str | None = None
