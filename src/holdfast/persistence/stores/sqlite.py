# SPDX-License-Identifier: Apache-2.0
"""A store in one SQLite file, for any number of processes of one machine.

Writes go through one thread that commits them in groups (`sqlite_writer`); reads go through
another, with a connection of its own, so that a long list never delays a commit. A read sees every
write that was acknowledged before it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from holdfast.persistence.ids import check_id, check_run_id
from holdfast.persistence.rows import (
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
    WaitRow,
)
from holdfast.persistence.store import Store
from holdfast.persistence.stores import (
    rules,
    sqlite_owners,
    sqlite_runs,
    sqlite_views,
    sqlite_waits,
)
from holdfast.persistence.stores.sqlite_database import Database, connect
from holdfast.persistence.stores.sqlite_writer import Reader, Writer


class SQLiteStore(Store):
    """Keeps runs in an SQLite database in WAL mode.

    durability: "fsync" survives power loss; "relaxed" survives a killed process, but may lose the
    last commits when the machine stops. busy_timeout_s: how long a write waits for another
    process. factory: the connection class; tests give one that fails.
    The file is made, readable by its owner only, when the first call needs it.
    """

    shared = True
    awaits_futures_only = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Literal["fsync", "relaxed"] = "fsync",
        busy_timeout_s: float = 5.0,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        if durability not in ("fsync", "relaxed"):
            raise ValueError('durability: expected "fsync" or "relaxed"')
        self.path = str(Path(path).absolute())
        self.durability = durability
        self.url = "sqlite:///" + quote(self.path)
        if durability == "relaxed":
            self.url += "?durability=relaxed"
        opened = partial(
            connect,
            self.path,
            synchronous="FULL" if durability == "fsync" else "NORMAL",
            busy_timeout_s=busy_timeout_s,
            factory=factory,
        )
        self._locks = sqlite_owners.OwnerLocks(self.path)
        self._writer = Writer("holdfast-writer", partial(opened, query_only=False), busy_timeout_s)
        self._reader = Reader("holdfast-reader", partial(opened, query_only=True))

    async def open(self) -> None:
        """Open the file now, for reading, so that a wrong path is told here."""
        await self._reader.call(_nothing)

    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """Create the run with its first commit, or change nothing."""
        rules.check_first(commit, check_run_id(head.run_id))
        if owner is not None:
            check_id(owner, "owner")
        return await self._writer.call(
            sqlite_runs.open_run, head, commit, owner, size=_size(commit)
        )

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """Add the commit that follows seq *after*, or change nothing."""
        rules.check_commit(commit, claim.run_id)
        return await self._writer.call(sqlite_runs.append, claim, commit, after, size=_size(commit))

    async def read(self, run_id: str, at: int | None = None) -> Stored:
        """The run as of seq *at* (the head by default)."""
        return await self._reader.call(sqlite_views.read, check_run_id(run_id), at)

    async def row(self, run_id: str) -> RunRow:
        """The run's row."""
        return await self._reader.call(sqlite_views.row, check_run_id(run_id))

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
        window = sqlite_views.Window(cursor, limit, newest_first)
        return await self._reader.call(sqlite_views.runs, status, definition, window)

    async def claimable(
        self, *, now: float, limit: int = 100, beside: Collection[str] = ()
    ) -> tuple[RunRow, ...]:
        """Runs not ended that hold due work, unread posts, or a timer that has come."""
        rules.check_limit(limit)
        return await self._reader.call(sqlite_views.claimable, now, limit, beside)

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
        window = sqlite_views.Window(cursor, limit, newest_first)
        return await self._reader.call(sqlite_views.checkpoints, run_id, definition, window)

    async def unmark(self, run_id: str, seq: int) -> bool:
        """Make commit *seq* no longer a checkpoint; False if it was none."""
        return await self._writer.call(sqlite_runs.unmark, run_id, seq)

    async def commits(
        self,
        run_id: str,
        *,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page[CommitRow]:
        """What is left of the run's commits, in their order."""
        window = sqlite_views.Window(cursor, limit, newest_first)
        return await self._reader.call(sqlite_views.commits, check_run_id(run_id), window)

    async def prune(
        self, run_id: str, *, keep_last: int, before: float | None = None, every: bool = False
    ) -> int:
        """Drop what only checkpoints older than the last *keep_last* need."""
        rules.check_keep(keep_last)
        return await self._writer.call(
            sqlite_runs.prune, check_run_id(run_id), keep_last, before, every
        )

    async def delete_run(
        self, run_id: str, *, result: bytes | None = None, at: int | None = None
    ) -> None:
        """Drop the run's record, waits and posts; its row stays, so the id is not used twice."""
        await self._writer.call(sqlite_runs.delete_run, check_run_id(run_id), result, at)

    async def result(self, run_id: str) -> bytes | None:
        """What was kept of the result when the run was deleted."""
        return await self._reader.call(sqlite_views.result, check_run_id(run_id))

    async def enrol(self, owner: str) -> None:
        """Make *owner* known, with beat 0, and hold its lock file beside the database."""
        check_id(owner, "owner")
        await self._writer.call(sqlite_owners.enrol, self._locks, owner)

    async def renew(self, owner: str) -> None:
        """Raise the owner's beat by one; one that was forgotten meanwhile is enrolled again."""
        check_id(owner, "owner")
        await self._writer.call(sqlite_owners.renew, self._locks, owner)

    async def retire(self, owner: str) -> None:
        """Forget the owner, let its lock go and release every run it owns."""
        check_id(owner, "owner")
        await self._writer.call(sqlite_owners.retire, owner)
        self._locks.drop(owner)

    async def owners(self) -> tuple[OwnerRow, ...]:
        """Everyone enrolled, with beat and lock as of now."""
        return await self._reader.call(sqlite_owners.owners, self._locks)

    async def claim(self, run_id: str, owner: str, *, over: str | None = None) -> Claim:
        """Own the run under a new epoch."""
        check_id(owner, "owner")
        return await self._writer.call(sqlite_waits.claim, check_run_id(run_id), owner, over)

    async def release(self, claim: Claim) -> None:
        """Give the run up, if the claim is still the newest."""
        await self._writer.call(sqlite_waits.release, claim)

    async def waits(
        self,
        *,
        run_id: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[WaitRow]:
        """Waits in the order they were opened."""
        window = sqlite_views.Window(cursor, limit)
        return await self._reader.call(sqlite_views.waits, run_id, status, window)

    async def settle(self, run_id: str, wait_id: str, settlement: Settlement) -> WaitRow:
        """Settle the open generation of a wait and post it into the inbox."""
        rules.check_settlement(wait_id, settlement)
        return await self._writer.call(
            sqlite_waits.settle,
            check_run_id(run_id),
            wait_id,
            settlement,
            size=len(settlement.value or b""),
        )

    async def post(self, run_id: str, post: Post) -> InboxItem:
        """Leave something for the run's owner."""
        rules.check_post(post)
        return await self._writer.call(
            sqlite_waits.post, check_run_id(run_id), post, size=len(post.body)
        )

    async def inbox(self, run_id: str) -> tuple[InboxItem, ...]:
        """What the run has not consumed yet, oldest first."""
        return await self._reader.call(sqlite_views.inbox, check_run_id(run_id))

    async def posts(
        self, run_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[PostRow]:
        """Everything that was ever posted, oldest first."""
        window = sqlite_views.Window(cursor, limit)
        return await self._reader.call(sqlite_views.posts, check_run_id(run_id), window)

    async def close(self) -> None:
        """Finish what is queued, then end both threads and let the file and the locks go."""
        await self._writer.close()
        await self._reader.close()
        self._locks.drop_all()


def _nothing(_db: Database) -> None:
    """What `open` asks for: the connection alone."""


def _size(commit: Commit) -> int:
    size = len(commit.delta)
    if commit.anchor is not None:
        size += sum(map(len, commit.anchor))
    return size
