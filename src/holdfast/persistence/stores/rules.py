# SPDX-License-Identifier: Apache-2.0
"""What every store answers in the same words: checks of what comes in, refusals that go out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from holdfast.errors import (
    AlreadyAnswered,
    AnswerConflict,
    CheckpointNotFound,
    InvalidId,
    OwnershipLost,
    RunClosed,
    RunExists,
    RunNotFound,
    RunOwned,
    StaleWrite,
    StoreClosed,
    WaitClosed,
    WaitError,
    WaitExists,
    WaitExpired,
    WaitNotFound,
)
from holdfast.persistence.ids import check_id
from holdfast.persistence.rows import Claim, Commit, Post, Settlement, WaitRow

#: How a wait may be settled; "closed" is what the end of the run does to it.
SETTLEMENTS = frozenset({"answered", "expired", "cancelled", "withdrawn"})


def check_commit(commit: Commit, run_id: str) -> None:
    """Raise InvalidId if an id in the commit has a shape no store takes."""
    check_id(commit.commit_id, "commit id")
    for wait in commit.waits:
        check_id(wait.wait_id, "wait id")
        if wait.run_id != run_id or wait.status != "open":
            raise ValueError(f"a commit of run {run_id!r} opens waits of that run only")


def check_first(commit: Commit, run_id: str) -> None:
    """Raise what speaks against this commit as the first of a run."""
    check_commit(commit, run_id)
    if commit.anchor is None:
        raise ValueError("the first commit of a run needs an anchor")
    if commit.consumed or commit.withdraws:
        raise ValueError("the first commit of a run cannot consume posts or withdraw waits")


def check_post(post: Post) -> None:
    """Raise InvalidId if an id in the post has a shape no store takes."""
    if post.kind == "answer":
        raise ValueError('only settle() makes posts of kind "answer"')
    check_request(post.request_id, post.actor)


def check_settlement(wait_id: str, settlement: Settlement) -> None:
    """Raise InvalidId if an id in the settlement has a shape no store takes."""
    check_id(wait_id, "wait id")
    check_request(settlement.request_id, settlement.actor)
    if settlement.status not in SETTLEMENTS:
        raise ValueError(f"settlement status: expected one of {sorted(SETTLEMENTS)}")


def check_request(request_id: str | None, actor: str | None) -> None:
    """Raise InvalidId unless both are absent or take the shape of an id."""
    if request_id is not None:
        check_id(request_id, "request id")
    if actor is not None:
        check_id(actor, "actor")


def check_limit(limit: int) -> int:
    """A page holds at least one item."""
    if limit < 1:
        raise ValueError("limit: expected at least 1")
    return limit


def cursor_number(cursor: str | None) -> int | None:
    """The number that a list goes on after. Raises: InvalidId."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise InvalidId("cursor: expected the `next` of an earlier page of the same list")
    return int(cursor)


def answer_post(wait_id: str, generation: int, settlement: Settlement) -> Post:
    """What a settlement leaves in the inbox of the run: all that its owner has to hear."""
    body = {
        "wait": wait_id,
        "generation": generation,
        "status": settlement.status,
        "value": msgspec.Raw(settlement.value if settlement.value is not None else b"null"),
    }
    return Post(
        kind="answer",
        body=msgspec.json.encode(body),
        at=settlement.at,
        request_id=settlement.request_id,
        digest=settlement.digest,
        actor=settlement.actor,
    )


def same_value(
    digest: str | None, value: bytes | None, other: str | None, other_value: bytes | None
) -> bool:
    """Two values are the same by their digests, or, where neither has one, by their bytes."""
    return digest == other and (digest is not None or value == other_value)


def same_settlement(row: WaitRow, wait_id: str, settlement: Settlement) -> bool:
    """Whether the row was settled by this very request."""
    return row.wait_id == wait_id and same_value(
        row.digest, row.value, settlement.digest, settlement.value
    )


def same_post(post: Post, other: Post) -> bool:
    """Whether two posts under one request id are the same post."""
    return post.kind == other.kind and same_value(post.digest, post.body, other.digest, other.body)


def settled_refusal(row: WaitRow) -> WaitError:
    """Why a wait that is no longer open takes no answer."""
    place = f"wait {row.wait_id!r} of run {row.run_id!r}"
    facts = {"run_id": row.run_id, "wait_id": row.wait_id}
    if row.status == "answered":
        return AlreadyAnswered(
            f"{place} was answered before", actor=row.actor, settled_at=row.settled_at, **facts
        )
    if row.status == "expired":
        return WaitExpired(f"{place} expired before the answer came", **facts)
    return WaitClosed(f"{place} is {row.status}", **facts)


