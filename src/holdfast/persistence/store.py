# SPDX-License-Identifier: Apache-2.0
"""The contract between the runtime and whatever keeps runs.

A store knows bytes and headers. It gives every commit of a run a sequence number, refuses a write
that does not follow the head or names an old epoch, settles each wait once, and keeps what
outsiders post for a run. It never looks into a body.

Rules every store holds (`holdfast.testing.store_suite` checks them):

- a call that returns has its bytes as safe as `Store.durability` says; a call that raises has
  changed nothing, or what it changed is found under its commit id;
- order is the order of the store's own numbers, never of clocks: `at` is for people;
- every append is one transaction: commit, new waits, consumed inbox items, header, all or none.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from holdfast.errors import InvalidId

T = TypeVar("T")

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
LONGEST_ID = 255

#: Statuses after which a run takes nothing more.
TERMINAL = frozenset({"completed", "failed", "cancelled"})


class Struct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A value that crosses the contract."""


class RunHead(Struct):
    """What stays the same for the life of a run.

    front: "flow" or "workflow". input_digest: tells the same start from another one.
    parent: "<run_id>@<seq>" of the commit this run was forked from.
    """

    run_id: str
    definition: str
    front: str
    fingerprint: str
    created_at: float
    version: str | None = None
    input_digest: str = ""
    parent: str | None = None


class RunRow(Struct):
    """A run as a list shows it.

    status: "running", "waiting", "parked", "idle", "completed", "failed" or "cancelled".
    due: the record holds deliveries that somebody should run. open_waits, inbox: how many.
    claims: takeovers since the last append. pruned: only this row is left (a tombstone).
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

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.head.run_id


class WaitRow(Struct):
    """One question. A wait id may be asked again once it is settled: `generation` counts.

    status: "open", "answered", "expired", "cancelled", "withdrawn" or "closed" (the run ended).
    payload, value: encoded values. schema: JSON of the closed subset in `definition.schema`.
    default: what an expiry answers with, if anything. digest: of the settling value.
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


class Settlement(Struct):
    """An attempt to settle a wait: status is "answered", "expired", "cancelled" or "withdrawn".

    digest: of the value's canonical form; two values with one digest are the same answer.
    """

    status: str
    at: float
    value: bytes | None = None
    digest: str | None = None
    request_id: str | None = None
    actor: str | None = None


class Post(Struct):
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


class InboxItem(Struct):
    """A post with the number that the store gave it; numbers rise within a run."""

    number: int
    post: Post


class CheckpointMark(Struct):
    """Makes a commit one that somebody may return to.

    kind: "entry", "superstep", "response" or "save". iteration: completed supersteps.
    parent: the seq of the checkpoint this one follows, if any.
    """

    kind: str
    iteration: int = 0
    parent: int | None = None


class Commit(Struct):
    """One atomic append.

    delta: what changed (`persistence.parts`). anchor: pieces that, joined, hold the full record
    after this commit; a store joins them off the event loop. waits: opened by this commit.
    consumed: inbox numbers this commit has taken in. A terminal status closes what is still open.
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
    wake_at: float | None = None
    error: str | None = None


class Claim(Struct):
    """The right to write to a run until a newer claim exists."""

    run_id: str
    owner: str
    epoch: int
    seq: int


class OwnerRow(Struct):
    """A process that owns runs. beat: its counter. locked: its OS lock is held right now."""

    owner: str
    beat: int
    locked: bool


class CheckpointRow(Struct):
    """A checkpoint as a list shows it; `number` rises over the whole store."""

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


class Stored(Struct):
    """A run as read: the newest anchor at or before the seq asked for, and the deltas after it."""

    row: RunRow
    seq: int
    anchor_seq: int
    anchor: bytes
    deltas: tuple[bytes, ...] = ()
    consumed: tuple[int, ...] = ()


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. next: the cursor of the part after it, or None."""

    items: tuple[T, ...]
    next: str | None = None


