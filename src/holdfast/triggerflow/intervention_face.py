# SPDX-License-Identifier: Apache-2.0
"""Interventions as the holder of an execution reaches them."""

from __future__ import annotations

from typing import Any

from holdfast.triggerflow import intervening
from holdfast.triggerflow.intervention_face_twins import IntervenableTwins
from holdfast.triggerflow.kept import Kept


class Intervenable(Kept, IntervenableTwins):
    """Adding context to a run under way, without stopping it; see `intervening`."""

    def take_interventions(self, mode: str | None, policy: intervening.Policy | None) -> None:
        """Use the mode that the caller chose, also over the one of a record that is loaded."""
        self._mode, self._mode_wins = mode, True
        self._flow.policy = policy
        intervening.begin(self._flow, mode)

    async def async_intervene(
        self,
        payload: Any,
        *,
        author: str | None = None,
        note: str | None = None,
        target: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Add something for handlers to find: it is taken up where its target says.

        target: of a point, or in the mode "auto" the name, id or kind of a node or its group.
        Returns a copy of the record. Raises: InterventionsOff, RunNotOpen (RuntimeErrors),
        TypeError for metadata that is no dict; ValueRefused in a kept run.
        """
        await self._ready()
        more = {"author": author, "note": note, "target": target, "metadata": metadata}
        return await intervening.add(self._flow, payload, more)

    async def async_mark_intervention_consumed(
        self,
        intervention_id: str,
        *,
        consumer: str,
        status: str = "applied",
        note: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Say what a consumer did with an intervention: "applied" or "ignored". Returns a copy.

        Raises: DefinitionError (a ValueError), InterventionNotFound (a KeyError).
        """
        await self._ready()
        more = {"note": note, "metadata": metadata}
        made = await intervening.mark_consumed(self._flow, intervention_id, consumer, status, more)
        if self._flow.live.saver is not None:
            await self._flow.live.advance([])
        return made

    def get_interventions(
        self,
        status: str | None = None,
        target: str | None = None,
        since_version: int | None = None,
    ) -> list[dict[str, Any]]:
        """Copies of the interventions that fit, by version; since_version: only later ones."""
        return intervening.listed(
            self._flow, status=status, target=target, since_version=since_version
        )

    def get_pending_interventions(self, target: str | None = None) -> list[dict[str, Any]]:
        """Copies of those that nothing has taken up yet."""
        return intervening.listed(self._flow, status="pending", target=target)

    def get_latest_intervention(self, default: Any = None, **filters: Any) -> Any:
        """A copy of the last one that fits, or the default. filters: as `get_interventions`."""
        return intervening.latest(self._flow, default, **filters)
