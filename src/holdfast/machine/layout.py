# SPDX-License-Identifier: Apache-2.0
"""How the record is written as named parts, and read back.

Names: run, facts, state/<frame>/<key>, due/<delivery>, ledger/<delivery>, wait/<id>,
settled/<n>, scope/<id>, join/<scope>/<length>:<node>:<key>, fan/<id> with /at and /got,
group/<id>, executor/<id>, out, intervene with /<id>, /<id>/now and /<id>/by, bind/<n>, frame/<id>,
staged/<frame>, gather/<fan-in>, payload/<n>. User values are encoded by the codec and embedded
as they are; everything else is small arrays. Counts (live deliveries of a group or scope) are
not written: they follow from the deliveries and are counted again at load.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from holdfast.machine.journal import Encoder, Journal
from holdfast.machine.run import (
    MISSING,
    Delivery,
    Entry,
    Fan,
    Group,
    Grown,
    Output,
    Run,
    Scope,
    Settled,
    Undo,
    Unsent,
    Wait,
)
from holdfast.persistence.parts import as_list

KEPT_SETTLED = 32
#: Between the id and the generation of a wait that was set aside; no id holds it.
ASIDE = "\n"

_json = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")


class DueWire(msgspec.Struct, omit_defaults=True, gc=False):
    """A delivery as stored; names are short because one is written at every step."""

    n: str
    v: msgspec.Raw = _NULL
    f: int = 0
    c: int = 0
    g: int = 0
    o: int = -1
    m: int = 0
    t: int = 0
    k: str = "event"
    e: str = ""
    s: tuple[str, ...] = ()
    w: str | None = None
    a: int = 0
    p: int = 0
    x: str | None = None
    h: int = 0
    r: int = 0
    u: float | None = None


class WaitWire(msgspec.Struct, omit_defaults=True):
    """A wait as stored."""

    type: str
    payload: msgspec.Raw
    opener: int
    resume: str
    generation: int
    opened_at: float
    origin: DueWire | None = None
    origin_id: int = 0
    scope: int = 0
    schema: dict[str, Any] | None = None
    deadline: float | None = None
    lapse: str = ""
    default: msgspec.Raw = _NULL
    resumes: int = 0
    limit: int | None = 1
    answered: bool = False
    expired: bool = False
    value: msgspec.Raw = _NULL
    request_id: str | None = None
    digest: str | None = None
    actor: str | None = None
    settled_at: float | None = None
    expects: str | None = None
    via: str = ""
    exchange_kind: str | None = None


def wire(delivery: Delivery, codec: Encoder) -> DueWire:
    """The stored form of a delivery; its payload is encoded now if it was not before."""
    data = delivery.data
    if data is None:
        data = delivery.data = _payload_data(delivery, codec)
    return DueWire(
        delivery.node,
        _NULL if delivery.shared else msgspec.Raw(data),
        delivery.frame,
        delivery.scope,
        delivery.group,
        delivery.slot,
        delivery.emitter,
        delivery.step,
        delivery.kind,
        delivery.event,
        delivery.sources,
        delivery.wait,
        delivery.attempt,
        delivery.status,
        delivery.error,
        delivery.shared,
        delivery.failures,
        delivery.again_at or None,
    )


def unwire(number: int, stored: DueWire, codec: Encoder) -> Delivery:
    """A delivery read back; one with a shared payload has to be given that."""
    data = bytes(stored.v)
    return Delivery(
        number,
        stored.n,
        payload_of(stored.k, data, codec, f"payload of {stored.n}"),
        data,
        stored.f,
        stored.c,
        stored.g,
        stored.o,
        stored.m,
        stored.t,
        stored.k,
        stored.e,
        stored.s,
        stored.w,
        stored.a,
        stored.p,
        stored.x,
        stored.h,
        stored.r,
        stored.u or 0.0,
    )


def _payload_data(delivery: Delivery, codec: Encoder) -> bytes:
    place = f"payload of {delivery.node}"
    if delivery.kind == "gathered":
        return list_of((("", value, None) for value in delivery.payload), codec, place)
    if delivery.kind == "routing":
        return unsent_data(delivery.payload, codec)
    return codec.encode(delivery.payload, place)


def payload_of(kind: str, data: bytes, codec: Encoder, place: str) -> Any:
    """A payload from its bytes; what was encoded in pieces is decoded so, within their limits."""
    if kind == "gathered":
        items = enumerate(as_list(data))
        return [codec.decode(item, f"{place}[{index}]") for index, item in items]
    if kind == "routing":
        lines = msgspec.json.decode(data, type=list[tuple[msgspec.Raw, str | None, str]])
        return [
            Unsent(codec.decode(bytes(value), place), bytes(value), target, source)
            for value, target, source in lines
        ]
    return codec.decode(data, place)


def list_of(lines: Iterable[tuple[str, Any, bytes | None]], codec: Encoder, place: str) -> bytes:
    """A list of values from what each was encoded to: (anything, value, bytes if there are)."""
    items = [
        codec.encode(value, f"{place}[{index}]") if data is None else data
        for index, (_, value, data) in enumerate(lines)
    ]
    return b"[" + b",".join(items) + b"]"


def unsent_data(messages: Iterable[Unsent], codec: Encoder) -> bytes:
    """Messages that are not routed yet."""
    lines = [
        (msgspec.Raw(one.data or codec.encode(one.value, "message")), one.target, one.source)
        for one in messages
    ]
    return _json(lines)


def due_part(delivery: Delivery, codec: Encoder) -> bytes:
    """The part of a delivery."""
    return _json(wire(delivery, codec))


def head_part(run: Run) -> bytes:
    """The part of the run itself: words and counters."""
    return _json(
        (
            run.status,
            run.lifecycle,
            run.next_delivery,
            run.next_group,
            run.next_scope,
            run.next_settled,
            run.error,
            run.version,
        )
    )


def wait_part(wait: Wait, codec: Encoder) -> bytes:
    """The part of a wait."""
    if wait.data is None:
        wait.data = codec.encode(wait.payload, f"payload of wait {wait.id}")
    value = codec.encode(wait.value, f"answer to {wait.id}") if wait.answered else b"null"
    default = default_of(wait, codec)
    origin = wait.origin
    return _json(
        WaitWire(
            type=wait.type,
            payload=msgspec.Raw(wait.data),
            opener=wait.opener,
            resume=wait.resume,
            generation=wait.generation,
            opened_at=wait.opened_at,
            origin=wire(origin, codec) if origin is not None else None,
            origin_id=origin.id if origin is not None else 0,
            scope=wait.scope,
            schema=wait.schema,
            deadline=wait.deadline,
            lapse=wait.lapse,
            default=_NULL if default is None else msgspec.Raw(default),
            resumes=wait.resumes,
            limit=wait.limit,
            answered=wait.answered,
            expired=wait.expired,
            value=msgspec.Raw(value),
            request_id=wait.request_id,
            digest=wait.digest,
            actor=wait.actor,
            settled_at=wait.settled_at,
            expects=wait.expects,
            via=wait.via,
            exchange_kind=wait.exchange_kind,
        )
    )


def default_of(wait: Wait, codec: Encoder) -> bytes | None:
    """The bytes of what a deadline answers with; None for a wait without a default."""
    if wait.lapse != "default":
        return None
    if wait.default_data is None:
        wait.default_data = codec.encode(wait.default, f"default of wait {wait.id}")
    return wait.default_data


def read_wait(wait_id: str, part: bytes, codec: Encoder) -> Wait:
    """A wait read back; one that was set aside is kept under its id and generation."""
    stored = msgspec.json.decode(part, type=WaitWire)
    data = bytes(stored.payload)
    key, (wait_id, apart, _) = wait_id, wait_id.partition(ASIDE)
    return Wait(
        id=wait_id,
        aside=key if apart else "",
        type=stored.type,
        payload=codec.decode(data, f"payload of wait {wait_id}"),
        opener=stored.opener,
        resume=stored.resume,
        origin=unwire(stored.origin_id, stored.origin, codec) if stored.origin else None,
        data=data,
        scope=stored.scope,
        generation=stored.generation,
        opened_at=stored.opened_at,
        schema=stored.schema,
        deadline=stored.deadline,
        lapse=stored.lapse,
        default=codec.decode(bytes(stored.default)) if stored.lapse == "default" else None,
        default_data=bytes(stored.default) if stored.lapse == "default" else None,
        resumes=stored.resumes,
        limit=stored.limit,
        answered=stored.answered,
        expired=stored.expired,
        value=codec.decode(bytes(stored.value)) if stored.answered else None,
        request_id=stored.request_id,
        digest=stored.digest,
        actor=stored.actor,
        settled_at=stored.settled_at,
        expects=stored.expects,
        via=stored.via,
        exchange_kind=stored.exchange_kind,
    )


def settled_part(number: int, line: Settled) -> bytes:
    """The part of a settled wait; numbers tell the order."""
    return _json((number, *msgspec.structs.astuple(line)))


def scope_part(scope: Scope) -> bytes:
    """The part of a scope that has a parent."""
    return _json((scope.parent, scope.index))


def join_name(scope: int, node: str, key: str) -> str:
    """The name of the part that holds one value of a half-filled join."""
    return f"join/{scope}/{len(node)}:{node}:{key}"


def fan_part(fan: Fan, codec: Encoder) -> bytes:
    """The part of a fan without its progress: that grows in parts of its own."""
    items = codec.encode(fan.items, f"items of {fan.node}")
    if fan.data is None:
        fan.data = codec.encode(fan.value, f"payload of {fan.node}")
    place = (fan.node, fan.scope, fan.cap, fan.group, fan.emitter)
    return _json((*place, msgspec.Raw(items), msgspec.Raw(fan.data)))


def group_part(group: Group, codec: Encoder) -> bytes:
    """The part of a group whose outcome a ledger waits for."""
    results = codec.encode(group.results, "results of an emit")
    return _json((group.emitter, group.entry, msgspec.Raw(results)))


def entry_line(entry: Entry) -> bytes:
    """A ledger line that says what was made."""
    return _json(("made", entry.kind, entry.name, entry.digest, entry.group, entry.wait))


def outcome_line(index: int, data: bytes) -> bytes:
    """A ledger line that says what came of an entry."""
    return _json(("came", index, msgspec.Raw(data)))


def undo_line(undo: Undo, codec: Encoder, digest: str | None) -> bytes:
    """A ledger line that says how to take a write back.

    digest: of what the key held after the write, or null for a deletion; after a restart it
    stands for the identity of the cell.
    """
    if undo.length is not None:
        return _json(("grew", undo.frame, undo.key, digest, undo.length))
    before: bytes | None = None
    if undo.before is not None:
        before = codec.encode(undo.before.value, f"state.{undo.key}")
    place = ("wrote", undo.frame, undo.key, digest)
    return _json((*place, msgspec.Raw(before)) if before is not None else place)


def gather_line(line: tuple[str, Any, bytes | None], codec: Encoder) -> bytes:
    """A message that waits in a fan-in: by whom, and the value."""
    source, value, data = line
    encoded = codec.encode(value, f"message of {source}") if data is None else data
    return _json((source, msgspec.Raw(encoded)))


def output_line(output: Output, codec: Encoder, data: bytes | None = None) -> bytes:
    """A line of the output log."""
    encoded = codec.encode(output.value, f"output of {output.node}") if data is None else data
    return _json((output.node, output.kind, msgspec.Raw(encoded)))


def staged_line(write: tuple[str, str, Any, bytes | None], codec: Encoder) -> bytes:
    """A staged write: by whom, the key, "set", "gone" or "grew", and the value or items."""
    node, key, value, data = write
    if value is MISSING:
        return _json((node, key, "gone", None))
    if isinstance(value, Grown):
        pairs = zip(value.items, value.data, strict=True)
        items = [encoded or codec.encode(item, f"state.{key}[]") for item, encoded in pairs]
        return _json((node, key, "grew", msgspec.Raw(b"[" + b",".join(items) + b"]")))
    return _json((node, key, "set", msgspec.Raw(data or codec.encode(value, f"state.{key}"))))


def mark_frame(run: Run, number: int) -> None:
    """The superstep counters of a frame changed."""
    frame = run.frames[number]
    if run.journal is not None and (frame.iteration or frame.lap or run.front == "workflow"):
        counts = (frame.iteration, frame.lap, 1) if frame.halting else (frame.iteration, frame.lap)
        run.journal.put(f"frame/{number}", _json(counts))


def mark_head(run: Run) -> None:
    """The run's words or counters changed."""
    journal = run.journal
    if journal is not None and "run" not in journal.changed:
        journal.put("run", lambda: head_part(run))


def mark_change(run: Run) -> None:
    """Something that a user can see has changed."""
    run.version += 1
    mark_head(run)


def mark_due(journal: Journal, delivery: Delivery) -> None:
    """The delivery is new or changed."""
    journal.put(f"due/{delivery.id}", lambda: due_part(delivery, journal.codec))


def mark_wait(journal: Journal, wait: Wait) -> None:
    """The wait is new or changed."""
    journal.put(f"wait/{wait.key}", lambda: wait_part(wait, journal.codec))
