# SPDX-License-Identifier: Apache-2.0
"""The sub-flows of an execution, as its holder reaches them."""

from __future__ import annotations

from typing import Any

from holdfast.triggerflow import frames
from holdfast.triggerflow.frame_face_twins import FrameFaceTwins
from holdfast.triggerflow.kept import Kept


class FrameFace(FrameFaceTwins, Kept):
    """Looking at sub-flows, ending one, and sending signals into one."""

    def get_sub_flow_frames(self) -> dict[str, dict[str, Any]]:
        """The sub-flows under way by frame id, and the last 32 that have ended; copies.

        status: "running", "waiting", "failed", "completed" or "cancelled". The result of one that
        ended in another process is not told.
        """
        return frames.listed(self._flow)

    async def async_cancel_sub_flow(self, frame_id: str, *, reason: str = "manual") -> bool:
        """End a sub-flow: its work stops, nothing is written back, nothing follows it.

        Whoever waits for the flow around it goes on without. Returns whether this call ended it.
        Raises: SubFlowNotFound (a KeyError), RunBusy inside the sub-flow itself.
        """
        await self._ready()
        return await frames.cancel(self._flow, frame_id, reason)

    async def async_emit_to_sub_flow(
        self, frame_id: str, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> Any:
        """Send a signal into a running sub-flow. Returns the handlers' values, or None.

        Raises: SubFlowNotFound (a KeyError), SubFlowNotActive (a RuntimeError).
        """
        await self._ready()
        return await frames.emit_into(self._flow, frame_id, event, value, trigger_type)
