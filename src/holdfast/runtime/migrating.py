# SPDX-License-Identifier: Apache-2.0
"""Versions of a definition, and the functions that bring what was saved from one to the next.

A migration works on a whole document: a save of a flow, or the record of a stored run in the same
shape. What the last one returns is checked as if it had just been written.
"""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import DefinitionError, DocumentError, MigrationFailed, UnknownVersion
from holdfast.persistence.document import Document, open_document, seal

#: Takes a save document as a dict, without its checksum, and returns the changed one.
Migration = Callable[[dict[str, Any]], Mapping[str, Any]]
Step = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Versions:
    """The version of a definition as it is now, and how older saves become saves of it.

    A definition without a version takes saves of any, and any takes saves without one.
    """

    current: str | None = None
    migrations: Mapping[Step, Migration] = field(default_factory=dict)

    def migrated(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """The document brought to today's version; None where there is nothing to do.

        Raises: UnknownVersion if no migrations lead there; MigrationFailed, caused by what a
        migration raised.
        """
        found = document.get("version")
        if self.current is None or found is None or found == self.current:
            return None
        doc = copy.deepcopy(dict(document))
        doc.pop("sha256", None)
        for step in self.way(str(found)):
            try:
                changed = self.migrations[step](doc)
            except Exception as error:
                text = f"raised {type(error).__name__}"
                raise _failed(step, text) from error
            if not isinstance(changed, Mapping):
                raise _failed(step, f"returned {type(changed).__name__}, not the document")
            doc = {**changed, "version": step[1]}
        return doc

    def differs(self, found: str | None) -> bool:
        """Whether what is of that version has to be migrated."""
        return None not in (self.current, found) and found != self.current

    def way(self, found: str) -> list[Step]:
        """The shortest chain of migrations from the found version to today's.

        Raises: UnknownVersion if there is none.
        """
        ways: dict[str, list[Step]] = {found: []}
        waiting = deque([found])
        while waiting:
            version = waiting.popleft()
            if version == self.current:
                return ways[version]
            for step in self.migrations:
                if step[0] == version and step[1] not in ways:
                    ways[step[1]] = [*ways[version], step]
                    waiting.append(step[1])
        raise UnknownVersion(
            f"the save is of version {found!r} of the definition, this is version "
            f"{self.current!r}, and no migrations lead from one to the other",
            found=found,
            supported=self.current,
        )


def resealed(doc: Mapping[str, Any], kind: str) -> Document:
    """A migrated document, checked as if it had just been written. Raises: MigrationFailed."""
    try:
        sealed = seal(
            doc["kind"],
            definition=doc["definition"],
            fingerprint=doc["fingerprint"],
            run_id=doc["run_id"],
            sequence=doc["sequence"],
            resource_keys=doc["resource_keys"],
            body=json.dumps(doc["body"], allow_nan=False).encode(),
            version=doc["version"],
            saved_at=doc["saved_at"],
        )
        return open_document(sealed, kind=kind)
    except (KeyError, TypeError, ValueError) as error:
        what = f": {error}" if isinstance(error, DocumentError) else ""
        raise MigrationFailed(f"what the migration returned is no document{what}") from error


def _failed(step: Step, text: str) -> MigrationFailed:
    return MigrationFailed(
        f"the migration from version {step[0]!r} to {step[1]!r} {text}",
        found=step[0],
        wanted=step[1],
    )


#: Of a definition that says nothing of versions.
NO_VERSIONS = Versions()


def checked(version: object, migrations: object) -> Versions:
    """What a flow was given. Raises: TypeError, DefinitionError."""
    if version is not None and not isinstance(version, str):
        raise TypeError(f"a version is text; found {type(version).__name__}")
    known = {} if migrations is None else migrations
    if not isinstance(known, Mapping):
        raise TypeError(f"migrations is a mapping; found {type(known).__name__}")
    for step, function in known.items():
        if not (
            isinstance(step, tuple) and len(step) == 2 and all(isinstance(v, str) for v in step)
        ):
            raise TypeError("the keys of migrations are pairs of versions, as text: from, to")
        if not callable(function):
            raise TypeError(f"the migration {step!r} is not callable")
    if known and version is None:
        raise DefinitionError("migrations lead to a version: pass version= too")
    return Versions(version, dict(known))
