# SPDX-License-Identifier: Apache-2.0
"""From the parts of a stored record back to a record: migrated if it is of another version.

The record itself says which version and which structure it follows, where these are not those that
its run began with; so a commit of before a change is still read as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from holdfast.errors import MigrationFailed
from holdfast.machine import snapshot
from holdfast.machine.journal import Encoder, Journal
from holdfast.machine.run import Run
from holdfast.persistence.document import FORMAT
from holdfast.persistence.parts import Part, joined, merge
from holdfast.persistence.place import FACTS, STRUCTURE, VERSION, place_in
from holdfast.persistence.store import Stored
from holdfast.runtime.migrating import Versions, resealed
from holdfast.runtime.saving import Saver

#: The kinds of document that records of flows and of workflows are to a migration.
FLOW_SAVE: Final = "triggerflow.execution"
WORKFLOW_SAVE: Final = "workflow.run"

_WAIT: Final = "wait/"
#: What a store has told of a question to whoever may answer it.
_ASKED: Final = ("type", "payload", "generation", "schema", "deadline", "default")

Parts = Mapping[str, Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a record does not say of itself.

    fingerprint: of the structure that it follows, where its facts name none. followed: of the one
    that its run is listed under now, which a later commit may have changed.
    """

    run_id: str
    front: str
    definition: str
    fingerprint: str
    followed: str
    sequence: int = 0
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Reopened:
    """A record that was read. saved, followed: as in its header, told by its facts."""

    run: Run
    saved: str
    followed: str
    was_migrated: bool


def header_of(stored: Stored) -> Header:
    """The header of a stored record."""
    row, head = stored.row, stored.row.head
    return Header(
        run_id=head.run_id,
        front=head.front,
        definition=head.definition,
        fingerprint=head.fingerprint,
        followed=row.fingerprint,
        sequence=stored.seq,
        at=stored.at,
    )


def reopened(
    header: Header,
    parts: Parts,
    plan: Any,
    codec: Encoder,
    versions: Versions,
    *,
    asked_in_store: bool = False,
) -> Reopened:
    """A record with its journal, before anything of it goes on.

    asked_in_store: its open questions are rows of a store, which a migration cannot change.
    Raises: Damaged, TypeNotAllowed, UnknownVersion, MigrationFailed.
    """
    # Many parameters because: header, parts, plan, codec and versions come from five owners.
    version, structure = place_in(parts)
    saved = structure or header.fingerprint
    was_migrated = versions.differs(version)
    if was_migrated:
        assert version is not None
        before = parts
        saved, parts = _migrated(header, saved, version, parts, versions)
        if asked_in_store:
            _check_questions(before, parts)
    run = snapshot.restore(header.run_id, header.front, plan, parts, codec)
    snapshot.rebind(run, codec)
    run.journal = Journal(codec)
    run.journal.restart(dict(parts))
    return Reopened(run, saved, header.followed, was_migrated)


def note_version(run: Run, versions: Versions) -> None:
    """A new record says which version it follows, if its definition has one."""
    if versions.current is not None:
        run.facts[VERSION] = versions.current


def forget_place(run: Run) -> None:
    """A record that came from a document follows whatever it is loaded with."""
    run.facts.pop(VERSION, None)
    run.facts.pop(STRUCTURE, None)


def move(saver: Saver, found: Reopened, today: str, versions: Versions) -> bool:
    """Let a record follow today's structure from its next commit on; whether there is need to.

    That commit is to be made before anything of the run goes on.
    """
    if not found.was_migrated and found.saved == found.followed == today:
        return False
    run, journal = found.run, saver.journal
    note_version(run, versions)
    run.facts[STRUCTURE] = today
    journal.put(FACTS, journal.codec.encode(run.facts, FACTS))
    saver.moved_to = today
    saver.rewrite = saver.rewrite or found.was_migrated
    return True


def _migrated(
    header: Header, saved: str, version: str, parts: Parts, versions: Versions
) -> tuple[str, Parts]:
    kind = FLOW_SAVE if header.front == "flow" else WORKFLOW_SAVE
    doc = versions.migrated(
        {
            "kind": kind,
            "format": FORMAT,
            "definition": header.definition,
            "fingerprint": saved,
            "run_id": header.run_id,
            "sequence": header.sequence,
            "resource_keys": [],
            "saved_at": header.at,
            "version": version,
            "body": {name: _tree(part) for name, part in parts.items()},
        }
    )
    assert doc is not None
    document = resealed(doc, kind)
    return document.fingerprint, merge(document.body, ())


def _check_questions(before: Parts, after: Parts) -> None:
    """Answers are judged by the store, which has told people what is asked. Raises: as above."""
    known, found = _questions(before), _questions(after)
    changed = sorted(name for name in {*known, *found} if known.get(name) != found.get(name))
    if changed:
        names = ", ".join(repr(name) for name in changed)
        raise MigrationFailed(
            f"the migration changed what is asked of others: {names}",
            hint="Leave open questions of a stored run as they are, or let them be answered first.",
        )


def _questions(parts: Parts) -> dict[str, Any]:
    found = {}
    for name, part in parts.items():
        wait = _tree(part) if name.startswith(_WAIT) else None
        if isinstance(wait, dict) and not wait.get("answered"):
            found[name.removeprefix(_WAIT)] = [wait.get(key) for key in _ASKED]
    return found


def _tree(part: Part) -> Any:
    return msgspec.json.decode(joined(part))
