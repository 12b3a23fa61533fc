# SPDX-License-Identifier: Apache-2.0
"""Signals as the holder of an execution sends them."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast.triggerflow import signals
from holdfast.triggerflow.rejecting import is_taken
from holdfast.triggerflow.signal_face_twins import SignalFaceTwins
from holdfast.triggerflow.status_face import StatusFace


class SignalFace(StatusFace, SignalFaceTwins):
    """Sending signals from outside."""

    async def async_emit(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> Any:
        """Send a signal from outside and wait for all that follows.

        Returns the handlers' values in the order they were attached, or None if nobody listens
        or the execution is not open (with a RuntimeWarning). Raises: what a handler raised.
        """
        await self._ready()
        if not is_taken(self._flow.run, event):
            return None
        return await signals.emit(self._flow, event, value, trigger_type)

    async def async_emit_nowait(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> asyncio.Future[Any] | None:
        """Send a signal and return once it is taken in; close waits for what follows.

        Returns a future of what the handlers return, or None if nobody listens.
        """
        await self._ready()
        if not is_taken(self._flow.run, event):
            return None
        return await signals.emit_nowait(self._flow, event, value, trigger_type)
