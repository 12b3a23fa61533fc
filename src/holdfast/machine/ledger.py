# SPDX-License-Identifier: Apache-2.0
"""The ledger of an unfinished delivery: how a repeat finds again what it made before.

While a delivery is unfinished its ledger keeps what it emitted, the waits it opened, its durable
steps and sleeps, under (kind, name, digest of the payload or arguments, occurrence). A repeat that
makes the same entry gets its outcome; anything else is new; what it does not make again stays
done, with a warning. The ledger ends with its delivery, so a finished delivery leaves nothing
behind.
"""

from __future__ import annotations

import hashlib
from collections import deque
from itertools import chain
from typing import Any

from holdfast.errors import DocumentError
from holdfast.machine import layout, state
from holdfast.machine.effects import Effect, Warn
from holdfast.machine.journal import Encoder, Journal
from holdfast.machine.run import Again, Delivery, Entry, Ledger, Run, Undo


def digest_of(data: bytes | None) -> str | None:
    """A short text for a payload's bytes."""
    return None if data is None else hashlib.blake2b(data, digest_size=9).hexdigest()


def find(
    run: Run,
    delivery_id: int,
    kind: str,
    name: str,
    payload: Any,
    digest: str | None,
    *,
    codec: Encoder | None = None,
) -> int:
    """The index of an earlier entry that this call makes again, or -1.

    Entries match once each, in order: the occurrence is part of the key. codec: makes the digest
    where there is none yet and an entry was read back, which has no live payload.
    """
    # Many parameters because: the first six are the key, and callers have no other use for it.
    ledger = run.ledgers.get(delivery_id)
    if ledger is None or not ledger.unmatched:
        return -1
    if ledger.again is None:
        ledger.again = _again(ledger)
    lines = ledger.again.get((kind, name))
    if lines is None:
        return -1
    if digest is None and codec is not None and lines.digested:
        digest = payload_digest(payload, codec)
    exact = lines.digested.get(digest) if digest is not None else None
    before = exact[0] if exact else len(ledger.entries)
    for index in lines.plain if digest is not None or not lines.digested else _all(lines):
        if index > before:
            break
        entry = ledger.entries[index]
        if digest is None and entry.digest is not None and codec is not None:
            digest = payload_digest(payload, codec)
        if digest is None or entry.digest is None:
            is_same = _equal(entry.payload, payload)
        else:
            is_same = entry.digest == digest
        if is_same:
            return _match(ledger, index, _queue(lines, index, entry.digest))
    return _match(ledger, exact[0], exact) if exact else -1


def _again(ledger: Ledger) -> dict[tuple[str, str], Again]:
    """What is unmatched, so that a repeat finds each line without a look at all of them."""
    found: dict[tuple[str, str], Again] = {}
    for index, entry in enumerate(ledger.entries):
        if entry.matched:
            continue
        lines = found.setdefault((entry.kind, entry.name), Again())
        if entry.digest is None:
            lines.plain.append(index)
        else:
            lines.digested.setdefault(entry.digest, deque()).append(index)
    return found


def _all(lines: Again) -> list[int]:
    return sorted([*lines.plain, *chain.from_iterable(lines.digested.values())])


def _queue(lines: Again, index: int, digest: str | None) -> deque[int]:
    """Where an entry stands; it may have got its digest since then."""
    digested = lines.digested.get(digest or "")
    return digested if digested and index in digested else lines.plain


def _match(ledger: Ledger, index: int, queue: deque[int]) -> int:
    # Mostly it is the first of its queue, and this costs nothing.
    queue.remove(index)
    ledger.entries[index].matched = True
    ledger.unmatched -= 1
    return index


def payload_digest(payload: Any, codec: Encoder) -> str | None:
    """The digest of a payload; None for one that cannot be kept."""
    try:
        return digest_of(codec.encode(payload))
    except DocumentError:
        return None


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - a user's __eq__ may raise anything; then they are not equal
        return False


def record(run: Run, delivery_id: int, entry: Entry) -> int:
    """Add an entry; returns its index."""
    ledger = run.ledgers.get(delivery_id)
    if ledger is None:
        ledger = run.ledgers[delivery_id] = Ledger()
    return add(ledger, entry)


def add(ledger: Ledger, entry: Entry) -> int:
    """Put an entry behind the others; returns its index. Steps that are alike are counted."""
    if entry.kind == "step":
        alike = (entry.name, entry.digest)
        entry.occurrence = ledger.steps.get(alike, 0)
        ledger.steps[alike] = entry.occurrence + 1
    ledger.entries.append(entry)
    return len(ledger.entries) - 1


