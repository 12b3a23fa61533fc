# SPDX-License-Identifier: Apache-2.0
"""Interventions as a handler sees them: those that were taken up before it was called."""

from __future__ import annotations

from typing import Any

from holdfast.machine.run import Delivery
from holdfast.runtime.portal import at_home, blocking
from holdfast.triggerflow import intervening
from holdfast.triggerflow.running import FlowRun


class SeenInterventions:
    """Reading interventions, and saying what became of them. Reading is not consuming.

    seen: how many insertions there had been when the handler was called.
    """

    __slots__ = ()
    seen: int

    def _access(self) -> tuple[FlowRun, Delivery]:
        raise NotImplementedError

    def _seen(self) -> int:
        return 0 if self._access()[0].before is None else self.seen

    @property
    def interventions(self) -> list[dict[str, Any]]:
        """Copies of all that were inserted before this call, by version."""
        return self.get_interventions()

    def get_interventions(
        self,
        status: str | None = None,
        target: str | None = None,
        since_version: int | None = None,
    ) -> list[dict[str, Any]]:
        """Copies of those that fit; since_version: only later ones."""
        wanted = {"status": status, "target": target, "since_version": since_version}
        return at_home(intervening.listed, self._access()[0], self._seen(), **wanted)

    def get_latest_intervention(self, default: Any = None, **filters: Any) -> Any:
        """A copy of the last one that fits, or the default. filters: as `get_interventions`."""
        return at_home(intervening.latest, self._access()[0], default, self._seen(), **filters)

    async def async_mark_intervention_consumed(
        self,
        intervention_id: str,
        *,
        consumer: str | None = None,
        status: str = "applied",
        note: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Say what was done with an intervention; consumer: by default this chunk's name.

        Saying it again replaces what was said. Raises: as the method of the execution.
        """
        flow, delivery = self._access()
        by = flow.run.plan.by_id[delivery.node].name if consumer is None else consumer
        more = {"note": note, "metadata": metadata}
        return await intervening.mark_consumed(flow, intervention_id, by, status, more)

    def mark_intervention_consumed(self, intervention_id: str, **options: Any) -> dict[str, Any]:
        """The blocking form of `async_mark_intervention_consumed`, for sync handlers."""
        return blocking(self.async_mark_intervention_consumed(intervention_id, **options))
