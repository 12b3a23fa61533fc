# SPDX-License-Identifier: Apache-2.0
"""A store in the memory of one process: the whole contract, nothing that outlives the process.

Any number of threads and event loops may share one. A lock is held for the few steps of each
call; bytes are kept as they come, and the pieces of an anchor are joined when somebody reads.
"""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_left
from collections.abc import Collection

from holdfast.persistence.ids import check_id, check_run_id
from holdfast.persistence.rows import (
    TERMINAL,
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
from holdfast.persistence.stores import rules
from holdfast.persistence.stores.memory_lists import cells_after, page
from holdfast.persistence.stores.memory_run import Asked, MemoryRun


class MemoryStore(Store):
    """Keeps runs in this process, and only as long as it lives.

    Long because: it is the whole contract, under one lock, and each method is short.
    """

    durability = "memory"
    shared = False
    awaits_futures_only = True
    url = "memory://"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._runs: dict[str, MemoryRun] = {}
        self._order: list[MemoryRun] = []
        self._live: dict[str, MemoryRun] = {}
        self._waits: list[Asked] = []
        self._open_waits: dict[int, Asked] = {}
        self._marks: list[tuple[int, MemoryRun, int]] = []
        self._beats: dict[str, int] = {}
        self._closed = False

    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """Create the run with its first commit, or change nothing."""
        run_id = check_run_id(head.run_id)
        rules.check_first(commit, run_id)
        if owner is not None:
            check_id(owner, "owner")
        with self._lock:
            self._check_open()
            run = self._runs.get(run_id)
            if run is None:
                run = MemoryRun(head, owner)
                run.check_waits(commit.waits)
                self._runs[run_id] = self._live[run_id] = run
                self._order.append(run)
                self._take(run, commit, owner)
            elif not run.is_new(commit.commit_id, owner):
                raise rules.run_exists(run_id)
            if owner is None:
                return None
            return Claim(run_id=run_id, owner=owner, epoch=run.epoch, seq=run.seq)

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """Add the commit that follows seq *after*, or change nothing."""
        rules.check_commit(commit, claim.run_id)
        with self._lock:
            run = self._run(claim.run_id)
            if run.check_append(claim, commit, after):
                self._take(run, commit, claim.owner)
            return run.seq

    def _take(self, run: MemoryRun, commit: Commit, owner: str | None) -> None:
        number = next(self._numbers)
        asked = [Asked(next(self._numbers), row) for row in commit.waits]
        if commit.withdraws:
            for one in run.withdraw_waits(commit.withdraws, commit.at):
                del self._open_waits[one.number]
        run.take(commit, number, asked, owner)
        if asked:
            self._waits += asked
            self._open_waits.update((one.number, one) for one in asked)
        if commit.checkpoint is not None:
            self._marks.append((number, run, run.seq))
        if commit.status in TERMINAL:
            self._live.pop(run.head.run_id, None)
            for one in run.close_waits(commit.at):
                del self._open_waits[one.number]
        else:
            self._live.setdefault(run.head.run_id, run)

    async def read(self, run_id: str, at: int | None = None) -> Stored:
        """The run as of seq *at* (the head by default)."""
        with self._lock:
            return self._run(run_id).read(at)

    async def row(self, run_id: str) -> RunRow:
        """The run's row."""
        with self._lock:
            return self._run(run_id).row()

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
        with self._lock:
            self._check_open()
            numbers = range(1, len(self._order) + 1)
            return page(
                cells_after(numbers, int, cursor, newest_first),
                lambda number: number,
                lambda number: self._order[number - 1].row(),
                lambda row: (
                    status in (None, row.status) and definition in (None, row.head.definition)
                ),
                limit,
            )

    async def claimable(
        self, *, now: float, limit: int = 100, beside: Collection[str] = ()
    ) -> tuple[RunRow, ...]:
        """Runs not ended that hold due work, unread posts, or a timer that has come."""
        rules.check_limit(limit)
        with self._lock:
            self._check_open()
            found = (
                run.row()
                for run in self._live.values()
                if (run.due or run.unread or (run.wake_at is not None and run.wake_at <= now))
                and run.owner not in beside
            )
            return tuple(itertools.islice(found, limit))

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
        with self._lock:
            self._check_open()
            return page(
                cells_after(self._marks, lambda mark: mark[0], cursor, newest_first),
                lambda mark: mark[0],
                lambda mark: mark[1].checkpoint_row(mark[2]),
                lambda row: run_id in (None, row.run_id) and definition in (None, row.definition),
                limit,
            )

    async def unmark(self, run_id: str, seq: int) -> bool:
        """Make commit *seq* no longer a checkpoint; False if it was none."""
        with self._lock:
            self._check_open()
            run = self._runs.get(run_id)
            kept = run.commits.get(seq) if run is not None else None
            if kept is None or kept.mark is None:
                return False
            kept.mark = None
            del self._marks[bisect_left(self._marks, kept.number, key=lambda mark: mark[0])]
            return True

    async def commits(
        self,
        run_id: str,
        *,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page[CommitRow]:
        """What is left of the run's commits, in their order."""
        with self._lock:
            run = self._present(run_id)
            return page(
                cells_after(list(run.commits), int, cursor, newest_first),
                int,
                run.commit_row,
                _any,
                limit,
            )

    async def prune(
        self, run_id: str, *, keep_last: int, before: float | None = None, every: bool = False
    ) -> int:
        """Drop what only checkpoints older than the last *keep_last* need."""
        rules.check_keep(keep_last)
        with self._lock:
            run = self._run(run_id)
            dropped = run.prune(keep_last, before, every=every) if not run.pruned else 0
            self._drop_marks(run)
            return dropped

    def _drop_marks(self, run: MemoryRun) -> None:
        self._marks = [
            mark
            for mark in self._marks
            if mark[1] is not run or ((kept := run.commits.get(mark[2])) and kept.mark is not None)
        ]

    async def delete_run(
        self, run_id: str, *, result: bytes | None = None, at: int | None = None
    ) -> None:
        """Drop the run's record, waits and posts; its row stays, so the id is not used twice."""
        with self._lock:
            run = self._run(run_id)
            if run.pruned:
                return
            if run.owner is not None:
                raise rules.run_owned(run_id, run.owner)
            if at is not None and at != run.seq:
                raise rules.stale_write(run_id, at, run.seq)
            gone = {one.number for asked in run.waits.values() for one in asked}
            self._waits = [one for one in self._waits if one.number not in gone]
            for number in gone:
                self._open_waits.pop(number, None)
            self._live.pop(run_id, None)
            run.bury(result)
            self._drop_marks(run)

    async def result(self, run_id: str) -> bytes | None:
        """What was kept of the result when the run was deleted."""
        with self._lock:
            return self._run(run_id).result

    async def enrol(self, owner: str) -> None:
        """Make *owner* known, with beat 0."""
        check_id(owner, "owner")
        with self._lock:
            self._check_open()
            self._beats[owner] = 0

    async def renew(self, owner: str) -> None:
        """Raise the owner's beat by one; one that was forgotten meanwhile is enrolled again."""
        check_id(owner, "owner")
        with self._lock:
            self._check_open()
            self._beats[owner] = self._beats.get(owner, -1) + 1

    async def retire(self, owner: str) -> None:
        """Forget the owner and release every run it owns."""
        with self._lock:
            self._check_open()
            self._beats.pop(owner, None)
            for run in self._order:
                if run.owner == owner:
                    run.let_go()

    async def owners(self) -> tuple[OwnerRow, ...]:
        """Everyone enrolled, with beat as of now; who is enrolled here lives in this process."""
        with self._lock:
            self._check_open()
            return tuple(
                OwnerRow(owner=owner, beat=beat, locked=True) for owner, beat in self._beats.items()
            )

    async def claim(self, run_id: str, owner: str, *, over: str | None = None) -> Claim:
        """Own the run under a new epoch."""
        check_id(owner, "owner")
        with self._lock:
            run = self._run(run_id)
            if run.pruned:
                raise rules.run_closed(run_id, run.status, deleted=True)
            if run.owner not in (None, owner, over):
                raise rules.run_owned(run_id, run.owner)
            run.claims += run.owner not in (None, owner)
            run.epoch += 1
            run.owner = owner
            return Claim(
                run_id=run_id, owner=owner, epoch=run.epoch, seq=run.seq, claims=run.claims
            )

    async def release(self, claim: Claim) -> None:
        """Give the run up, if the claim is still the newest."""
        with self._lock:
            self._check_open()
            run = self._runs.get(claim.run_id)
            if run is not None and run.epoch == claim.epoch:
                run.let_go()

    async def waits(
        self,
        *,
        run_id: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[WaitRow]:
        """Waits in the order they were opened."""
        with self._lock:
            self._check_open()
            found = list(self._open_waits.values()) if status == "open" else self._waits
            return page(
                cells_after(found, lambda one: one.number, cursor, newest_first=False),
                lambda one: one.number,
                lambda one: one.row,
                lambda row: run_id in (None, row.run_id) and status in (None, row.status),
                limit,
            )

    async def settle(self, run_id: str, wait_id: str, settlement: Settlement) -> WaitRow:
        """Settle the open generation of a wait and post it into the inbox."""
        rules.check_settlement(wait_id, settlement)
        with self._lock:
            one, item = self._run(run_id).settle(wait_id, settlement, next(self._numbers))
            if item is not None:
                del self._open_waits[one.number]
            return one.row

    async def post(self, run_id: str, post: Post) -> InboxItem:
        """Leave something for the run's owner."""
        rules.check_post(post)
        with self._lock:
            return self._run(run_id).post(post, next(self._numbers))

    async def inbox(self, run_id: str) -> tuple[InboxItem, ...]:
        """What the run has not consumed yet, oldest first."""
        with self._lock:
            return tuple(self._run(run_id).unread.values())

    async def posts(
        self, run_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[PostRow]:
        """Everything that was ever posted, oldest first."""
        with self._lock:
            rows = list(self._present(run_id).posts.values())
            cells = cells_after(rows, _number, cursor, newest_first=False)
            return page(cells, _number, _itself, _any, limit)

    async def close(self) -> None:
        """Take no more calls. Closing twice is fine."""
        with self._lock:
            self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise rules.store_closed()

    def _run(self, run_id: str) -> MemoryRun:
        if self._closed:
            raise rules.store_closed()
        run = self._runs.get(run_id)
        if run is None:
            raise rules.run_unknown(check_run_id(run_id))
        return run

    def _present(self, run_id: str) -> MemoryRun:
        run = self._run(run_id)
        if run.pruned:
            raise rules.run_unknown(run_id, deleted=True)
        return run


def _number(row: PostRow) -> int:
    return row.number


def _itself(row: PostRow) -> PostRow:
    return row


def _any(_row: object) -> bool:
    return True