def came(
    run: Run, delivery_id: int, index: int, outcome: Any = None, data: bytes | None = None
) -> None:
    """Keep what came of an entry, while its maker is unfinished. data: bytes that stand for it."""
    ledger = run.ledgers.get(delivery_id)
    if ledger is None or index >= len(ledger.entries):
        return
    entry = ledger.entries[index]
    entry.done = True
    entry.outcome = outcome
    entry.data = data
    if run.journal is not None and index < ledger.saved:
        _write_outcome(run.journal, delivery_id, index, entry)


def _write_outcome(journal: Journal, delivery_id: int, index: int, entry: Entry) -> None:
    data = entry.data
    if data is None:
        data = journal.codec.encode(entry.outcome, f"results of {entry.name}")
    journal.add(f"ledger/{delivery_id}", layout.outcome_line(index, data))


def write_open(run: Run) -> None:
    """Before a commit: write what unfinished deliveries made since the last one."""
    journal = run.journal
    if journal is None:
        return
    for delivery_id, ledger in run.ledgers.items():
        name = f"ledger/{delivery_id}"
        for index in range(ledger.saved, len(ledger.entries)):
            entry = ledger.entries[index]
            if entry.digest is None:
                entry.digest = payload_digest(entry.payload, journal.codec)
            journal.add(name, layout.entry_line(entry))
            if entry.done:
                _write_outcome(journal, delivery_id, index, entry)
        ledger.saved = len(ledger.entries)
        for undo in ledger.undo[ledger.undo_saved :]:
            journal.add(name, layout.undo_line(undo, journal.codec, _wrote_digest(run, undo)))
        ledger.undo_saved = len(ledger.undo)


def _wrote_digest(run: Run, undo: Undo) -> str | None:
    """What the key, or the item an append ended with, held after the write and before any later.

    A key that others have changed since can never be taken back: its digest matches nothing.
    """
    assert run.journal is not None
    if undo.wrote is None:
        return None
    if run.frames[undo.frame].state.get(undo.key) is not undo.wrote:
        return "changed"
    if undo.length is not None:
        items = undo.wrote.value
        if len(items) < undo.length[1]:
            return "changed"
        return digest_of(run.journal.codec.encode(items[undo.length[1] - 1], f"state.{undo.key}"))
    if 0 <= undo.size < len(undo.wrote.value):
        items = undo.wrote.value[: undo.size]
        return digest_of(run.journal.codec.encode(items, f"state.{undo.key}"))
    return digest_of(run.journal.current(f"state/{undo.frame}/{undo.key}"))


def end(run: Run, delivery_id: int) -> list[Effect]:
    """The delivery ended: its ledger goes; what its repeat did not make again is named."""
    ledger = run.ledgers.pop(delivery_id, None)
    if ledger is None:
        return []
    if run.journal is not None:
        run.journal.drop(f"ledger/{delivery_id}")
    missed = [entry for entry in ledger.entries if not entry.matched]
    if not missed:
        return []
    made = ", ".join(f"{entry.kind} {entry.name!r}" for entry in missed)
    return [Warn("ledger.not-repeated", f"the repeat did not make again: {made}; it stays done")]


def prepare_repeat(run: Run, delivery: Delivery) -> list[Effect]:
    """Before a delivery runs again: take its writes back and let its entries be matched anew.

    One that waits to be called again was made ready when it failed, and has not begun since.
    """
    if delivery.again_at:
        return []
    delivery.attempt += 1
    if run.journal is not None:
        if delivery.data is not None:
            # The first attempt may have changed the live payload; its bytes are what was sent.
            place = f"payload of {delivery.node}"
            codec = run.journal.codec
            delivery.payload = layout.payload_of(delivery.kind, delivery.data, codec, place)
        layout.mark_due(run.journal, delivery)
    ledger = run.ledgers.get(delivery.id)
    if ledger is None:
        return []
    for entry in ledger.entries:
        entry.matched = False
    ledger.unmatched = len(ledger.entries)
    ledger.again = None
    for wait_id in ledger.asked:
        wait = run.waits.get(wait_id)
        if wait is not None and wait.opener == delivery.id:
            wait.asked = False
    left = state.take_back(run, ledger)
    if run.journal is not None:
        _rewrite(run, delivery.id, ledger)
    if not left:
        return []
    keys = ", ".join(sorted(set(left)))
    return [Warn("state.not-taken-back", f"changed by others since, so left as it is: {keys}")]


def _rewrite(run: Run, delivery_id: int, ledger: Ledger) -> None:
    assert run.journal is not None
    run.journal.drop(f"ledger/{delivery_id}")
    ledger.saved = ledger.undo_saved = 0
