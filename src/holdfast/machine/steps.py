# SPDX-License-Identifier: Apache-2.0
"""Durable steps and sleeps: entries of a delivery's ledger that a repeat finds again.

The line is recorded when a call begins, so that calls which are alike and under way at once keep
their order: each has the occurrence that it began with, whichever ends first.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from holdfast.machine import ledger
from holdfast.machine.run import Delivery, Entry, Run

_json = msgspec.json.Encoder().encode


def begin(run: Run, delivery: Delivery, kind: str, name: str, digest: str) -> int:
    """The index of the line of a call: the one that it makes again, or a new one."""
    found = ledger.find(run, delivery.id, kind, name, None, digest)
    if found >= 0:
        return found
    return ledger.record(run, delivery.id, Entry(kind, name, digest))


def entry_of(run: Run, delivery: Delivery, index: int) -> Entry:
    """The line of a call that has begun."""
    return run.ledgers[delivery.id].entries[index]


def begun(run: Run, delivery: Delivery, entry: Entry) -> int:
    """Count one more beginning of a step; returns how often it may have been begun before.

    What was begun and not done before the record was read back may not have been written, so each
    earlier run of the handler counts as a beginning there; and one at least, because a checkpoint
    may be older than what was done since.
    """
    if entry.begun < 0:
        entry.begun = max(delivery.attempt, 1) if delivery.id < run.known_from else 0
    entry.begun += 1
    return entry.begun - 1


def is_open(run: Run, delivery: Delivery, index: int, entry: Entry) -> bool:
    """Whether a repeat may still ask for the line, so that its result is to be kept."""
    lines = run.ledgers.get(delivery.id)
    return (
        lines is not None
        and run.deliveries.get(delivery.id) is delivery
        and index < len(lines.entries)
        and lines.entries[index] is entry
    )


def delivery_key(run: Run, delivery: Delivery) -> str:
    """The same for every repeat of a delivery, and for no other delivery.

    The node is in it because a run that goes back to an earlier point uses numbers again.
    """
    node = hashlib.blake2b(delivery.node.encode("utf-8", "surrogatepass"), digest_size=4)
    return f"{run.run_id}/{delivery.id}/{node.hexdigest()}"


def step_key(run: Run, delivery: Delivery, entry: Entry) -> str:
    """The same for every repeat of a step, and for no other step. Below 200 characters."""
    line = _json((entry.name, entry.digest, entry.occurrence))
    return f"{delivery_key(run, delivery)}/{hashlib.blake2b(line, digest_size=12).hexdigest()}"


def told(run: Run, delivery: Delivery) -> list[dict[str, Any]]:
    """The steps that a delivery has begun, in their order: name, and whether it is done."""
    lines = run.ledgers.get(delivery.id)
    return [
        {"name": entry.name, "done": entry.done}
        for entry in (() if lines is None else lines.entries)
        if entry.kind == "step"
    ]
