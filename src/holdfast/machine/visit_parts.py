# SPDX-License-Identifier: Apache-2.0
"""How visits of sub-flows are written as parts of the record, and read back.

Names: visit/<frame> what never changes of a visit, visit/<frame>/now what does, passed/<n> the
lines that ended visits leave, visits the counters. A run without sub-flows has none of them.
"""

from __future__ import annotations

import msgspec

from holdfast.machine.journal import Encoder, Journal
from holdfast.machine.run import Frame, Passed, Run, Scope, Visit
from holdfast.persistence.parts import Part, joined

#: So many ended visits are told of; older ones are forgotten.
KEPT_PASSED = 32

_json = msgspec.json.Encoder().encode


_NONE = msgspec.Raw(b"null")


class _VisitWire(msgspec.Struct, omit_defaults=True):
    node: str
    parent: int
    scope: int
    value: msgspec.Raw
    began_at: float
    emitter: int = 0
    bound: dict[str, str] = {}
    given: msgspec.Raw = _NONE


def mark_visit(run: Run, number: int) -> None:
    """A visit has begun."""
    journal = run.journal
    if journal is not None:
        visit = run.visits[number]
        journal.put(f"visit/{number}", lambda: _visit_part(visit, journal.codec))
        mark_now(run, number)
        _mark_counters(run, journal)


def mark_now(run: Run, number: int) -> None:
    """What changes of a visit has changed."""
    journal = run.journal
    if journal is not None:
        visit = run.visits[number]
        journal.put(f"visit/{number}/now", lambda: _now_part(visit))


def mark_ended(run: Run, number: int, frame: Frame, line: Passed) -> None:
    """A visit has gone from the record, and left a line."""
    journal = run.journal
    if journal is None:
        return
    for key in frame.state:
        journal.drop(f"state/{number}/{key}")
    journal.drop(f"visit/{number}")
    journal.drop(f"visit/{number}/now")
    _mark_passed(journal, run.next_passed - 1, line)
    _mark_counters(run, journal)


def mark_all(run: Run, journal: Journal) -> None:
    """Every visit, every line, and the counters."""
    for number in run.visits:
        mark_visit(run, number)
    first = run.next_passed - len(run.passed)
    for offset, line in enumerate(run.passed):
        _mark_passed(journal, first + offset, line)
    if run.next_frame > 1:
        _mark_counters(run, journal)


def _mark_passed(journal: Journal, number: int, line: Passed) -> None:
    data = _json((number, *msgspec.structs.astuple(line)))
    journal.put(f"passed/{number % KEPT_PASSED}", data)


def _mark_counters(run: Run, journal: Journal) -> None:
    journal.put("visits", lambda: _json((run.next_frame, run.next_passed)))


def _visit_part(visit: Visit, codec: Encoder) -> bytes:
    if visit.data is None:
        visit.data = codec.encode(visit.value, f"payload of {visit.node}")
    given = codec.encode(visit.given or None, f"captured by {visit.node}")
    return _json(
        _VisitWire(
            visit.node,
            visit.parent,
            visit.scope,
            msgspec.Raw(visit.data),
            visit.began_at,
            visit.emitter,
            visit.bound,
            msgspec.Raw(given),
        )
    )


def _now_part(visit: Visit) -> bytes:
    return _json((visit.inner, visit.group, visit.failed_at, visit.error))


def read_visit(run: Run, rest: str, part: Part, codec: Encoder) -> None:
    """Read one of the two parts of a visit."""
    number, _, what = rest.partition("/")
    visit = run.visits.setdefault(int(number), Visit("", 0, 0, None, None, 0.0))
    if what:
        visit.inner, visit.group, visit.failed_at, visit.error = msgspec.json.decode(
            joined(part), type=tuple[int, int, float, str | None]
        )
        return
    stored = msgspec.json.decode(joined(part), type=_VisitWire)
    data = bytes(stored.value)
    visit.node, visit.parent, visit.scope = stored.node, stored.parent, stored.scope
    visit.value, visit.data = codec.decode(data, f"payload of {stored.node}"), data
    visit.began_at, visit.emitter, visit.bound = stored.began_at, stored.emitter, stored.bound
    visit.given = codec.decode(bytes(stored.given), f"captured by {stored.node}") or {}
    run.frames.setdefault(int(number), Frame())


def read_passed(run: Run, _rest: str, part: Part, _codec: Encoder) -> None:
    """Read a line that an ended visit left."""
    line = msgspec.json.decode(
        joined(part), type=tuple[int, int, str, int, str, float, float, str | None]
    )
    run.facts.setdefault("$passed", []).append((line[0], Passed(*line[1:])))


def read_counters(run: Run, _rest: str, part: Part, _codec: Encoder) -> None:
    """Read the counters."""
    run.next_frame, run.next_passed = msgspec.json.decode(joined(part), type=tuple[int, int])


def order(run: Run) -> None:
    """Parts come in any order; the record keeps its own."""
    run.visits = dict(sorted(run.visits.items()))
    lines = run.facts.pop("$passed", [])
    run.passed = [line for _, line in sorted(lines, key=lambda pair: pair[0])]


def place(run: Run) -> None:
    """After a load: which frame each scope belongs to."""
    homes = {visit.inner: number for number, visit in run.visits.items() if visit.inner}
    for inner in homes:
        run.scopes.setdefault(inner, Scope())
    for number in sorted(run.scopes):
        scope = run.scopes[number]
        around = run.scopes.get(scope.parent)
        scope.frame = homes.get(number, 0 if around is None else around.frame)
