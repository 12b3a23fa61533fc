# SPDX-License-Identifier: Apache-2.0
"""One run as `MemoryStore` holds it. Every method checks everything first and then changes all."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from holdfast.errors import WaitExists
from holdfast.persistence.rows import (
    TERMINAL,
    CheckpointMark,
    CheckpointRow,
    Claim,
    Commit,
    CommitRow,
    InboxItem,
    Post,
    PostRow,
    RunHead,
    RunRow,
    Settlement,
    Stored,
    WaitRow,
)
from holdfast.persistence.stores import rules


class Kept(msgspec.Struct, gc=False):
    """A commit as held: the bytes as they came, never joined before somebody reads."""

    number: int
    commit_id: str
    at: float
    delta: bytes | None
    anchor: tuple[bytes, ...] | None
    mark: CheckpointMark | None
    consumed: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Of the commit itself."""
        return len(self.delta or b"") + sum(map(len, self.anchor or ()))


class Asked(msgspec.Struct, gc=False):
    """A wait under its number; the row is replaced when it is settled."""

    number: int
    row: WaitRow


class MemoryRun:
    """A run: its header, commits by seq, waits by id and generation, posts by number."""

    def __init__(self, head: RunHead, owner: str | None) -> None:
        self.head = head
        self.seq = 0
        self.epoch = 1 if owner is not None else 0
        self.owner = owner
        self.status = "idle"
        self.due = False
        self.updated_at = head.created_at
        self.wake_at: float | None = None
        self.error: str | None = None
        self.claims = 0
        self.pruned = False
        self.moved_to: str | None = None
        self.commits: dict[int, Kept] = {}
        self.waits: dict[str, list[Asked]] = {}
        self.open: dict[str, Asked] = {}
        self.unread: dict[int, InboxItem] = {}
        self.requests: dict[str, InboxItem | Asked] = {}
        self.posts: dict[int, PostRow] = {}
        self.result: bytes | None = None

    def row(self) -> RunRow:
        """The run as a list shows it."""
        return RunRow(
            head=self.head,
            seq=self.seq,
            epoch=self.epoch,
            owner=self.owner,
            status=self.status,
            due=self.due,
            updated_at=self.updated_at,
            wake_at=self.wake_at,
            error=self.error,
            claims=self.claims,
            open_waits=len(self.open),
            inbox=len(self.unread),
            pruned=self.pruned,
            moved_to=self.moved_to,
        )

    def is_new(self, commit_id: str, owner: str | None) -> bool:
        """Whether the run stands just as this very opening left it."""
        first = self.commits.get(1)
        return (
            self.seq == 1
            and first is not None
            and first.commit_id == commit_id
            and self.epoch == (0 if owner is None else 1)
            and self.owner in (None, owner)
        )

    def check_append(self, claim: Claim, commit: Commit, after: int) -> bool:
        """Whether the commit is new; False if it is the head already. Raises what refuses it."""
        if claim.epoch != self.epoch or self.owner not in (None, claim.owner):
            raise rules.ownership_lost(claim, self.epoch)
        if after != self.seq:
            if after == self.seq - 1 and self.commits[self.seq].commit_id == commit.commit_id:
                return False
            raise rules.stale_write(self.head.run_id, after, self.seq)
        if commit.waits:
            self.check_waits(commit.waits, commit.withdraws)
        return True

    def check_waits(self, waits: Iterable[WaitRow], withdraws: Collection[str] = ()) -> None:
        """Raise WaitExists if one of the waits is open, was opened, or comes twice."""
        last: dict[str, int] = {}
        for wait in waits:
            asked = self.waits.get(wait.wait_id)
            floor = last.get(wait.wait_id, asked[-1].row.generation if asked else None)
            is_open = wait.wait_id in self.open and wait.wait_id not in withdraws
            still_open = is_open or wait.wait_id in last
            if still_open or (floor is not None and wait.generation <= floor):
                raise self.wait_exists(wait.wait_id, still_open)
            last[wait.wait_id] = wait.generation

    def wait_exists(self, wait_id: str, still_open: bool) -> WaitExists:
        """The refusal of a second wait under one id."""
        return rules.wait_exists(self.head.run_id, wait_id, still_open=still_open)

    def let_go(self) -> None:
        """Nobody owns the run, and what its last owner still holds is worth nothing."""
        self.owner = None
        self.epoch += 1

    def take(self, commit: Commit, number: int, asked: Iterable[Asked], owner: str | None) -> None:
        """Make a checked commit the head; a run with nothing due has no owner."""
        self.seq += 1
        self.owner = owner if commit.due else None
        anchor = None if commit.anchor is None else tuple(commit.anchor)
        self.commits[self.seq] = Kept(
            number,
            commit.commit_id,
            commit.at,
            commit.delta if anchor is None else None,
            anchor,
            commit.checkpoint,
            tuple(one for one in commit.consumed if self.unread.pop(one, None) is not None),
        )
        for taken in self.commits[self.seq].consumed:
            self.posts[taken] = msgspec.structs.replace(self.posts[taken], consumed=self.seq)
        self.status = commit.status
        self.due = commit.due
        self.updated_at = commit.at
        self.wake_at = commit.wake_at
        self.error = commit.error
        self.moved_to = commit.moved_to or self.moved_to
        if commit.progress:
            self.claims = 0
        for one in asked:
            one.row = msgspec.structs.replace(one.row, opened_seq=self.seq)
            self.waits.setdefault(one.row.wait_id, []).append(one)
            self.open[one.row.wait_id] = one

    def withdraw_waits(self, wait_ids: Iterable[str], at: float) -> list[Asked]:
        """Take back what is still open of these, for the commit to come; returns what was open."""
        found = [self.open.pop(wait_id) for wait_id in wait_ids if wait_id in self.open]
        for one in found:
            one.row = _ended(one.row, "withdrawn", at, self.seq + 1)
        return found

    def close_waits(self, at: float) -> list[Asked]:
        """Close what is open because the run ended; returns what was open."""
        closed = list(self.open.values())
        self.open.clear()
        for one in closed:
            one.row = _ended(one.row, "closed", at, self.seq)
        return closed

    def read(self, at: int | None) -> Stored:
        """The record as of seq *at*: the newest anchor at or before it, and what follows."""
        if self.pruned:
            raise rules.run_unknown(self.head.run_id, deleted=True)
        seq = self.seq if at is None else at
        path: list[Kept] = []
        place = seq
        while (kept := self.commits.get(place)) is not None:
            path.append(kept)
            if kept.anchor is not None:
                break
            place -= 1
        if not path or path[-1].anchor is None:
            raise rules.commit_missing(self.head.run_id, seq)
        after = path[-2::-1]
        return Stored(
            row=self.row(),
            seq=seq,
            commit_id=path[0].commit_id,
            at=path[0].at,
            anchor_seq=place,
            anchor=b"".join(path[-1].anchor),
            deltas=tuple(kept.delta for kept in after if kept.delta is not None),
            consumed=tuple(number for kept in after for number in kept.consumed),
            checkpoint=path[0].mark,
        )

    def commit_row(self, seq: int) -> CommitRow:
        """A commit as the history shows it."""
        kept = self.commits[seq]
        return CommitRow(
            run_id=self.head.run_id,
            seq=seq,
            commit_id=kept.commit_id,
            at=kept.at,
            anchored=kept.anchor is not None,
            size_bytes=kept.size_bytes,
            mark=kept.mark,
        )

    def checkpoint_row(self, seq: int) -> CheckpointRow:
        """A marked commit as a list shows it."""
        kept = self.commits[seq]
        if kept.mark is None:
            raise AssertionError
        return CheckpointRow(
            number=kept.number,
            run_id=self.head.run_id,
            seq=seq,
            commit_id=kept.commit_id,
            definition=self.head.definition,
            fingerprint=self.head.fingerprint,
            mark=kept.mark,
            at=kept.at,
            size_bytes=kept.size_bytes,
        )

    def settle(
        self, wait_id: str, settlement: Settlement, number: int
    ) -> tuple[Asked, InboxItem | None]:
        """Settle the open generation, or return what the same request settled before."""
        run_id = self.head.run_id
        if self.pruned:
            raise rules.run_ended(run_id, wait_id)
        known = self.requests.get(settlement.request_id) if settlement.request_id else None
        if known is not None:
            if isinstance(known, Asked) and rules.same_settlement(known.row, wait_id, settlement):
                return known, None
            raise rules.request_conflict(run_id, settlement.request_id, wait_id)
        one = self.open.get(wait_id)
        if one is None:
            asked = self.waits.get(wait_id)
            raise (
                rules.settled_refusal(asked[-1].row)
                if asked
                else rules.wait_unknown(run_id, wait_id)
            )
        item = InboxItem(
            number=number, post=rules.answer_post(wait_id, one.row.generation, settlement)
        )
        one.row = rules.settled(one.row, settlement, self.seq)
        del self.open[wait_id]
        self._deliver(item)
        if settlement.request_id is not None:
            self.requests[settlement.request_id] = one
        return one, item

    def post(self, post: Post, number: int) -> InboxItem:
        """Add a post, or return the one that the same request made."""
        known = self.requests.get(post.request_id) if post.request_id is not None else None
        if known is not None:
            if isinstance(known, InboxItem) and rules.same_post(known.post, post):
                return known
            raise rules.request_conflict(self.head.run_id, post.request_id)
        if self.pruned or self.status in TERMINAL:
            raise rules.run_closed(self.head.run_id, self.status, deleted=self.pruned)
        item = InboxItem(number=number, post=post)
        self._deliver(item)
        if post.request_id is not None:
            self.requests[post.request_id] = item
        return item

    def _deliver(self, item: InboxItem) -> None:
        self.unread[item.number] = item
        self.posts[item.number] = PostRow(number=item.number, post=item.post, seq=self.seq)

    def prune(self, keep_last: int, before: float | None, *, every: bool) -> int:
        """Drop what only older checkpoints need; returns how many commits went."""
        points = [(s, k.at) for s, k in self.commits.items() if every or k.mark is not None]
        anchors = [seq for seq, kept in self.commits.items() if kept.anchor is not None]
        keep = rules.kept_points(points, keep_last, before)
        count = len(self.commits)
        for first, last in rules.gaps(rules.kept_ranges(self.seq, keep, anchors)):
            for seq in range(first, last + 1):
                self.commits.pop(seq, None)
        for seq in {seq for seq, _ in points}.difference(keep):
            if seq in self.commits:
                self.commits[seq].mark = None
        return count - len(self.commits)

    def bury(self, result: bytes | None) -> None:
        """Leave a tombstone, which no claim of before may write to."""
        self.result = result
        self.let_go()
        if self.status not in TERMINAL:
            self.status = "cancelled"
        self.pruned = True
        self.due = False
        self.wake_at = None
        for held in (
            self.commits,
            self.waits,
            self.open,
            self.unread,
            self.requests,
            self.posts,
        ):
            held.clear()


def _ended(row: WaitRow, status: str, at: float, seq: int) -> WaitRow:
    return msgspec.structs.replace(row, status=status, settled_at=at, settled_seq=seq)
