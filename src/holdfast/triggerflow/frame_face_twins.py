# SPDX-License-Identifier: Apache-2.0
"""Blocking twins of `FrameFace`, made from `frame_face.py` by scripts/make_twins.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.runtime.portal import blocking

if TYPE_CHECKING:
    from typing import Any


class FrameFaceTwins:
    """The blocking form of each method `async_x` of `FrameFace`, as `x`."""

    __slots__ = ()

    if TYPE_CHECKING:

        async def async_cancel_sub_flow(self, frame_id: str, *, reason: str = "manual") -> bool: ...
        async def async_emit_to_sub_flow(
            self, frame_id: str, event: str, value: Any = None, *, trigger_type: str = "event"
        ) -> Any: ...

    def cancel_sub_flow(self, frame_id: str, *, reason: str = "manual") -> bool:
        """End a sub-flow: its work stops, nothing is written back, nothing follows it.

        Blocks until done.
        """
        return blocking(self.async_cancel_sub_flow(frame_id, reason=reason))

    def emit_to_sub_flow(
        self, frame_id: str, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> Any:
        """Send a signal into a running sub-flow. Blocks until done."""
        return blocking(
            self.async_emit_to_sub_flow(frame_id, event, value, trigger_type=trigger_type)
        )
