# SPDX-License-Identifier: Apache-2.0
"""The whole record as parts, and a record from parts.

`full_parts` is for saves of runs that keep no journal; a kept run has its parts at hand.
`restore` counts again what is not written (live deliveries of groups and scopes, users of
answered waits) and holds back deliveries whose emitter has to make its emit again first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from holdfast.errors import Damaged
from holdfast.machine import bindings, interventions, layout, ledger, scopes, visit_parts, waits
from holdfast.machine.journal import Encoder, Journal
from holdfast.machine.run import (
    DUE,
    MISSING,
    Cell,
    Entry,
    Fan,
    Frame,
    Gather,
    Group,
    Grown,
    Ledger,
    Output,
    Payload,
    Run,
    Scope,
    Settled,
    Undo,
    Wait,
    new_run,
)
from holdfast.persistence.parts import Part, as_list, joined


def full_parts(run: Run, codec: Encoder) -> dict[str, Part]:
    """Every part of the record, encoded now. Raises: ValueRefused with the place."""
    journal = Journal(codec)
    before = run.journal
    run.journal = journal
    saved = [(lines, lines.saved, lines.undo_saved) for lines in run.ledgers.values()]
    try:
        mark_all(run)
        ledger.write_open(run)
        journal.take()
    finally:
        run.journal = before
        for lines, entries, undos in saved:
            lines.saved, lines.undo_saved = entries, undos
    return journal.parts


def mark_all(run: Run) -> None:
    """Put every part of the record into its journal, as if all of it were new."""
    journal = run.journal
    assert journal is not None
    codec = journal.codec
    layout.mark_head(run)
    journal.put("facts", codec.encode(run.facts, "facts"))
    for frame_id, frame in run.frames.items():
        layout.mark_frame(run, frame_id)
        for key, cell in frame.state.items():
            journal.put(f"state/{frame_id}/{key}", codec.encode(cell.value, f"state.{key}"))
    for delivery in run.deliveries.values():
        layout.mark_due(journal, delivery)
    for number, scope in run.scopes.items():
        if scope.parent:
            journal.put(f"scope/{number}", layout.scope_part(scope))
    _mark_joins(run, journal)
    for wait in run.waits.values():
        layout.mark_wait(journal, wait)
    first = run.next_settled - len(run.settled)
    for offset, line in enumerate(run.settled):
        number = first + offset
        journal.put(f"settled/{number % layout.KEPT_SETTLED}", layout.settled_part(number, line))
    for number, group in run.groups.items():
        if group.entry >= 0:
            scopes.keep_group(run, number)
    for lines in run.ledgers.values():
        # Their lines are written before each commit, from here on.
        lines.saved = lines.undo_saved = 0
    _mark_graph(run, journal)


def _mark_graph(run: Run, journal: Journal) -> None:
    """The parts that only graphs have."""
    codec = journal.codec
    for frame_id, frame in run.frames.items():
        for write in frame.staged:
            journal.add(f"staged/{frame_id}", layout.staged_line(write, codec))
    for name, gather in run.gathers.items():
        for line in gather.lines:
            journal.add(f"gather/{name}", layout.gather_line(line, codec))
    for number, payload in run.payloads.items():
        journal.put(f"payload/{number}", payload.data)
    for name, data in run.executors.items():
        journal.put(f"executor/{name}", data)
    for output in run.outputs:
        journal.add("out", layout.output_line(output, codec))
    if run.intervening is not None:
        interventions.mark_all(run.intervening, journal)
    bindings.mark_all(run.bindings, journal)
    visit_parts.mark_all(run, journal)


def _mark_joins(run: Run, journal: Journal) -> None:
    codec = journal.codec
    for (number, node), join in run.joins.items():
        for key, value in join.items():
            journal.put(layout.join_name(number, node, key), codec.encode(value, f"join {node}"))
    for number, fan in run.fans.items():
        journal.put(f"fan/{number}", layout.fan_part(fan, codec))
        journal.put(f"fan/{number}/at", str(fan.started).encode())
        for index, value in fan.results.items():
            journal.add(f"fan/{number}/got", codec.encode([index, value], f"{fan.node}[{index}]"))


def restore(run_id: str, front: str, plan: Any, parts: Mapping[str, Part], codec: Encoder) -> Run:
    """A record from its parts. Raises: Damaged, TypeNotAllowed."""
    run = new_run(run_id, front, plan)
    try:
        for name, part in parts.items():
            kind, _, rest = name.partition("/")
            reader = _READERS.get(kind)
            if reader is None:
                raise Damaged(f"the record holds a part of unknown kind: {kind[:40]!r}")
            reader(run, rest, part, codec)
        _share(run, codec)
        _order(run)
        _count(run)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        if hasattr(error, "code"):
            raise
        raise Damaged("a part of the record has not the shape that was written") from error
    if not isinstance(run.facts, dict):
        raise Damaged("the facts of the record are not names and values")
    run.known_from = run.next_delivery
    return run


def _read_head(run: Run, _rest: str, part: Part, _codec: Encoder) -> None:
    shape = tuple[str, str, int, int, int, int, str | None, int]
    stored = msgspec.json.decode(joined(part), type=shape)
    run.status, run.lifecycle = stored[0], stored[1]
    run.next_delivery, run.next_group, run.next_scope, run.next_settled = stored[2:6]
    run.error, run.version = stored[6:]


def _read_facts(run: Run, _rest: str, part: Part, codec: Encoder) -> None:
    run.facts = codec.decode(joined(part), "facts")


def _read_state(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    frame, _, key = rest.partition("/")
    _frame(run, frame).state[key] = Cell(codec.decode(joined(part), f"state.{key}"))


def _read_frame(run: Run, rest: str, part: Part, _codec: Encoder) -> None:
    frame = _frame(run, rest)
    frame.iteration, frame.lap, *halting = msgspec.json.decode(joined(part), type=list[int])
    frame.halting = bool(halting)


def _frame(run: Run, number: str) -> Frame:
    return run.frames.setdefault(int(number), Frame())


def _read_due(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    stored = msgspec.json.decode(joined(part), type=layout.DueWire)
    run.deliveries[int(rest)] = layout.unwire(int(rest), stored, codec)


def _read_wait(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    run.waits[rest] = layout.read_wait(rest, joined(part), codec)


def _read_settled(run: Run, _rest: str, part: Part, _codec: Encoder) -> None:
    line = msgspec.json.decode(
        joined(part), type=tuple[int, str, int, str, str | None, str | None, str | None, float]
    )
    run.facts.setdefault("$settled", []).append((line[0], Settled(*line[1:])))


def _read_scope(run: Run, rest: str, part: Part, _codec: Encoder) -> None:
    parent, index = msgspec.json.decode(joined(part), type=tuple[int, int])
    run.scopes[int(rest)] = Scope(parent, 0, index)


def _read_join(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    scope, _, place = rest.partition("/")
    length, _, named = place.partition(":")
    node, key = named[: int(length)], named[int(length) + 1 :]
    run.joins.setdefault((int(scope), node), {})[key] = codec.decode(joined(part), f"join {node}")


def _read_fan(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    number, _, what = rest.partition("/")
    fan = run.fans.setdefault(int(number), Fan("", 0, []))
    if not what:
        node, *counts, items, data = msgspec.json.decode(
            joined(part), type=tuple[str, int, int, int, int, msgspec.Raw, msgspec.Raw]
        )
        fan.scope, fan.cap, fan.group, fan.emitter = counts
        fan.node, fan.data = node, bytes(data)
        fan.items = codec.decode(bytes(items), f"items of {node}")
        fan.value = codec.decode(fan.data, f"payload of {node}")
    elif what == "at":
        fan.started = int(joined(part))
    else:
        for item in as_list(part):
            index, value = codec.decode(item, "result of a lane")
            fan.results[index] = value


def _read_group(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    emitter, entry, results = msgspec.json.decode(joined(part), type=tuple[int, int, msgspec.Raw])
    run.groups[int(rest)] = Group(0, codec.decode(bytes(results), "results"), emitter, entry)


def _read_executor(run: Run, rest: str, part: Part, _codec: Encoder) -> None:
    run.executors[rest] = joined(part)


def _read_out(run: Run, _rest: str, part: Part, codec: Encoder) -> None:
    for item in as_list(part):
        node, kind, value = msgspec.json.decode(item, type=tuple[str, str, msgspec.Raw])
        run.outputs.append(Output(node, kind, codec.decode(bytes(value), f"output of {node}")))


def _read_bind(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    run.bindings[int(rest)] = bindings.read(joined(part), codec)


def _read_intervene(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    run.intervening = interventions.read(run.intervening, rest, part, codec)


def _read_staged(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    frame = _frame(run, rest)
    for item in as_list(part):
        node, key, word, stored = msgspec.json.decode(item, type=tuple[str, str, str, msgspec.Raw])
        data = bytes(stored)
        if word == "gone":
            frame.staged.append((node, key, MISSING, None))
        elif word == "grew":
            encoded: list[bytes | None] = [*as_list(data)]
            items = [codec.decode(one, f"state.{key}[]") for one in encoded if one is not None]
            frame.staged.append((node, key, Grown(items, encoded), None))
        else:
            frame.staged.append((node, key, codec.decode(data, f"state.{key}"), data))


def _read_payload(run: Run, rest: str, part: Part, _codec: Encoder) -> None:
    run.payloads[int(rest)] = Payload(joined(part), 0)


def _read_gather(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    gather = run.gathers[rest] = Gather()
    for item in as_list(part):
        source, stored = msgspec.json.decode(item, type=tuple[str, msgspec.Raw])
        data = bytes(stored)
        gather.lines.append((source, codec.decode(data, f"message of {source}"), data))
        gather.sources.add(source)


def _read_ledger(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    lines = run.ledgers[int(rest)] = Ledger()
    for item in as_list(part):
        word, *fields = msgspec.json.decode(item, type=list[msgspec.Raw])
        kind = msgspec.json.decode(word, type=str)
        if kind == "made":
            made = [msgspec.json.decode(field) for field in fields]
            kind, name, digest, group, wait = made
            entry = Entry(kind, name, digest, group=group, wait=wait, matched=False)
            ledger.add(lines, entry)
        elif kind == "came":
            entry = lines.entries[msgspec.json.decode(fields[0], type=int)]
            entry.done = True
            entry.outcome = codec.decode(bytes(fields[1]), f"results of {entry.name}")
            if entry.kind == "step":
                entry.outcome, entry.data = None, bytes(fields[1])
        else:
            lines.undo.append(_read_undo(kind, fields, codec))
    lines.saved = lines.unmatched = len(lines.entries)
    lines.undo_saved = len(lines.undo)


def _read_undo(kind: str, fields: list[msgspec.Raw], codec: Encoder) -> Undo:
    frame = msgspec.json.decode(fields[0], type=int)
    key = msgspec.json.decode(fields[1], type=str)
    digest = msgspec.json.decode(fields[2], type=str | None)
    # The digest stands in for the cell until all parts are read: see _rebind.
    wrote = Cell(digest)
    if kind == "grew":
        first, last = msgspec.json.decode(fields[3], type=tuple[int, int])
        return Undo(key, wrote, wrote, (first, last), frame)
    before = Cell(codec.decode(bytes(fields[3]), f"state.{key}")) if len(fields) > 3 else None
    return Undo(key, wrote, before, None, frame)


_READERS: dict[str, Callable[[Run, str, Part, Encoder], None]] = {
    "run": _read_head,
    "facts": _read_facts,
    "state": _read_state,
    "frame": _read_frame,
    "due": _read_due,
    "wait": _read_wait,
    "settled": _read_settled,
    "scope": _read_scope,
    "join": _read_join,
    "fan": _read_fan,
    "group": _read_group,
    "executor": _read_executor,
    "out": _read_out,
    "intervene": _read_intervene,
    "bind": _read_bind,
    "staged": _read_staged,
    "gather": _read_gather,
    "payload": _read_payload,
    "ledger": _read_ledger,
    "visit": visit_parts.read_visit,
    "visits": visit_parts.read_counters,
    "passed": visit_parts.read_passed,
}

#: What the names of parts begin with.
KINDS = frozenset(_READERS)


def _order(run: Run) -> None:
    """Parts come in any order; the record keeps its own."""
    run.deliveries = dict(sorted(run.deliveries.items()))
    lines = run.facts.pop("$settled", [])
    run.settled = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
    run.bindings = dict(sorted(run.bindings.items()))
    visit_parts.order(run)
    if run.intervening is not None:
        interventions.recount(run.intervening)


def _share(run: Run, codec: Encoder) -> None:
    """Give deliveries the payloads that they have in common. Raises: KeyError for one too few."""
    values: dict[int, Any] = {}
    for delivery in run.deliveries.values():
        number = delivery.shared
        if not number:
            continue
        payload = run.payloads[number]
        if number not in values:
            values[number] = codec.decode(payload.data, f"payload of {delivery.node}")
        delivery.payload, delivery.data = values[number], payload.data
        payload.users += 1


def _count(run: Run) -> None:
    for number, node in run.joins:
        if number:
            scope = run.scopes.setdefault(number, Scope())
            scope.joins = {**(scope.joins or {}), node: None}
    visit_parts.place(run)
    for scope in list(run.scopes.values()):
        if scope.parent:
            scopes.enter(run, scope.parent)
    for wait in run.waits.values():
        wait.asked = wait.opener not in run.deliveries
        waits.note_opener(run, wait)
        waits.watch(run, wait)
        if wait.scope and not (wait.answered and _is_applied(run, wait)):
            scopes.enter_waiting(run, wait.scope)
    for delivery in run.deliveries.values():
        run.groups.setdefault(delivery.group, Group()).live += 1
        if delivery.scope:
            scopes.enter(run, delivery.scope)
        if delivery.wait in run.waits:
            run.waits[delivery.wait].users += 1
        if delivery.status == DUE:
            run.live += 1
            emitter = run.deliveries.get(delivery.emitter)
            if emitter is not None and emitter.status == DUE:
                run.held.setdefault(delivery.emitter, []).append(delivery)
    for fan in run.fans.values():
        if fan.started < len(fan.items):
            run.groups.setdefault(fan.group, Group()).live += 1
    for visit in run.visits.values():
        if visit.group:
            run.groups.setdefault(visit.group, Group()).live += 1
    scopes.recount(run)


def _is_applied(run: Run, wait: Wait) -> bool:
    """Whether an answer has taken effect: its opener has ended, or what it made due is there."""
    if wait.opener not in run.deliveries:
        return True
    return any(delivery.wait == wait.id for delivery in run.deliveries.values())


def rebind(run: Run, codec: Encoder) -> None:
    """Give each ledger's undo lines the cells they speak of, where the key still holds its write.

    Goes backwards, as taking back does: under a write that can be taken back lies the one before,
    of the same delivery or of an older one.
    """
    now: dict[tuple[int, str], tuple[Cell | None, int | None]] = {}
    for number in sorted(run.ledgers, reverse=True):
        for undo in reversed(run.ledgers[number].undo):
            if undo.frame not in run.frames:
                raise Damaged(f"a write of the record is of a frame {undo.frame} that there is not")
            place = (undo.frame, undo.key)
            cell, size = now.get(place, (run.frames[undo.frame].state.get(undo.key), None))
            digest = undo.wrote.value if undo.wrote is not None else None
            if digest is None:
                undo.wrote = None
                now[place] = (undo.before, None) if cell is None else (cell, size)
            elif undo.length is not None:
                if cell is not None and _grew_so(undo, _held(cell, size), digest, codec):
                    undo.wrote = undo.before = cell
                    now[place] = (cell, undo.length[0])
            elif cell is not None:
                value = _held(cell, size)
                if digest == ledger.digest_of(codec.encode(value, f"state.{undo.key}")):
                    undo.wrote = cell
                    undo.size = len(value) if type(value) is list else -1
                    now[place] = (undo.before, None)


def _held(cell: Cell, size: int | None) -> Any:
    """What a cell held before the appends behind this size."""
    return cell.value if size is None else cell.value[:size]


def _grew_so(undo: Undo, items: Any, digest: str, codec: Encoder) -> bool:
    if undo.length is None or not isinstance(items, list) or len(items) != undo.length[1]:
        return False
    return ledger.digest_of(codec.encode(items[-1], f"state.{undo.key}")) == digest
