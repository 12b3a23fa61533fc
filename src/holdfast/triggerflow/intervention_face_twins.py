# SPDX-License-Identifier: Apache-2.0
"""Blocking twins of `Intervenable`, made from `intervention_face.py` by scripts/make_twins.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.runtime.portal import blocking

if TYPE_CHECKING:
    from typing import Any


class IntervenableTwins:
    """The blocking form of each method `async_x` of `Intervenable`, as `x`."""

    __slots__ = ()

    if TYPE_CHECKING:

        async def async_intervene(
            self,
            payload: Any,
            *,
            author: str | None = None,
            note: str | None = None,
            target: str | None = None,
            metadata: dict[str, Any] | None = None,
        ) -> dict[str, Any]: ...
        async def async_mark_intervention_consumed(
            self,
            intervention_id: str,
            *,
            consumer: str,
            status: str = "applied",
            note: str | None = None,
            metadata: dict[str, Any] | None = None,
        ) -> dict[str, Any]: ...

    def intervene(
        self,
        payload: Any,
        *,
        author: str | None = None,
        note: str | None = None,
        target: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Add something for handlers to find: it is taken up where its target says.

        Blocks until done.
        """
        return blocking(
            self.async_intervene(
                payload, author=author, note=note, target=target, metadata=metadata
            )
        )

    def mark_intervention_consumed(
        self,
        intervention_id: str,
        *,
        consumer: str,
        status: str = "applied",
        note: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Say what a consumer did with an intervention: "applied" or "ignored".

        Blocks until done.
        """
        return blocking(
            self.async_mark_intervention_consumed(
                intervention_id, consumer=consumer, status=status, note=note, metadata=metadata
            )
        )
