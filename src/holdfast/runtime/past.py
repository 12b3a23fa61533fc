# SPDX-License-Identifier: Apache-2.0
"""A run as it was after one of its commits, read without its definition.

Values of classes that are not registered here come back as plain data: the fields of the object.
Nothing is owned, started or changed by reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import Damaged, DocumentError
from holdfast.machine import snapshot
from holdfast.machine.journal import Encoder
from holdfast.machine.run import PARKED, Run, Wait
from holdfast.persistence.parts import Part, joined, merge
from holdfast.persistence.plain import plain
from holdfast.persistence.store import Stored
from holdfast.runtime.saving import store_status


class Lenient:
    """A codec that reads what it does not know as plain data."""

    __slots__ = ("codec",)

    def __init__(self, codec: Encoder) -> None:
        self.codec = codec

    def encode(self, value: Any, place: str = "value") -> bytes:
        """As the codec inside."""
        return self.codec.encode(value, place)

    def decode(self, data: bytes, place: str = "value") -> Any:
        """The value, or its plain form. Raises: DocumentError for what is no JSON."""
        try:
            return self.codec.decode(data, place)
        except DocumentError as error:
            try:
                return plain(data)
            except (ValueError, TypeError, IndexError, AttributeError):
                raise error from None


class Plain(Lenient):
    """A codec that reads everything as plain data."""

    __slots__ = ()

    def decode(self, data: bytes, place: str = "value") -> Any:
        """The plain form. Raises: DocumentError for what is no JSON."""
        try:
            return plain(data)
        except ValueError as error:
            raise Damaged(f"{place} is not whole JSON", place=place) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A delivery that was not finished: where, what for, and why it stood, if it was parked."""

    number: int
    node: str
    payload: Any
    is_parked: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run as of a commit.

    at: when that was written, for people. state: of the root, by key. inside: the state of what
    has one of its own, by name: "<node>#<visit>" for a sub-flow, "frame#<n>" for a sub-workflow,
    "own:<executor>", "scope:<name>". executors: what their hooks gave. waits: open questions and
    their payloads, by id. work: what was not finished. error: why it stood, if it did.
    """

    run_id: str
    seq: int
    at: float
    definition: str
    front: str
    status: str
    state: dict[str, Any]
    inside: dict[str, dict[str, Any]]
    executors: dict[str, Any]
    waits: dict[str, Any]
    work: tuple[Work, ...]
    error: str | None = None

    @property
    def spaces(self) -> dict[str, dict[str, Any]]:
        """Every state by name; the root's is ""."""
        return {"": self.state, **self.inside}


def parts_of(stored: Stored) -> dict[str, Part]:
    """The record as parts. Raises: Damaged."""
    return merge(stored.anchor, stored.deltas)


def record_of(stored: Stored, parts: dict[str, Part], reader: Lenient) -> Run:
    """The record, to be looked at only. Raises: Damaged, StoreDamaged."""
    head = stored.row.head
    return snapshot.restore(head.run_id, head.front, None, parts, reader)


def state_of(stored: Stored, reader: Lenient) -> RunState:
    """The run as it was read."""
    parts = parts_of(stored)
    run = record_of(stored, parts, reader)
    spaces: dict[str, dict[str, Any]] = {"": {}}
    for (space, key), data in state_bytes(run, parts).items():
        spaces.setdefault(space, {})[key] = reader.decode(data, f"state.{key}")
    return RunState(
        run_id=run.run_id,
        seq=stored.seq,
        at=stored.at,
        definition=stored.row.head.definition,
        front=run.front,
        status=store_status(run),
        state=spaces.pop(""),
        inside=spaces,
        executors={
            name: reader.decode(data, f"state of executor {name}")
            for name, data in sorted(run.executors.items())
        },
        waits={wait.id: wait.payload for wait in open_waits(run)},
        work=tuple(
            Work(
                number=delivery.id,
                node=delivery.node,
                payload=delivery.payload,
                is_parked=delivery.status == PARKED,
                error=delivery.error,
            )
            for delivery in run.deliveries.values()
        ),
        error=run.error,
    )


def open_waits(run: Run) -> list[Wait]:
    """What the outside world was asked and had not answered."""
    return [wait for wait in run.waits.values() if not wait.answered and not wait.via]


def state_bytes(run: Run, parts: Mapping[str, Part]) -> dict[tuple[str, str], bytes]:
    """Every state value as it was written, by the name of its space and its key."""
    found: dict[tuple[str, str], bytes] = {}
    for name, part in parts.items():
        kind, _, place = name.partition("/")
        if kind == "state":
            frame, _, whole = place.partition("/")
            space, key = _place_of(run, whole)
            names = (_frame_name(run, int(frame)), space)
            found["/".join(part for part in names if part), key] = joined(part)
    return dict(sorted(found.items()))


def _frame_name(run: Run, number: int) -> str:
    visit = run.visits.get(number)
    if not number:
        return ""
    if visit is None:
        return f"frame#{number}"
    around = _frame_name(run, visit.parent)
    return f"{around}/{visit.node}#{number}" if around else f"{visit.node}#{number}"


def _place_of(run: Run, key: str) -> tuple[str, str]:
    """Which space of its frame a key is of, and its name there; graphs have more than one."""
    kind, slash, rest = key.partition("/")
    if run.front != "workflow" or not slash or kind not in ("_own", "_scope"):
        return "", key
    scope, _, name = rest.partition("/")
    scope = scope.replace("%2F", "/").replace("%25", "%")
    return f"{'own' if kind == '_own' else 'scope'}:{scope}", name