class Store(ABC):
    """Keeps runs. Stores raise `StoreError`s (and the wait and run errors named below) only.

    durability: "memory" (dies with the process), "relaxed" (survives a killed process) or
    "fsync" (survives power loss). shared: other processes may open the same runs.
    """

    durability: str = "memory"
    shared: bool = False
    url: str = ""

    # -- runs ------------------------------------------------------------------------------------

    @abstractmethod
    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """Create the run with its first commit (seq 1, anchor given), owned by *owner*, or change nothing.

        Raises: RunExists if the id is in use (pruned and deleted runs included), InvalidId.
        """

    @abstractmethod
    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """Add the commit that follows seq *after*, or change nothing. Returns its seq.

        The same commit id again, while it is the head, is success.
        Raises: OwnershipLost if a newer claim exists, StaleWrite if the head is another,
        WaitExists if a wait id of the commit is open, RunNotFound.
        """

    @abstractmethod
    async def read(self, run_id: str, at: int | None = None) -> Stored:
        """The run as of seq *at* (the head by default). Raises: RunNotFound, CheckpointNotFound."""

    @abstractmethod
    async def row(self, run_id: str) -> RunRow:
        """The run's row. Raises: RunNotFound."""

    @abstractmethod
    async def runs(
        self,
        *,
        status: str | None = None,
        definition: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[RunRow]:
        """Runs in the order they were opened."""

    @abstractmethod
    async def claimable(self, *, now: float, limit: int = 100) -> tuple[RunRow, ...]:
        """Runs not ended that hold due work, unread posts, or a timer that has come. Owned ones too."""

    @abstractmethod
    async def checkpoints(
        self,
        *,
        run_id: str | None = None,
        definition: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[CheckpointRow]:
        """Checkpoints in the order they were committed."""

    @abstractmethod
    async def prune(self, run_id: str, *, keep: int) -> int:
        """Drop what only checkpoints older than the last *keep* need. Returns the commits dropped.

        The head and every kept checkpoint can still be read.
        """

    @abstractmethod
    async def delete(self, run_id: str) -> None:
        """Drop the run's record; its row stays as a tombstone, so the id is not used twice.

        Raises: RunNotFound, RunOwned while a claim is held.
        """

    # -- ownership -------------------------------------------------------------------------------

    @abstractmethod
    async def enrol(self, owner: str) -> None:
        """Make *owner* known, with beat 0, and hold its OS lock where runs are shared."""

    @abstractmethod
    async def renew(self, owner: str) -> None:
        """Raise the owner's beat by one."""

    @abstractmethod
    async def retire(self, owner: str) -> None:
        """Forget the owner, let its lock go and release every run it owns."""

    @abstractmethod
    async def owners(self) -> tuple[OwnerRow, ...]:
        """Everyone enrolled, with beat and lock as of now."""

    @abstractmethod
    async def claim(self, run_id: str, owner: str, *, over: str | None = None) -> Claim:
        """Own the run under a new epoch.

        over: the owner that is known to be gone; the claim is refused if another one owns the run.
        Raises: RunOwned, RunNotFound, RunClosed if the run was deleted.
        """

    @abstractmethod
    async def release(self, claim: Claim) -> None:
        """Give the run up, if the claim is still the newest."""

    # -- waits and inbox -------------------------------------------------------------------------

    @abstractmethod
    async def waits(
        self,
        *,
        run_id: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[WaitRow]:
        """Waits in the order they were opened."""

    @abstractmethod
    async def settle(self, run_id: str, wait_id: str, settlement: Settlement) -> WaitRow:
        """Settle the open generation of a wait and post it into the inbox, in one transaction.

        The post has kind "answer" and, as body, JSON {"wait": id, "generation": n}.
        The same request id with the same digest gets the row it settled, at any later time.
        Raises: WaitNotFound, AnswerConflict, AlreadyAnswered, WaitExpired, WaitClosed, RunNotFound.
        """

    @abstractmethod
    async def post(self, run_id: str, post: Post) -> InboxItem:
        """Leave something for the run's owner.

        Raises: RunNotFound, RunClosed, AnswerConflict if the request id was used with another digest.
        """

    @abstractmethod
    async def inbox(self, run_id: str) -> tuple[InboxItem, ...]:
        """What the run has not consumed yet, oldest first."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what is under way and let every file and thread go. Closing twice is fine."""


def check_run_id(run_id: object) -> str:
    """Return the id, or raise InvalidId."""
    if isinstance(run_id, str) and RUN_ID.fullmatch(run_id):
        return run_id
    raise InvalidId(
        "run id: expected 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -, beginning with a letter "
        f"or digit; found {_shown(run_id)}"
    )


def check_id(value: object, what: str) -> str:
    """Return an id that is not a run's (a wait's, a request's, an owner's), or raise InvalidId."""
    if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable():
        return value
    raise InvalidId(
        f"{what}: expected text of 1 to {LONGEST_ID} printable characters; found {_shown(value)}"
    )


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    return f"text of {len(value)} characters"
