# SPDX-License-Identifier: Apache-2.0
"""Who decided what about a run, and when: questions, answers, signals and every other decision.

It is read from the store's own rows, which stay when the run has taken them in, until it is
deleted. Order is that of the run's commits, never of clocks: what came while commit 7 was the head
stands after what commit 7 brought.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.persistence.store import CommitRow, PostRow, RunRow, Store, WaitRow
from holdfast.runtime.branching import every_wait
from holdfast.runtime.chronicle import rewound_to
from holdfast.runtime.past import Lenient

#: How many posts are read at once.
PAGE = 1000

# What stands where among entries of one seq.
_WENT_BACK, _TAKEN_BACK, _ASKED, _CLOSED, _CAME = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the audit.

    what: "asked"; "answered", "expired", "cancelled", "withdrawn" or "closed" (with the run), of
    a question; "rewound"; or the kind of a post: "signal", "cancel", "retry", "skip", "close".
    seq: the commit that brought it, or that was the head when it came; None in a store of an
    earlier format. number: of the post. taken: the commit that took it in; None while nobody has.
    """

    what: str
    at: float
    seq: int | None
    wait_id: str | None = None
    generation: int | None = None
    value: Any = None
    actor: str | None = None
    request_id: str | None = None
    number: int | None = None
    taken: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The audit of a run. owner, epoch: who may write to it now, and how often that has changed."""

    run_id: str
    owner: str | None
    epoch: int
    entries: tuple[Entry, ...]


async def audit(store: Store, row: RunRow, reader: Lenient, commits: Iterable[CommitRow]) -> Audit:
    """Everything that was asked of a run or decided about it."""
    waits = await every_wait(store, row.run_id)
    posts = await _every_post(store, row.run_id)
    by_question = {(wait.wait_id, wait.generation): wait for wait in waits}
    found = [(_key(wait.opened_seq, _ASKED), _asked(wait, reader)) for wait in waits]
    for post in posts:
        entry = _posted(post, by_question, reader)
        found.append((_key(post.seq, _CAME, post.number), entry))
    # What a commit itself settled has no post.
    for wait in by_question.values():
        if wait.status != "open":
            rank = _CLOSED if wait.opened_seq == wait.settled_seq else _TAKEN_BACK
            found.append((_key(wait.settled_seq, rank), _ended(wait)))
    for commit in commits:
        back = rewound_to(commit)
        if back is not None:
            entry = Entry(what="rewound", at=commit.at, seq=commit.seq, value=back)
            found.append((_key(commit.seq, _WENT_BACK), entry))
    found.sort(key=lambda pair: pair[0])
    return Audit(
        run_id=row.run_id,
        owner=row.owner,
        epoch=row.epoch,
        entries=tuple(entry for _, entry in found),
    )


def _key(seq: int | None, rank: int, number: int = 0) -> tuple[int, int, int]:
    """Rows of an earlier format come first, in the order of their numbers."""
    return (0 if seq is None else seq, rank, number)


def _asked(wait: WaitRow, reader: Lenient) -> Entry:
    return Entry(
        what="asked",
        at=wait.opened_at,
        seq=wait.opened_seq,
        wait_id=wait.wait_id,
        generation=wait.generation,
        value=reader.decode(wait.payload, f"payload of {wait.wait_id}"),
    )


def _ended(wait: WaitRow) -> Entry:
    return Entry(
        what=wait.status,
        at=wait.settled_at or 0.0,
        seq=wait.settled_seq,
        wait_id=wait.wait_id,
        generation=wait.generation,
        taken=wait.settled_seq,
    )


class _Answer(msgspec.Struct):
    """What is read of the body of an "answer" post."""

    wait: str
    generation: int
    status: str = "answered"
    value: msgspec.Raw = msgspec.Raw(b"null")


def _posted(row: PostRow, questions: dict[tuple[str, int], WaitRow], reader: Lenient) -> Entry:
    """The line of a post; a question that it settles is told by it."""
    post = row.post
    facts: dict[str, Any] = {
        "at": post.at,
        "seq": row.seq,
        "actor": post.actor,
        "request_id": post.request_id,
        "number": row.number,
        "taken": row.consumed,
    }
    if post.kind != "answer":
        return Entry(what=post.kind, value=_body(post.body, reader), **facts)
    body = msgspec.json.decode(post.body, type=_Answer)
    questions.pop((body.wait, body.generation), None)
    return Entry(
        what=body.status,
        wait_id=body.wait,
        generation=body.generation,
        value=reader.decode(bytes(body.value), f"answer to {body.wait}"),
        **facts,
    )


def _body(data: bytes, reader: Lenient) -> Any:
    """What a post says, without what is only a default."""
    found = reader.decode(data, "body of a post")
    return found or None


async def _every_post(store: Store, run_id: str) -> list[PostRow]:
    found: list[PostRow] = []
    cursor: str | None = None
    while True:
        page = await store.posts(run_id, cursor=cursor, limit=PAGE)
        found.extend(page.items)
        cursor = page.next
        if cursor is None:
            return found
