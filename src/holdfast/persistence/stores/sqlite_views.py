# SPDX-License-Identifier: Apache-2.0
"""Reading: one run's record, and the lists. Each function sees one snapshot of the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

from holdfast.errors import StoreDamaged
from holdfast.persistence.rows import (
    CheckpointMark,
    CheckpointRow,
    CommitRow,
    InboxItem,
    Page,
    Post,
    PostRow,
    RunHead,
    RunRow,
    Stored,
    WaitRow,
)
from holdfast.persistence.stores import rules
from holdfast.persistence.stores.sqlite_database import Database
from holdfast.persistence.stores.sqlite_queries import listing

T = TypeVar("T")
Row = tuple[Any, ...]


def row(db: Database, run_id: str) -> RunRow:
    """The run's row."""
    return run_row(_run(db, run_id))


def _run(db: Database, run_id: str) -> Row:
    found: Row | None = db.con.execute(listing("runs", "runs_of_id"), (run_id,)).fetchone()
    if found is None:
        raise rules.run_unknown(run_id)
    return found


def read(db: Database, run_id: str, at: int | None) -> Stored:
    """The record as of seq *at*: the newest anchor at or before it, and what follows."""
    found = _run(db, run_id)
    run, shown = found[0], run_row(found)
    if shown.pruned:
        raise rules.run_unknown(run_id, deleted=True)
    seq = shown.seq if at is None else at
    facts = db.one("commit_facts", (run, seq))
    anchor = db.one("anchor_before", (run, seq))
    if facts is None or anchor is None:
        raise _missing(db, run_id, seq, shown.seq)
    deltas = db.run("deltas_between", (run, anchor[0], seq)).fetchall()
    if len(deltas) != seq - anchor[0]:
        raise _missing(db, run_id, seq, shown.seq)
    _check(db, run_id, anchor, deltas)
    return Stored(
        row=shown,
        seq=seq,
        commit_id=facts[0],
        at=facts[1],
        anchor_seq=anchor[0],
        anchor=anchor[2],
        deltas=tuple(delta for _, _, delta in deltas),
        consumed=tuple(n for (n,) in db.run("consumed_between", (run, anchor[0], seq))),
        checkpoint=_mark(*facts[2:]),
    )


def _missing(db: Database, run_id: str, seq: int, head: int) -> Exception:
    if seq == head:
        return StoreDamaged(f"{db.path!r}: the head of run {run_id!r} is gone", path=db.path)
    return rules.commit_missing(run_id, seq)


def _check(db: Database, run_id: str, anchor: Row, deltas: list[Row]) -> None:
    for seq, crc, body in (anchor, *deltas):
        if not isinstance(body, bytes) or crc32(body, seq) != crc:
            raise StoreDamaged(
                f"{db.path!r}: commit {seq} of run {run_id!r} is damaged", path=db.path
            )


def _mark(kind: str | None, iteration: int | None, parent: int | None) -> CheckpointMark | None:
    if kind is None:
        return None
    return CheckpointMark(kind=kind, iteration=iteration or 0, parent=parent)


class Window(NamedTuple):
    """Which part of a list: after which cursor, how much, from which end."""

    cursor: str | None
    limit: int
    newest_first: bool = False


def runs(db: Database, status: str | None, definition: str | None, window: Window) -> Page[RunRow]:
    """Runs in the order they were opened."""
    conditions = [("runs_of_status", status), ("runs_of_definition", definition)]
    return _page(db, ("runs",), conditions, window, run_row)


def claimable(db: Database, now: float, limit: int, beside: Collection[str]) -> tuple[RunRow, ...]:
    """Runs not ended that somebody has to look at."""
    names = ["runs", "runs_claimable"]
    values: list[float | str] = [now]
    if beside:
        names.append("runs_beside")
        values.append(json.dumps(sorted(beside)))
    sql = listing(*names, "runs_oldest_first")
    return tuple(run_row(found) for found in db.con.execute(sql, (*values, limit)))


def checkpoints(
    db: Database, run_id: str | None, definition: str | None, window: Window
) -> Page[CheckpointRow]:
    """Checkpoints in the order they were committed."""
    conditions = [("checkpoints_of_run", run_id), ("checkpoints_of_definition", definition)]
    return _page(db, ("checkpoints",), conditions, window, checkpoint_row)


def waits(db: Database, run_id: str | None, status: str | None, window: Window) -> Page[WaitRow]:
    """Waits in the order they were opened."""
    if status == "open":
        return _page(db, ("waits", "waits_open"), [("waits_of_run", run_id)], window, wait_row)
    conditions = [("waits_of_run", run_id), ("waits_of_status", status)]
    return _page(db, ("waits",), conditions, window, wait_row)


