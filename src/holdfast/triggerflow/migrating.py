# SPDX-License-Identifier: Apache-2.0
"""Versions of a flow, and the functions that bring a save from one version to the next."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import DefinitionError, UnknownVersion

#: Takes a save document as a dict, without its checksum, and returns the changed one.
Migration = Callable[[dict[str, Any]], Mapping[str, Any]]
Step = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Versions:
    """The version of a flow as it is now, and how older saves become saves of it.

    A flow without a version takes saves of any, and any flow takes saves without one.
    """

    current: str | None = None
    migrations: Mapping[Step, Migration] = field(default_factory=dict)

    def migrated(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """The document brought to today's version; None where there is nothing to do.

        Raises: UnknownVersion if no migrations lead there; what a migration raises.
        """
        found = document.get("version")
        if self.current is None or found is None or found == self.current:
            return None
        doc = copy.deepcopy(dict(document))
        doc.pop("sha256", None)
        for step in self._way(str(found)):
            try:
                changed = self.migrations[step](doc)
            except Exception as error:
                error.add_note(
                    f"in the migration of a save from version {step[0]!r} to {step[1]!r}"
                )
                raise
            if not isinstance(changed, Mapping):
                raise TypeError(
                    f"a migration returns the document; the one from {step[0]!r} to {step[1]!r} "
                    f"returned {type(changed).__name__}"
                )
            doc = {**changed, "version": step[1]}
        return doc

    def _way(self, found: str) -> list[Step]:
        """The shortest chain of migrations from the found version to today's."""
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
            f"the save is of version {found!r} of the flow, this is version {self.current!r}, "
            "and no migrations lead from one to the other",
            found=found,
            supported=self.current,
        )


#: Of a flow that says nothing of versions.
NO_VERSIONS = Versions()


def checked(version: object, migrations: object) -> Versions:
    """What a flow was given. Raises: TypeError, DefinitionError."""
    if version is not None and not isinstance(version, str):
        raise TypeError(f"a flow's version is text; found {type(version).__name__}")
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
