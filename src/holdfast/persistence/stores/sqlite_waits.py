# SPDX-License-Identifier: Apache-2.0
"""Writing waits, the inbox and claims. Each function is one transaction's work."""

from __future__ import annotations

from holdfast.persistence.rows import TERMINAL, Claim, InboxItem, Post, Settlement, WaitRow
from holdfast.persistence.stores import rules
from holdfast.persistence.stores.sqlite_database import Database
from holdfast.persistence.stores.sqlite_queries import listing
from holdfast.persistence.stores.sqlite_views import inbox_item, wait_row


def settle(db: Database, run_id: str, wait_id: str, settlement: Settlement) -> WaitRow:
    """Settle the open generation of the wait and post it."""
    run = db.key(run_id)
    seq, _, _, _, pruned, _ = db.one("run_motion", (run,))
    if pruned:
        raise rules.run_ended(run_id, wait_id)
    if settlement.request_id is not None:
        repeated = _settled_by(db, run, run_id, wait_id, settlement)
        if repeated is not None:
            return repeated
    found = _newest(db, run_id, wait_id)
    if found is None:
        raise rules.wait_unknown(run_id, wait_id)
    if found.status != "open":
        raise rules.settled_refusal(found)
    db.run(
        "settle_wait",
        (
            settlement.status,
            settlement.request_id,
            settlement.value,
            settlement.digest,
            settlement.actor,
            settlement.at,
            seq,
            run,
            wait_id,
        ),
    )
    _insert_post(db, run, seq, rules.answer_post(wait_id, found.generation, settlement))
    db.run("count_settled", (run,))
    return rules.settled(found, settlement, seq)


def _newest(db: Database, run_id: str, wait_id: str) -> WaitRow | None:
    sql = listing("waits", "waits_of_run", "waits_of_id", "waits_newest_generation")
    found = db.con.execute(sql, (run_id, wait_id, 1)).fetchone()
    return None if found is None else wait_row(found)


def _settled_by(
    db: Database, run: int, run_id: str, wait_id: str, settlement: Settlement
) -> WaitRow | None:
    """The row that this very request settled before; None if the request id is new."""
    if db.one("post_of_request", (run, settlement.request_id)) is None:
        return None
    sql = listing("waits", "waits_of_run", "waits_of_id", "waits_of_request", "waits_oldest_first")
    found = db.con.execute(sql, (run_id, wait_id, settlement.request_id, 1)).fetchone()
    if found is not None:
        row = wait_row(found)
        if rules.same_settlement(row, wait_id, settlement):
            return row
    raise rules.request_conflict(run_id, settlement.request_id, wait_id)


def post(db: Database, run_id: str, item: Post) -> InboxItem:
    """Add a post, or return the one the same request made."""
    run = db.key(run_id)
    if item.request_id is not None:
        found = db.one("post_of_request", (run, item.request_id))
        if found is not None:
            known = inbox_item(found)
            if rules.same_post(known.post, item):
                return known
            raise rules.request_conflict(run_id, item.request_id)
    seq, _, _, status, pruned, _ = db.one("run_motion", (run,))
    if pruned or status in TERMINAL:
        raise rules.run_closed(run_id, status, deleted=bool(pruned))
    number = _insert_post(db, run, seq, item)
    db.run("count_posted", (run,))
    return InboxItem(number=number, post=item)


def _insert_post(db: Database, run: int, seq: int, item: Post) -> int:
    number = db.run(
        "insert_post",
        (run, seq, item.kind, item.body, item.at, item.request_id, item.digest, item.actor),
    ).lastrowid
    if number is None:
        raise AssertionError
    return number


def claim(db: Database, run_id: str, owner: str, over: str | None) -> Claim:
    """Own the run under a new epoch."""
    run = db.key(run_id)
    seq, epoch, holder, status, pruned, claims = db.one("run_motion", (run,))
    if pruned:
        raise rules.run_closed(run_id, status, deleted=True)
    if holder not in (None, owner, over):
        raise rules.run_owned(run_id, holder)
    claims += holder not in (None, owner)
    db.run("claim_run", (claims, owner, run))
    return Claim(run_id=run_id, owner=owner, epoch=epoch + 1, seq=seq, claims=claims)


def release(db: Database, held: Claim) -> None:
    """Give the run up, if the claim is still the newest."""
    db.run("release_run", (held.run_id, held.epoch))
