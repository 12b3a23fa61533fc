# SPDX-License-Identifier: Apache-2.0
"""Whether the open runs of a store can go on with a definition of today, told without a change.

A check reads rows and records and compares them, by the comparison that a resume makes. Nothing is
claimed or written, no value of a class of yours is made, and nothing of yours is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from holdfast.errors import HoldfastError, UnknownVersion
from holdfast.machine import snapshot
from holdfast.machine.run import Run
from holdfast.persistence.names import names_in
from holdfast.persistence.parts import Part, joined, merge
from holdfast.persistence.place import place_in
from holdfast.persistence.store import TERMINAL, RunRow, Store, Stored, check_run_id
from holdfast.runtime.carrying import Carrying
from holdfast.runtime.compatible import Change
from holdfast.runtime.driven import Definition

#: The verdicts: the same structure; another, and it goes on with a warning; of another version,
#: and migrations lead here; it cannot go on.
SAME, CHANGED, MIGRATES, CANNOT = "same", "changed", "migrates", "cannot"
_OPEN: Final = ("running", "waiting", "parked", "idle")
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCheck:
    """How one run stands to a definition.

    verdict: "same", "changed", "migrates" or "cannot". saved, today: fingerprints. version: that it
    is of, if its definition had one. migrations: the versions over which it is brought to today's.
    missing: nodes, joins and exits that the run needs and the definition has no more. unnamed:
    functions it stands at that are known by their place alone. types: names of values in its record
    under which nothing is registered. problems: why it cannot go on. notes: what to look at
    although it can. hint: what to do next, or "".
    """

    run_id: str
    definition: str
    front: str
    status: str
    verdict: str
    saved: str
    today: str
    version: str | None = None
    migrations: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hint: str = ""

    @property
    def can_go_on(self) -> bool:
        """Whether resuming the run with this definition is not refused."""
        return self.verdict != CANNOT


class Checking(Carrying):
    """The part of an engine that says beforehand what a resume would do."""

    async def check(
        self, definition: Definition | str, *, run_id: str | None = None
    ) -> tuple[RunCheck, ...]:
        """How each open run of a definition stands to it, in the order they were opened.

        definition: a flow or workflow, which this engine need not hold, or the name of one that it
        holds. run_id: only this run, whatever definition it was started with.
        Nothing is claimed, written or called. Raises: DefinitionNotFound, RunNotFound, StoreError.
        """
        known = self._known(definition) if isinstance(definition, str) else definition
        if run_id is not None:
            rows = [await self.store.row(check_run_id(run_id))]
        else:
            rows = await _open_rows(self.store, known.name)
        return tuple([await self._checked(row, known) for row in rows])

    async def _checked(self, row: RunRow, definition: Definition) -> RunCheck:
        head = row.head
        if row.pruned or row.status in TERMINAL:
            return _row_of(row, definition, problems=(f"it has ended: {row.status}",))
        if head.front != definition.front:
            text = f"it is a run of a {head.front}, and {definition.name!r} is none"
            return _row_of(row, definition, problems=(text,))
        try:
            stored = await self.store.read(row.run_id)
            parts = merge(stored.anchor, stored.deltas)
            version, structure = place_in(parts)
            about: dict[str, Any] = {"saved": structure or head.fingerprint, "version": version}
            if definition.versions.differs(version):
                return _migrating(row, definition, about)
            run = _outline(stored, parts, definition)
            posted = [item.post.body for item in await self.store.inbox(row.run_id)]
            about["types"] = _unknown_types([*map(joined, parts.values()), *posted], definition)
            about["change"] = definition.change_for(run, about["saved"])
            about["notes"] = definition.notes_on(run, self._resources)
        except HoldfastError as error:
            return _row_of(row, definition, problems=(f"its record cannot be read: {error}",))
        return _row_of(row, definition, **about)


def _migrating(row: RunRow, definition: Definition, about: dict[str, Any]) -> RunCheck:
    """A run of another version. What a migration makes of it is not known: it is not called."""
    try:
        steps = definition.versions.way(about["version"])
    except UnknownVersion as error:
        return _row_of(row, definition, problems=(str(error),), **about)
    way = (steps[0][0], *(step[1] for step in steps))
    notes = (f"migrations bring it from version {' to '.join(way)}; they were not called",)
    return _row_of(row, definition, migrations=way, notes=notes, **about)


async def _open_rows(store: Store, name: str) -> list[RunRow]:
    """The runs of a definition that have not ended."""
    found: dict[str, RunRow] = {}
    for status in _OPEN:
        cursor: str | None = None
        while True:
            page = await store.runs(status=status, definition=name, cursor=cursor, limit=_PAGE)
            found.update((row.run_id, row) for row in page.items)
            cursor = page.next
            if cursor is None:
                break
    return sorted(found.values(), key=lambda row: (row.head.created_at, row.run_id))


class _Outlines:
    """Stands for a codec: gives the JSON of a value, and makes nothing of it."""

    def encode(self, value: Any, place: str = "value") -> bytes:
        """Never asked: nothing is written."""
        raise NotImplementedError(place)

    def decode(self, data: bytes, _place: str = "value") -> Any:
        """The value as plain JSON."""
        return msgspec.json.decode(data)


def _outline(stored: Stored, parts: dict[str, Part], definition: Definition) -> Run:
    head = stored.row.head
    plan = definition.structure
    return snapshot.restore(head.run_id, head.front, plan, parts, _Outlines())


def _unknown_types(pieces: Iterable[bytes], definition: Definition) -> tuple[str, ...]:
    named = set().union(*map(names_in, pieces))
    return tuple(sorted(name for name in named if definition.types.for_name(name) is None))


def _row_of(
    row: RunRow,
    definition: Definition,
    *,
    problems: tuple[str, ...] = (),
    change: Change | None = None,
    types: tuple[str, ...] = (),
    saved: str | None = None,
    **told: Any,
) -> RunCheck:
    """The outcome for one run. told: fields of the row as they are."""
    # Many parameters because: each is a finding of its own.
    found = [*problems, *(change.reasons if change is not None else ())]
    if types:
        found.append(f"it holds values of types that are not registered: {', '.join(types)}")
    is_same = change is None or (change.is_same and row.fingerprint == change.today)
    verdict = CANNOT if found else SAME if is_same else CHANGED
    if told.get("migrations"):
        verdict = MIGRATES
    return RunCheck(
        run_id=row.run_id,
        definition=row.head.definition,
        front=row.head.front,
        status=row.status,
        verdict=verdict,
        saved=saved or row.fingerprint,
        today=definition.fingerprint,
        missing=() if change is None else change.gone,
        unnamed=() if change is None else change.unnamed,
        types=types,
        problems=tuple(found),
        hint=_hint(row, verdict, definition, types, change),
        **told,
    )


def _hint(
    row: RunRow,
    verdict: str,
    definition: Definition,
    types: tuple[str, ...],
    change: Change | None,
) -> str:
    if verdict in (CHANGED, MIGRATES) and row.fingerprint != definition.fingerprint:
        with_what = ", with a warning" if verdict == CHANGED else ""
        return (
            f"An engine does not take it up by itself: `await engine.resume({row.run_id!r})` or "
            f"`holdfast resume {row.run_id}` goes on with it{with_what}."
        )
    if types:
        return "Register a class under each name listed."
    if change is not None and change.is_refused:
        return "Keep what is named in the definition until these runs have ended."
    return ""
