# SPDX-License-Identifier: Apache-2.0
"""What an execution keeps in its record beside its progress: how it was made, and what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.machine import state
from holdfast.machine.run import Run
from holdfast.triggerflow import inner_needs, load_report, providing, saves
from holdfast.triggerflow.closing import Closer
from holdfast.triggerflow.running import FlowRun

#: Seconds of idleness after which an execution that nobody waits for closes by itself.
AUTO_CLOSE_S = 10.0


class Remembering:
    """The facts of a run. auto_close: what was asked for here, by the names of arguments."""

    def __init__(self, flow: FlowRun, auto_close: Mapping[str, Any]) -> None:
        self._flow = flow
        self._closer = Closer(flow, None)
        self._asked = auto_close
        self._keep_auto_close()

    def _keep_needs(self) -> None:
        """The record holds what this execution declared; what its flow did is in code."""
        self._keep_fact(saves.NEEDS, self._flow.resources.needs.own())

    def _keep_auto_close(self) -> None:
        """What was asked for here wins over what the record holds, and is held from then on."""
        held = self._flow.run.facts.get(saves.AUTO_CLOSE) or {}
        chosen = {**held, **self._asked}
        self._keep_fact(saves.AUTO_CLOSE, chosen)
        self._auto_close = bool(chosen.get("auto_close", True))
        self._closes_at_once = "auto_close_timeout" not in chosen
        rest = AUTO_CLOSE_S if self._closes_at_once else chosen["auto_close_timeout"]
        self._closer.rest = rest if self._auto_close else None

    def _keep_fact(self, name: str, value: Any) -> None:
        facts = self._flow.run.facts
        if value == facts.get(name) or not (value or name in facts):
            return
        facts[name] = value
        self._note_facts()

    def _note_facts(self) -> None:
        """The facts changed: the next commit holds them."""
        run = self._flow.run
        if run.journal is not None:
            run.journal.put("facts", self._flow.codec.encode(run.facts, "facts"))

    async def _provide(self, run: Run) -> None:
        """Ask the resolvers for what nobody gave. Raises: ResourcesNotReady."""
        flow = self._flow
        needs = providing.needs_of((), saves.needs_in(run), flow.resources.needs)
        found = providing.look(needs, flow.resources)
        found += inner_needs.look(flow.compiled, needs, flow.resources)
        pending = [one for one in found if one.state == providing.PENDING]
        if not pending:
            return
        resolved = await providing.resolve(
            pending,
            {
                "execution_id": run.run_id,
                "flow_name": flow.compiled.plan.name,
                "snapshot": {
                    "run_id": run.run_id,
                    "state": flow.codec.copy(state.whole(run.frames[0])),
                },
                "execution": self,
            },
        )
        load_report.refuse_blocked(resolved, run.run_id)
        inner_needs.take(flow, resolved)
