# SPDX-License-Identifier: Apache-2.0
"""Interventions: what somebody adds to a run under way, where it was taken up, and by whom.

A record is *pending* until a place takes it up (*inserted*), or the run ends (*expired*). Handlers
see inserted ones only, and only those inserted before they were called. The record of a run has
them only once they were switched on. Each is written once, its progress and its consumers in parts
of their own, so that a step costs what it changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from holdfast.machine.journal import Encoder, Journal
from holdfast.persistence.parts import Part, as_list, joined

_json = msgspec.json.Encoder().encode


class Intervention(msgspec.Struct):
    """One addition. place: its place in the order of insertions, 0 while it is pending.

    data: the bytes of the payload when the run is kept. insertion: where it was taken up.
    """

    id: str
    version: int
    payload: Any
    created_at: float
    author: str | None = None
    note: str | None = None
    target: str | None = None
    metadata: dict[str, Any] = {}
    status: str = "pending"
    place: int = 0
    inserted_at: float | None = None
    insertion: dict[str, Any] | None = None
    expired_at: float | None = None
    consumers: dict[str, dict[str, Any]] = {}


class Intervening(msgspec.Struct):
    """All additions of a run. mode: "planned", "auto", or None for off with a ledger left.

    version: how many there have been; inserted: how many insertions; newest: the highest version
    inserted. pending: those that wait, by target; it follows from the rest and is not written.
    """

    mode: str | None
    version: int = 0
    inserted: int = 0
    newest: int = 0
    records: dict[str, Intervention] = {}
    pending: dict[str | None, dict[str, Intervention]] = {}


def mark_mode(intervening: Intervening, journal: Journal | None) -> None:
    """The mode was chosen."""
    if journal is not None:
        journal.put("intervene", _json(intervening.mode))


def drop(journal: Journal | None) -> None:
    """Nothing was ever added, and nothing will be."""
    if journal is not None:
        journal.drop("intervene")


def add(intervening: Intervening, journal: Journal | None, record: Intervention) -> None:
    """Take an addition in; it gets the next version. Raises: ValueRefused, and nothing changes."""
    record.version = intervening.version + 1
    if journal is not None:
        journal.put(f"intervene/{record.id}", _fixed_part(record, journal.codec))
    intervening.version = record.version
    intervening.records[record.id] = record
    _wait(intervening, record)


def insert(
    intervening: Intervening,
    journal: Journal | None,
    chosen: Iterable[Intervention],
    insertion: dict[str, Any],
    at: float,
) -> list[Intervention]:
    """Take pending additions up, in the order of their versions. Returns those it took."""
    taken = sorted((r for r in chosen if r.status == "pending"), key=lambda r: r.version)
    for record in taken:
        intervening.inserted += 1
        intervening.newest = max(intervening.newest, record.version)
        record.status = "inserted"
        record.place = intervening.inserted
        record.inserted_at = at
        record.insertion = insertion
        _unwait(intervening, record)
        _mark_now(record, journal)
    return taken


def consume(
    record: Intervention, journal: Journal | None, consumer: str, mark: dict[str, Any]
) -> None:
    """Somebody says what became of an addition; the same one again replaces what it said."""
    if journal is not None:
        line = journal.codec.encode([consumer, mark], f"mark of {consumer}")
        journal.add(f"intervene/{record.id}/by", line)
    record.consumers = {**record.consumers, consumer: mark}


def expire(intervening: Intervening, journal: Journal | None, at: float) -> list[Intervention]:
    """The run ends: what nobody took up never will be. Returns what expired."""
    expired = [record for waiting in intervening.pending.values() for record in waiting.values()]
    for record in sorted(expired, key=lambda r: r.version):
        record.status = "expired"
        record.expired_at = at
        _mark_now(record, journal)
    intervening.pending = {}
    return sorted(expired, key=lambda r: r.version)


def _wait(intervening: Intervening, record: Intervention) -> None:
    intervening.pending.setdefault(record.target, {})[record.id] = record


def _unwait(intervening: Intervening, record: Intervention) -> None:
    waiting = intervening.pending[record.target]
    del waiting[record.id]
    if not waiting:
        del intervening.pending[record.target]


def mark_all(intervening: Intervening, journal: Journal) -> None:
    """Put every part into the journal, as if all of it were new."""
    mark_mode(intervening, journal)
    for record in intervening.records.values():
        journal.put(f"intervene/{record.id}", _fixed_part(record, journal.codec))
        if record.status != "pending":
            _mark_now(record, journal)
        for consumer, mark in record.consumers.items():
            line = journal.codec.encode([consumer, mark], f"mark of {consumer}")
            journal.add(f"intervene/{record.id}/by", line)


def _fixed_part(record: Intervention, codec: Encoder) -> bytes:
    payload = codec.encode(record.payload, f"payload of intervention {record.id}")
    metadata = codec.encode(record.metadata, f"metadata of intervention {record.id}")
    fixed = (record.version, record.created_at, record.author, record.target, record.note)
    return _json((*fixed, msgspec.Raw(payload), msgspec.Raw(metadata)))


def _mark_now(record: Intervention, journal: Journal | None) -> None:
    if journal is not None:
        times = (record.status, record.place, record.inserted_at, record.expired_at)
        journal.put(f"intervene/{record.id}/now", _json((*times, record.insertion)))


def read(intervening: Intervening | None, rest: str, part: Part, codec: Encoder) -> Intervening:
    """Take one part in, in whatever order they come; `recount` makes the rest of it."""
    found = Intervening(None) if intervening is None else intervening
    if not rest:
        found.mode = msgspec.json.decode(joined(part), type=str | None)
        return found
    name, _, what = rest.partition("/")
    record = found.records.setdefault(name, Intervention(name, 0, None, 0.0))
    if what == "now":
        stored = msgspec.json.decode(
            joined(part), type=tuple[str, int, float | None, float | None, dict[str, Any] | None]
        )
        record.status, record.place, record.inserted_at, record.expired_at = stored[:4]
        record.insertion = stored[4]
    elif what == "by":
        for line in as_list(part):
            consumer, mark = codec.decode(line, f"mark of intervention {name}")
            record.consumers = {**record.consumers, consumer: mark}
    else:
        _read_fixed(record, joined(part), codec)
    return found


def _read_fixed(record: Intervention, part: bytes, codec: Encoder) -> None:
    shape = tuple[int, float, str | None, str | None, str | None, msgspec.Raw, msgspec.Raw]
    stored = msgspec.json.decode(part, type=shape)
    record.version, record.created_at, record.author, record.target, record.note = stored[:5]
    record.payload = codec.decode(bytes(stored[5]), f"payload of intervention {record.id}")
    record.metadata = codec.decode(bytes(stored[6]), f"metadata of intervention {record.id}")


def recount(intervening: Intervening) -> None:
    """After all parts were read: the counters, the order, and who is pending."""
    records = sorted(intervening.records.values(), key=lambda r: r.version)
    intervening.records = {record.id: record for record in records}
    for record in records:
        intervening.version = max(intervening.version, record.version)
        intervening.inserted = max(intervening.inserted, record.place)
        if record.place:
            intervening.newest = max(intervening.newest, record.version)
        if record.status == "pending":
            _wait(intervening, record)
