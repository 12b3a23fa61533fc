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

from abc import ABC, abstractmethod
from collections.abc import Collection

from holdfast.persistence import six_verbs
from holdfast.persistence.checkpoint import CheckpointSummary, WorkflowCheckpoint
from holdfast.persistence.ids import LONGEST_ID, RUN_ID, check_id, check_run_id
from holdfast.persistence.rows import (
    TERMINAL,
    CheckpointMark,
    CheckpointRow,
    Claim,
    Commit,
    CommitRow,
    InboxItem,
    OwnerRow,
    Page,
    Post,
    PostRow,
    RunHead,
    RunRow,
    Settlement,
    Stored,
    Struct,
    WaitRow,
)

__all__ = [
    "LONGEST_ID",
    "RUN_ID",
    "TERMINAL",
    "CheckpointMark",
    "CheckpointRow",
    "Claim",
    "Commit",
    "CommitRow",
    "InboxItem",
    "OwnerRow",
    "Page",
    "Post",
    "PostRow",
    "RunHead",
    "RunRow",
    "Settlement",
    "Store",
    "Stored",
    "Struct",
    "WaitRow",
    "check_id",
    "check_run_id",
]


class Store(ABC):
    """Keeps runs. Stores raise `StoreError`s (and the wait and run errors named below) only.

    durability: "memory" (dies with the process), "relaxed" (survives a killed process) or
    "fsync" (survives power loss). shared: other processes may open the same runs.
    awaits_futures_only: its methods await plain asyncio futures and nothing else, not even the
    current task, so that an append can be driven without one.
    """

    durability: str = "memory"
    shared: bool = False
    awaits_futures_only: bool = False
    url: str = ""

    async def open(self) -> None:
        """Open the store now, so that a wrong path is told here; else the first call does it."""

    @abstractmethod
    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """Create the run with its first commit, or change nothing.

        The commit gets seq 1 and has an anchor. With an *owner*, the run is claimed under epoch 1.
        The same commit id again by the same owner, while it is the head, is success.
        Raises: RunExists if the id is in use (deleted runs included), InvalidId.
        """

    @abstractmethod
    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """Add the commit that follows seq *after*, or change nothing. Returns its seq.

        The same commit id again, while it is the head, is success. A commit that leaves nothing
        due gives the run up: it has no owner, though this claim may write on until a newer one.
        Raises: OwnershipLost if a newer claim exists or this one was released, StaleWrite if the
        head is another, WaitExists if a wait id of the commit is open or its generation was used,
        RunNotFound.
        """

    @abstractmethod
    async def read(self, run_id: str, at: int | None = None) -> Stored:
        """The run as of seq *at* (the head by default).

        Raises: RunNotFound (deleted runs included), CheckpointNotFound if seq *at* never was or
        was pruned, StoreDamaged if what is stored cannot be what was written.
        """

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
        newest_first: bool = False,
    ) -> Page[RunRow]:
        """Runs in the order they were opened, tombstones included."""

    @abstractmethod
    async def claimable(
        self, *, now: float, limit: int = 100, beside: Collection[str] = ()
    ) -> tuple[RunRow, ...]:
        """Runs not ended that hold due work, unread posts, or a timer that has come.

        Owned ones too, except those of the owners named in *beside*: a process names the others
        that it saw alive, so that their runs do not fill the list.
        """

    @abstractmethod
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

    @abstractmethod
    async def unmark(self, run_id: str, seq: int) -> bool:
        """Make commit *seq* no longer a checkpoint; False if it was none. Nothing else changes."""

    @abstractmethod
    async def commits(
        self,
        run_id: str,
        *,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page[CommitRow]:
        """What is left of the run's commits, in their order. Raises: RunNotFound (deleted too)."""

    @abstractmethod
    async def prune(
        self, run_id: str, *, keep_last: int, before: float | None = None, every: bool = False
    ) -> int:
        """Drop what only checkpoints older than the last *keep_last* need.

        before: a checkpoint of this time or a later one is kept too. every: each commit counts as
        a checkpoint. Returns the commits dropped. The head and everything kept can still be read.
        """

    @abstractmethod
    async def delete_run(
        self, run_id: str, *, result: bytes | None = None, at: int | None = None
    ) -> None:
        """Drop the run's record, waits and posts; its row stays, so the id is not used twice.

        A run that had not ended is "cancelled" from here on. Deleting twice is fine.
        result: what it ended with, kept beside the row. at: the head that the caller has seen.
        Raises: RunNotFound, RunOwned while a claim is held, StaleWrite if the head is not *at*.
        """

    @abstractmethod
    async def result(self, run_id: str) -> bytes | None:
        """What was kept of the result when the run was deleted; else None. Raises: RunNotFound."""

    @abstractmethod
    async def enrol(self, owner: str) -> None:
        """Make *owner* known, with beat 0, and hold its OS lock where runs are shared.

        Raises: StoreLocked if another live process holds the lock of this owner id.
        """

    @abstractmethod
    async def renew(self, owner: str) -> None:
        """Raise the owner's beat by one; an owner forgotten meanwhile is enrolled again."""

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
        An owner may claim again what it owns: its earlier claim is void from then on.
        Raises: RunOwned, RunNotFound, RunClosed if the run was deleted.
        """

    @abstractmethod
    async def release(self, claim: Claim) -> None:
        """Give the run up, if the claim is still the newest."""

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

        Every way of settling posts: kind "answer" and, as body, the JSON object {"wait": id,
        "generation": n, "status": text, "value": the value, one JSON text, or null}.
        The same request id with the same digest gets the row it settled, at any later time; with
        another digest, or on another wait, it is an AnswerConflict.
        Raises: WaitNotFound, AnswerConflict, AlreadyAnswered, WaitExpired, WaitClosed, RunNotFound.
        """

    @abstractmethod
    async def post(self, run_id: str, post: Post) -> InboxItem:
        """Leave something for the run's owner.

        The same request id with the same kind and digest gets the item it made, at any later time.
        Raises: RunNotFound, RunClosed, AnswerConflict if the request id has another use.
        """

    @abstractmethod
    async def inbox(self, run_id: str) -> tuple[InboxItem, ...]:
        """What the run has not consumed yet, oldest first."""

    @abstractmethod
    async def posts(
        self, run_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[PostRow]:
        """Everything that was ever posted, oldest first. Raises: RunNotFound (deleted too)."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what is under way and let every file and thread go. Closing twice is fine."""

    async def save(self, checkpoint: WorkflowCheckpoint) -> str:
        """Add a checkpoint to its run, which is opened if it is unknown. Returns "<run_id>@<seq>".

        Raises: WorkflowCheckpointException if the run is owned, deleted, or of another definition.
        """
        return await six_verbs.save(self, checkpoint)

    async def load(self, checkpoint_id: str) -> WorkflowCheckpoint:
        """The checkpoint "<run_id>@<seq>". Raises: WorkflowCheckpointException."""
        return await six_verbs.load(self, checkpoint_id)

    async def list_checkpoints(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[WorkflowCheckpoint]:
        """Checkpoints in the order they were committed, the first *limit* of them."""
        return await six_verbs.list_checkpoints(self, workflow_name, run_id, limit)

    async def list_checkpoint_ids(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """The ids of `list_checkpoints`, without reading records."""
        return await six_verbs.list_checkpoint_ids(self, workflow_name, run_id, limit)

    async def list_infos(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[CheckpointSummary]:
        """Ids, parents, steps, times and sizes of `list_checkpoints`, without reading records."""
        return await six_verbs.list_infos(self, workflow_name, run_id, limit)

    async def delete(self, checkpoint_id: str) -> bool:
        """Make "<run_id>@<seq>" no longer a checkpoint; False if it was none.

        Given a bare run id, deletes the run (`delete_run`).
        """
        return await six_verbs.delete(self, checkpoint_id)

    async def get_latest(
        self, workflow_name: str | None = None, *, run_id: str | None = None
    ) -> WorkflowCheckpoint | None:
        """The last checkpoint, or None. Raises: WorkflowCheckpointException if it is damaged."""
        return await six_verbs.get_latest(self, workflow_name, run_id)
