# SPDX-License-Identifier: Apache-2.0
"""An earlier record goes on: as a run of its own, or in the run that it is of.

Both work on the bytes of the record, so neither needs the definition. A fork takes the record as
it is: its questions have never been asked in the new run. A run that goes back meets the questions
that the store has seen since: what the record asks is open again when it has gone back, what it
does not ask is withdrawn, all in the one commit that writes the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.machine import layout, state
from holdfast.machine.journal import Encoder
from holdfast.machine.layout import WaitWire
from holdfast.machine.run import MISSING, Cell, Frame
from holdfast.persistence.parts import Part, joined
from holdfast.persistence.store import Store, WaitRow

#: How many rows of a run's questions are read at once.
PAGE = 1000
#: Where the part of the run itself has its counters (`layout.head_part`).
_NEXT_SETTLED, _VERSION = 5, 7


class Delete:
    """What stands for "take the key out" among changes. The only one is `DELETE`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "DELETE"


DELETE = Delete()


@dataclass(frozen=True, slots=True)
class Branch:
    """The record as it goes on in its run. reopened: questions that the commit opens again.

    withdrawn: ids of questions that it takes back before.
    """

    parts: dict[str, Part]
    reopened: frozenset[str]
    withdrawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Met:
    """What becomes of the questions of a run that goes back.

    settled: the counter of settled questions from here on. generations: of what the record asks, by
    id. reopened: ids of those that are opened again; withdrawn: those that are taken back before.
    """

    settled: int
    generations: dict[str, int]
    reopened: frozenset[str]
    withdrawn: tuple[str, ...]


def meet(
    asked: Mapping[str, bytes | None], rows: Iterable[WaitRow], settled: int, kept: int
) -> Met:
    """Let what an earlier record asks meet what the store has seen since.

    asked: its questions and their payloads, by id. rows: every question of the run. settled, kept:
    its counter of settled questions, and how many it holds. A question that is open still, with the
    same payload, stays open; any other gets a generation that was not used.
    """
    rows = list(rows)
    still = {row.wait_id: row for row in rows if row.status == "open"}
    used = max((row.generation for row in rows), default=0)
    # In steps of a whole ring, so that the lines of settled waits keep their places.
    while settled < used:
        settled += layout.KEPT_SETTLED
    generations: dict[str, int] = {}
    reopened = set()
    for place, (wait_id, payload) in enumerate(asked.items()):
        row = still.get(wait_id)
        if row is not None and row.payload == payload:
            generations[wait_id] = row.generation
            del still[wait_id]
        else:
            generations[wait_id] = settled + kept + 1 + place
            reopened.add(wait_id)
    return Met(settled, generations, frozenset(reopened), tuple(still))


def branched(parts: Mapping[str, Part], rows: Iterable[WaitRow]) -> Branch:
    """Let an earlier record go on beside what the store has seen since; see `meet`."""
    branch = dict(parts)
    waits = _asked(parts)
    head = _words(parts)
    met = meet(
        {wait_id: bytes(wire.payload) for wait_id, wire in waits.items()},
        rows,
        msgspec.json.decode(head[_NEXT_SETTLED], type=int),
        sum(name.startswith("wait/") for name in parts),
    )
    head[_NEXT_SETTLED] = msgspec.Raw(str(met.settled).encode())
    branch["run"] = msgspec.json.encode(head)
    for wait_id, wire in waits.items():
        wire.generation = met.generations[wait_id]
        branch[f"wait/{wait_id}"] = msgspec.json.encode(wire)
    return Branch(branch, met.reopened, met.withdrawn)


def changed(
    parts: Mapping[str, Part], front: str, changes: Mapping[str, Any], codec: Encoder
) -> dict[str, Part]:
    """The record with other values under some keys of the root's state; `DELETE` takes one out.

    Keys mean what they mean to a handler that sets them: in a flow a dotted key leads into a dict.
    Raises: TypeError, ValueError for what is no key; ValueRefused; TypeNotAllowed if a dotted key
    leads into a value of a class that is not registered here.
    """
    after = dict(parts)
    for key, value in changes.items():
        _check_key(key, front)
        first = key if front == "workflow" or f"state/0/{key}" in after else key.partition(".")[0]
        name = f"state/0/{first}"
        frame = Frame()
        if first != key and name in after:
            frame.state[first] = Cell(codec.decode(joined(after[name]), f"state.{first}"))
        elif name in after:
            frame.state[first] = Cell(None)
        if value is DELETE:
            found = state.without(frame, key)
            whole = MISSING if found is None else found[1]
            if found is None:
                continue
        elif front == "workflow":
            whole = value
        else:
            _, whole = state.replaced(frame, key, value)
        if whole is MISSING:
            del after[name]
        else:
            after[name] = codec.encode(whole, f"state.{key}")
    head = _words(parts)
    version = msgspec.json.decode(head[_VERSION], type=int) + len(changes)
    head[_VERSION] = msgspec.Raw(str(version).encode())
    after["run"] = msgspec.json.encode(head)
    return after


def _check_key(key: object, front: str) -> None:
    if not isinstance(key, str) or not key:
        raise TypeError(f"a state key is text; found {type(key).__name__}")
    if front == "workflow" and key.startswith(state.RESERVED):
        raise ValueError(f'state keys that begin with "_" are reserved; found {key!r}')


def _words(parts: Mapping[str, Part]) -> list[msgspec.Raw]:
    """The part of the run itself, as its pieces."""
    return msgspec.json.decode(joined(parts["run"]), type=list[msgspec.Raw])


def _asked(parts: Mapping[str, Part]) -> dict[str, WaitWire]:
    """What the record asks the outside world, by id."""
    found: dict[str, WaitWire] = {}
    for name, part in parts.items():
        if name.startswith("wait/"):
            wire = msgspec.json.decode(joined(part), type=WaitWire)
            if not wire.answered and not wire.via:
                found[name.removeprefix("wait/")] = wire
    return found


async def every_wait(store: Store, run_id: str, status: str | None = None) -> list[WaitRow]:
    """All questions of a run, in the order they were opened."""
    found: list[WaitRow] = []
    cursor: str | None = None
    while True:
        page = await store.waits(run_id=run_id, status=status, limit=PAGE, cursor=cursor)
        found.extend(page.items)
        cursor = page.next
        if cursor is None:
            return found
