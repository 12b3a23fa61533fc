# SPDX-License-Identifier: Apache-2.0
"""What is different between two moments of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.machine.run import Run
from holdfast.persistence.store import Stored
from holdfast.runtime.past import Lenient, open_waits, parts_of, record_of, state_bytes
from holdfast.runtime.saving import store_status

#: A value in a line of text is cut here.
LONGEST_VALUE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiff:
    """From commit *a* of a run to commit *b*, whichever came first. `str()` is for people.

    added, removed: values by place; changed: both values. A place is a key of the root's state, or
    "<name>/<key>" as in `RunState.inside`. opened: questions that are open at *b* and were not
    at *a*; settled: those that were open at *a*, and what became of them. born, ended: unfinished
    work by number, and its node. status: at *a* and at *b*.
    """

    run_id: str
    a: int
    b: int
    status: tuple[str, str]
    added: dict[str, Any]
    removed: dict[str, Any]
    changed: dict[str, tuple[Any, Any]]
    opened: tuple[str, ...]
    settled: dict[str, str]
    born: dict[int, str]
    ended: dict[int, str]

    def __bool__(self) -> bool:
        """Whether anything is different."""
        return self.status[0] != self.status[1] or any(
            (
                self.added,
                self.removed,
                self.changed,
                self.opened,
                self.settled,
                self.born,
                self.ended,
            )
        )

    def lines(self) -> Iterator[str]:
        """A line for each difference; "+" came, "-" went, "~" changed."""
        if self.status[0] != self.status[1]:
            yield f"~ status: {self.status[0]} -> {self.status[1]}"
        for key, value in self.added.items():
            yield f"+ {key}: {_text(value)}"
        for key, value in self.removed.items():
            yield f"- {key}: {_text(value)}"
        for key, (before, after) in self.changed.items():
            yield f"~ {key}: {_text(before)} -> {_text(after)}"
        for name in self.opened:
            yield f"+ question {name}"
        for name, how in self.settled.items():
            yield f"- question {name}: {how}"
        for number, node in self.born.items():
            yield f"+ work {node} ({number})"
        for number, node in self.ended.items():
            yield f"- work {node} ({number})"

    def __str__(self) -> str:
        return "\n".join(self.lines()) or "no difference"


def difference(a: Stored, b: Stored, reader: Lenient) -> RunDiff:
    """What is different from one moment to another of the same run."""
    parts = parts_of(a), parts_of(b)
    runs = record_of(a, parts[0], reader), record_of(b, parts[1], reader)
    before, after = (
        {_place(space, key): data for (space, key), data in state_bytes(run, found).items()}
        for run, found in zip(runs, parts, strict=True)
    )

    def values(keys: Iterable[str], of: dict[str, bytes]) -> dict[str, Any]:
        return {key: reader.decode(of[key], f"state.{key}") for key in sorted(keys)}

    moved = [key for key in before.keys() & after.keys() if not _same(before[key], after[key])]
    then, now = values(moved, before), values(moved, after)
    asked = [{(wait.id, wait.generation) for wait in open_waits(run)} for run in runs]
    return RunDiff(
        run_id=a.row.run_id,
        a=a.seq,
        b=b.seq,
        status=(store_status(runs[0]), store_status(runs[1])),
        added=values(after.keys() - before.keys(), after),
        removed=values(before.keys() - after.keys(), before),
        changed={key: (then[key], now[key]) for key in then},
        opened=tuple(sorted(wait_id for wait_id, _ in asked[1] - asked[0])),
        settled={
            wait_id: _settled_as(runs[1], wait_id, generation)
            for wait_id, generation in sorted(asked[0] - asked[1])
        },
        born=_only_in(runs[1], runs[0]),
        ended=_only_in(runs[0], runs[1]),
    )


def _place(space: str, key: str) -> str:
    return f"{space}/{key}" if space else key


def _same(a: bytes, b: bytes) -> bool:
    """Whether two encodings are of one value: the order of keys in a dict does not count."""
    return a == b or bool(msgspec.json.decode(a) == msgspec.json.decode(b))


def _settled_as(run: Run, wait_id: str, generation: int) -> str:
    """What the record says became of a question that it does not ask any more."""
    wait = run.waits.get(wait_id)
    if wait is not None and wait.answered and wait.generation == generation:
        return "expired" if wait.expired else "answered"
    for line in reversed(run.settled):
        if (line.id, line.generation) == (wait_id, generation):
            return line.status
    return "gone"


def _only_in(run: Run, other: Run) -> dict[int, str]:
    known = run.deliveries.keys() - other.deliveries.keys()
    return {number: run.deliveries[number].node for number in sorted(known)}


def _text(value: Any) -> str:
    """A value in one line: JSON where that has a form for it, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
