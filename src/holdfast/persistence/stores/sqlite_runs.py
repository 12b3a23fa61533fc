# SPDX-License-Identifier: Apache-2.0
"""Writing runs: opening, appending, pruning, deleting. Each function is one transaction's work."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from holdfast.persistence.rows import TERMINAL, Claim, Commit, RunHead, WaitRow
from holdfast.persistence.stores import rules
from holdfast.persistence.stores.sqlite_database import Database


def open_run(db: Database, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
    """Insert the run and its first commit."""
    epoch = 0 if owner is None else 1
    found = db.one("first_commit", (head.run_id,))
    if found is None:
        _insert_run(db, head, commit, owner)
    elif found != (1, epoch, _owner_after(commit, owner), commit.commit_id):
        raise rules.run_exists(head.run_id)
    return None if owner is None else Claim(run_id=head.run_id, owner=owner, epoch=epoch, seq=1)


def _insert_run(db: Database, head: RunHead, commit: Commit, owner: str | None) -> None:
    ended = commit.status in TERMINAL
    run = db.run(
        "insert_run",
        (
            head.run_id,
            head.definition,
            head.front,
            head.fingerprint,
            head.created_at,
            head.version,
            head.input_digest,
            head.parent,
            0 if owner is None else 1,
            _owner_after(commit, owner),
            commit.status,
            commit.due,
            commit.at,
            commit.wake_at,
            _readable(commit.error),
            0 if ended else len(commit.waits),
            ended,
        ),
    ).lastrowid
    if run is None:
        raise AssertionError
    _insert_commit(db, run, 1, commit)
    _open_waits(db, run, commit.waits, 1)
    if ended:
        db.run("close_waits", (commit.at, 1, run))


def append(db: Database, claim: Claim, commit: Commit, after: int) -> int:
    """Add the commit that follows seq *after*, or raise with nothing changed."""
    run = db.key(claim.run_id)
    if not _changes_more(commit):
        moved = db.run(
            "advance",
            (
                commit.at,
                _readable(commit.error),
                not commit.progress,
                run,
                after,
                claim.epoch,
                claim.owner,
                commit.status,
                commit.due,
                commit.wake_at,
            ),
        )
        if moved.rowcount == 1:
            _insert_commit(db, run, after + 1, commit)
            return after + 1
    return _append_any(db, run, claim, commit, after)


def _changes_more(commit: Commit) -> bool:
    """Whether a commit changes more of its run than a step does."""
    return bool(
        commit.waits
        or commit.consumed
        or commit.withdraws
        or commit.moved_to is not None
        or commit.status in TERMINAL
    )


def _append_any(db: Database, run: int, claim: Claim, commit: Commit, after: int) -> int:
    """The append that may change everything about a run, and says why it refuses."""
    seq, epoch, owner, *_ = db.one("run_motion", (run,))
    if epoch != claim.epoch or owner not in (None, claim.owner):
        raise rules.ownership_lost(claim, epoch)
    if seq != after:
        if after == seq - 1 and db.one("commit_id_at", (run, seq)) == (commit.commit_id,):
            return int(seq)
        raise rules.stale_write(claim.run_id, after, seq)
    seq += 1
    withdrawn = sum(
        db.run("withdraw_wait", (commit.at, seq, run, wait_id)).rowcount
        for wait_id in commit.withdraws
    )
    _check_waits(db, run, commit.waits)
    _insert_commit(db, run, seq, commit)
    _open_waits(db, run, commit.waits, seq)
    if commit.moved_to is not None:
        db.run("move_run", (commit.moved_to, run))
    taken = sum(db.run("consume", (seq, number, run)).rowcount for number in commit.consumed)
    opened, ended = len(commit.waits) - withdrawn, commit.status in TERMINAL
    if ended:
        opened -= db.run("close_waits", (commit.at, seq, run)).rowcount
    db.run(
        "advance_all",
        (
            seq,
            commit.at,
            _readable(commit.error),
            not commit.progress,
            commit.status,
            commit.due,
            commit.wake_at,
            ended,
            opened,
            taken,
            _owner_after(commit, claim.owner),
            run,
        ),
    )
    return int(seq)


def _owner_after(commit: Commit, owner: str | None) -> str | None:
    """A run with nothing due has no owner."""
    return owner if commit.due else None


def _insert_commit(db: Database, run: int, seq: int, commit: Commit) -> None:
    delta = None
    crc = 0
    if commit.anchor is None:
        delta = commit.delta
        crc = crc32(delta, seq)
    else:
        body = b"".join(commit.anchor)
        db.run("insert_anchor", (run, seq, crc32(body, seq), body))
    mark = commit.checkpoint
    values = (run, seq, commit.at, crc, commit.commit_id, delta)
    if mark is None:
        db.run("insert_commit", values)
    else:
        db.run("insert_checkpoint", (*values, mark.kind, mark.iteration, mark.parent))


def _check_waits(db: Database, run: int, waits: Iterable[WaitRow]) -> None:
    seen: set[str] = set()
    for wait in waits:
        found = db.one("newest_wait", (run, wait.wait_id))
        still_open = wait.wait_id in seen or (found is not None and found[1] == "open")
        if still_open or (found is not None and wait.generation <= found[0]):
            raise rules.wait_exists(wait.run_id, wait.wait_id, still_open=still_open)
        seen.add(wait.wait_id)


def _open_waits(db: Database, run: int, waits: Iterable[WaitRow], seq: int) -> None:
    for wait in waits:
        db.run(
            "insert_wait",
            (
                run,
                wait.wait_id,
                wait.generation,
                wait.type,
                wait.payload,
                wait.opened_at,
                wait.schema,
                wait.deadline,
                wait.default,
                seq,
            ),
        )


def unmark(db: Database, run_id: str, seq: int) -> bool:
    """Take the checkpoint mark away."""
    found = db.one("run_key", (run_id,))
    return found is not None and db.run("unmark", (found[0], seq)).rowcount == 1


def prune(db: Database, run_id: str, keep_last: int, before: float | None, every: bool) -> int:
    """Drop what only older checkpoints need."""
    run = db.key(run_id)
    head, _, _, _, pruned, _ = db.one("run_motion", (run,))
    if pruned:
        return 0
    points = db.run("all_seqs" if every else "marked_seqs", (run,)).fetchall()
    anchors = [seq for (seq,) in db.run("anchored_seqs", (run,))]
    keep = rules.kept_points(points, keep_last, before)
    dropped = 0
    for first, last in rules.gaps(rules.kept_ranges(head, keep, anchors)):
        db.run("drop_anchors", (run, first, last))
        dropped += db.run("drop_commits", (run, first, last)).rowcount
    for seq in {seq for seq, _ in points}.difference(keep):
        db.run("unmark", (run, seq))
    return dropped


def delete_run(db: Database, run_id: str, result: bytes | None, at: int | None) -> None:
    """Leave a tombstone."""
    run = db.key(run_id)
    head, _, owner, _, pruned, _ = db.one("run_motion", (run,))
    if pruned:
        return
    if owner is not None:
        raise rules.run_owned(run_id, owner)
    if at is not None and at != head:
        raise rules.stale_write(run_id, at, head)
    db.run("drop_anchors", (run, 0, head))
    db.run("drop_commits", (run, 0, head - 1))
    db.run("empty_head", (run, head))
    db.run("drop_waits", (run,))
    db.run("drop_inbox", (run,))
    db.run("bury_run", (result, run))


def _readable(text: str | None) -> str | None:
    """The text of an error as UTF-8 can hold it; it is for people and may come from anywhere."""
    if text is None or text.isascii():
        return text
    return text.encode(errors="backslashreplace").decode()
