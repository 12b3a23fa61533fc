# SPDX-License-Identifier: Apache-2.0
"""What a flow says of a stored run to whoever checks whether it can go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.definition.blueprint import Blueprint
from holdfast.machine.run import Run
from holdfast.runtime.compatible import Change
from holdfast.triggerflow import inner_needs, providing, saves
from holdfast.triggerflow.compatible import change_of
from holdfast.triggerflow.compiled import Compiled
from holdfast.triggerflow.resources import Resources


class CheckingFace:
    """Comparing a stored run with the flow as it is now; nothing is called."""

    __slots__ = ()

    def compiled(self) -> Compiled:
        """The frozen definition as it stands now."""
        raise NotImplementedError

    def _layer(self) -> Resources:
        raise NotImplementedError

    @property
    def structure(self) -> Blueprint:
        """The frozen structure that runs follow."""
        return self.compiled().plan

    def change_for(self, run: Run, saved: str) -> Change:
        """What has changed for a run of the structure with that fingerprint."""
        compiled = self.compiled()
        return change_of(run, compiled.plan, (saved, compiled.fingerprint))

    def notes_on(self, run: Run, resources: Mapping[str, Any] | None) -> tuple[str, ...]:
        """What to look at before a run goes on: resources, bound handlers, unheard answers."""
        known = Resources(self._layer(), resources)
        needs = providing.needs_of((), saves.needs_in(run), known.needs)
        looked = providing.look(needs, known) + inner_needs.look(self.compiled(), needs, known)
        found = [_of_need(one) for one in looked if not one.is_there]
        found += [
            f"handler {each.id!r} was bound to this run: it is found only where it is bound again"
            for each in run.bindings.values()
        ]
        return (*found, *_unheard(run, self.structure))


def _of_need(one: providing.Finding) -> str:
    key = one.key
    if one.state == providing.PENDING:
        return f"resource {key!r} is to be given by its resolver"
    must = "needed" if one.need.required else "wanted"
    return f"resource {key!r} is {must}, and this process does not give it"


def _unheard(run: Run, plan: Blueprint) -> list[str]:
    """Open questions that are to go on with an event to which nothing listens."""
    heard = [plan.listeners, *(inside.listeners for inside in plan.inside.values())]
    bound = {(each.kind, each.event) for each in run.bindings.values()}
    found = []
    for wait in run.waits.values():
        for after in (wait.resume, wait.lapse):
            kind, _, event = after.partition(":")
            signal = (kind, event)
            if wait.answered or kind != "event" or signal in bound:
                continue
            if not any(signal in listeners for listeners in heard):
                found.append(f"nothing listens to {event!r}, which follows question {wait.id!r}")
    return found