def run_ended(run_id: str, wait_id: str) -> WaitError:
    """The wait went with its run."""
    return WaitClosed(f"run {run_id!r} was deleted", run_id=run_id, wait_id=wait_id)


def wait_unknown(run_id: str, wait_id: str) -> WaitError:
    """No such wait."""
    return WaitNotFound(
        f"run {run_id!r} never opened a wait {wait_id!r}", run_id=run_id, wait_id=wait_id
    )


def wait_exists(run_id: str, wait_id: str, *, still_open: bool) -> WaitExists:
    """The wait id, or its generation, is in use."""
    why = "is still open" if still_open else "was opened before under this or a higher generation"
    return WaitExists(f"wait {wait_id!r} of run {run_id!r} {why}", run_id=run_id, wait_id=wait_id)


def request_conflict(run_id: str, request_id: str | None, wait_id: str = "") -> WaitError:
    """The request id stands for something else."""
    return AnswerConflict(
        f"request {request_id!r} was used before in run {run_id!r} for something else",
        run_id=run_id,
        wait_id=wait_id,
        request_id=request_id,
    )


def run_unknown(run_id: str, *, deleted: bool = False) -> RunNotFound:
    """No such run, or only its tombstone."""
    what = "was deleted" if deleted else "is not in the store"
    return RunNotFound(f"run {run_id!r} {what}", run_id=run_id)


def run_exists(run_id: str) -> RunExists:
    """The id is taken."""
    return RunExists(f"run {run_id!r} is in the store already", run_id=run_id)


def run_closed(run_id: str, status: str, *, deleted: bool = False) -> RunClosed:
    """The run takes nothing more."""
    return RunClosed(
        f"run {run_id!r} {'was deleted' if deleted else f'is {status}'}", run_id=run_id
    )


def run_owned(run_id: str, owner: str | None) -> RunOwned:
    """Somebody else owns it."""
    return RunOwned(f"run {run_id!r} is owned by {owner!r}", run_id=run_id, owner=owner)


def ownership_lost(claim: Claim, epoch: int) -> OwnershipLost:
    """The claim is no longer the one that may write."""
    why = "was released" if claim.epoch == epoch else f"was followed by claim {epoch}"
    return OwnershipLost(
        f"claim {claim.epoch} on run {claim.run_id!r} {why}",
        run_id=claim.run_id,
        epoch=claim.epoch,
        newest=epoch,
    )


def stale_write(run_id: str, expected: int, found: int) -> StaleWrite:
    """The head is another."""
    return StaleWrite(
        f"run {run_id!r}: expected to follow commit {expected}, the head is {found}",
        run_id=run_id,
        expected=expected,
        found=found,
    )


def commit_missing(run_id: str, seq: int) -> CheckpointNotFound:
    """The seq never was, or was pruned."""
    return CheckpointNotFound(
        f"run {run_id!r} holds no record of commit {seq}", checkpoint_id=f"{run_id}@{seq}"
    )


def store_closed() -> StoreClosed:
    """The store was closed."""
    return StoreClosed("the store is closed")


def settled(row: WaitRow, settlement: Settlement, seq: int) -> WaitRow:
    """The row of an open wait, after the settlement; *seq* is the head."""
    return msgspec.structs.replace(
        row,
        status=settlement.status,
        request_id=settlement.request_id,
        value=settlement.value,
        digest=settlement.digest,
        actor=settlement.actor,
        settled_at=settlement.at,
        settled_seq=seq,
    )


def check_keep(keep_last: int) -> None:
    """A prune keeps none or more."""
    if keep_last < 0:
        raise ValueError("keep_last: expected 0 or more")


def kept_points(
    points: Sequence[tuple[int, float]], keep_last: int, before: float | None
) -> list[int]:
    """The seqs that a prune keeps, of rising (seq, time): the last ones, and the young ones."""
    first = len(points) - keep_last
    return [
        seq
        for place, (seq, at) in enumerate(points)
        if place >= first or (before is not None and at >= before)
    ]


def kept_ranges(head: int, kept: Sequence[int], anchors: Sequence[int]) -> list[tuple[int, int]]:
    """What a prune leaves, as ranges from an anchor on: the head's and those of what is kept.

    anchors, kept: rising seqs. Ranges rise; two that share an anchor are one.
    """
    ends: dict[int, int] = {}
    for seq in (*kept, head):
        base = anchors[bisect_right(anchors, seq) - 1]
        ends[base] = max(seq, ends.get(base, seq))
    return sorted(ends.items())


def gaps(kept: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The ranges between, from seq 1 on."""
    start = 1
    for first, last in kept:
        if start < first:
            yield start, first - 1
        start = last + 1
