# SPDX-License-Identifier: Apache-2.0
"""An execution hears of flow data that others changed, in the loop that drives it."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast.triggerflow import signals
from holdfast.triggerflow.flow_data_face import FlowDataFace
from holdfast.triggerflow.kept import Kept
from holdfast.triggerflow.shared import SharedData


class Watching(Kept, FlowDataFace):
    """The part of an execution that flow data reaches."""

    def _shared(self) -> SharedData:
        return self._flow.shared

    def watches(self, key: str) -> bool:
        """Whether it takes signals, and something in it listens to the key of the flow data."""
        if not self._is_opened or self._flow.run.lifecycle != "open":
            return False
        return ("flow_data", key) in self._flow.compiled.plan.listeners

    async def heard(self, key: str, value: Any) -> None:
        """Run what listens to a key of the flow data, and wait for it.

        What a handler raises stays in this execution: it is parked, and watchers are told.
        """
        home = self._loop
        if home is None or home is asyncio.get_running_loop() or not home.is_running():
            await self._hear_here(key, value)
        else:
            call = asyncio.run_coroutine_threadsafe(self._hear_here(key, value), home)
            await asyncio.wait({asyncio.wrap_future(call)})

    async def _hear_here(self, key: str, value: Any) -> None:
        flow = self._flow
        try:
            await self._ready()
            await signals.emit(flow, key, flow.codec.copy(value), "flow_data")
        except Exception as error:  # noqa: BLE001 - another one's write must not fail for it
            flow.warn("flow-data.watcher-failed", f"{key}: {type(error).__name__}")