def _page(
    db: Database,
    select: tuple[str, ...],
    conditions: Iterable[tuple[str, str | None]],
    window: Window,
    build: Callable[[Row], T],
    *first: int,
) -> Page[T]:
    """A page of a list. first: values that its SELECT itself binds."""
    name, names = select[0], [*select]
    values: list[str | int] = [*first]
    for condition, value in conditions:
        if value is not None:
            names.append(condition)
            values.append(value)
    after = rules.cursor_number(window.cursor)
    if after is not None:
        names.append(f"{name}_before" if window.newest_first else f"{name}_after")
        values.append(after)
    names.append(f"{name}_newest_first" if window.newest_first else f"{name}_oldest_first")
    limit = rules.check_limit(window.limit)
    # One more than asked for tells whether there is a next page.
    found = db.con.execute(listing(*names), (*values, limit + 1)).fetchall()
    more = str(found[limit - 1][0]) if len(found) > limit else None
    return Page(items=tuple(build(one) for one in found[:limit]), next=more)


def commits(db: Database, run_id: str, window: Window) -> Page[CommitRow]:
    """What is left of a run's commits."""

    def build(found: Row) -> CommitRow:
        return CommitRow(
            run_id=run_id,
            seq=found[0],
            commit_id=found[1],
            at=found[2],
            anchored=bool(found[3]),
            size_bytes=found[4],
            mark=_mark(*found[5:]),
        )

    return _page(db, ("commits",), (), window, build, _present(db, run_id))


def posts(db: Database, run_id: str, window: Window) -> Page[PostRow]:
    """Everything that was ever posted for a run."""
    return _page(db, ("posts",), (), window, post_row, _present(db, run_id))


def result(db: Database, run_id: str) -> bytes | None:
    """What a tombstone keeps of the result."""
    found: bytes | None = db.one("kept_result", (db.key(run_id),))[0]
    return found


def _present(db: Database, run_id: str) -> int:
    """The key of a run that was not deleted."""
    found = _run(db, run_id)
    if run_row(found).pruned:
        raise rules.run_unknown(run_id, deleted=True)
    return int(found[0])


def inbox(db: Database, run_id: str) -> tuple[InboxItem, ...]:
    """What the run has not consumed yet."""
    return tuple(inbox_item(found) for found in db.run("unread", (db.key(run_id),)))


def run_row(found: Row) -> RunRow:
    """A row of the list `runs`."""
    return RunRow(
        head=RunHead(
            run_id=found[1],
            definition=found[2],
            front=found[3],
            fingerprint=found[4],
            created_at=found[5],
            version=found[6],
            input_digest=found[7],
            parent=found[8],
        ),
        seq=found[9],
        epoch=found[10],
        owner=found[11],
        status=found[12],
        due=bool(found[13]),
        updated_at=found[14],
        wake_at=found[15],
        error=found[16],
        claims=found[17],
        open_waits=found[18],
        inbox=found[19],
        pruned=bool(found[20]),
        moved_to=found[21],
    )


def checkpoint_row(found: Row) -> CheckpointRow:
    """A row of the list `checkpoints`."""
    return CheckpointRow(
        number=found[0],
        run_id=found[1],
        seq=found[2],
        commit_id=found[3],
        definition=found[4],
        fingerprint=found[5],
        mark=CheckpointMark(kind=found[6], iteration=found[7], parent=found[8]),
        at=found[9],
        size_bytes=found[10],
    )


def wait_row(found: Row) -> WaitRow:
    """A row of the list `waits`."""
    return WaitRow(
        run_id=found[1],
        wait_id=found[2],
        generation=found[3],
        type=found[4],
        payload=found[5],
        opened_at=found[6],
        schema=found[7],
        deadline=found[8],
        default=found[9],
        status=found[10],
        request_id=found[11],
        value=found[12],
        digest=found[13],
        actor=found[14],
        settled_at=found[15],
        opened_seq=found[16],
        settled_seq=found[17],
    )


def post_row(found: Row) -> PostRow:
    """A row of the list `posts`."""
    item = inbox_item(found[:7])
    return PostRow(number=item.number, post=item.post, seq=found[7], consumed=found[8])


def inbox_item(found: Row) -> InboxItem:
    """A row of the inbox."""
    number, kind, body, at, request_id, digest, actor = found
    return InboxItem(
        number=number,
        post=Post(kind=kind, body=body, at=at, request_id=request_id, digest=digest, actor=actor),
    )
