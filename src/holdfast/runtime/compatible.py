# SPDX-License-Identifier: Apache-2.0
"""Whether a run that was saved may go on with the definition of today, and what keeps it from it.

The same comparison decides when a run is taken up and when somebody only asks, so a check says
what a resume will do.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from holdfast.errors import WrongDefinition
from holdfast.machine.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has changed between a saved run and today's definition.

    saved, today: fingerprints. gone: nodes, joins, exits and fan-ins that the record refers to and
    today's definition has no more. unnamed: nodes it refers to that are known by their place alone,
    so that another function may stand there by now. flaw: why the record cannot be one of today's
    definition although all names are there.
    """

    saved: str
    today: str
    gone: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    flaw: str | None = None

    @property
    def is_same(self) -> bool:
        """Whether both are of one structure."""
        return self.saved == self.today and not self.gone

    @property
    def is_refused(self) -> bool:
        """Whether the run cannot go on with today's definition."""
        return bool(self.gone or self.unnamed or self.flaw)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What keeps the run from going on, one sentence each."""
        found = []
        if self.gone:
            found.append(f"it stands at what the definition has no more: {', '.join(self.gone)}")
        if self.unnamed:
            names = ", ".join(self.unnamed)
            found.append(f"it stands at functions that are known by their place alone: {names}")
        if self.flaw is not None:
            found.append(f"the definition gave a name to something else: {self.flaw}")
        return tuple(found)

    def admitted(self, *, strict: bool = False) -> str | None:
        """A warning text if the definition has changed and still has all that the record needs.

        strict: a changed one is refused too. Raises: WrongDefinition naming what is gone.
        """
        if self.is_same:
            return None
        if self.is_refused or strict:
            what = ", ".join(self.gone or self.unnamed) or self.flaw or "its structure"
            raise WrongDefinition(
                f"flow definition fingerprint mismatch: the definition changed in {what}",
                saved=self.saved,
                today=self.today,
                missing=self.gone,
                unnamed=self.unnamed,
            )
        return (
            "the definition has changed since this run was saved; all that the run needs is there"
        )


def referred(run: Run) -> set[str]:
    """The nodes, joins and fan-ins that the record refers to."""
    named = {delivery.node for delivery in run.deliveries.values()}
    named |= {w.origin.node for w in run.waits.values() if w.origin is not None}
    named |= {node for _, node in run.joins}
    named |= {fan.node for fan in run.fans.values()}
    named |= {visit.node for visit in run.visits.values()}
    return named | set(run.executors) | set(run.gathers)


def compared(
    run: Run,
    known: Collection[str],
    fingerprints: tuple[str, str],
    *,
    lanes: Collection[str] = (),
    unnamed: Collection[str] = (),
) -> Change:
    """What has changed for a saved run.

    known: the names that today's definition has. fingerprints: the saved one and today's. lanes:
    what the record refers to beside nodes. unnamed: what today's definition knows by its place.
    """
    saved, today = fingerprints
    names = referred(run)
    doubtful = () if saved == today else tuple(sorted(names & set(unnamed)))
    gone = tuple(sorted((names | set(lanes)) - set(known)))
    return Change(saved=saved, today=today, gone=gone, unnamed=doubtful)
