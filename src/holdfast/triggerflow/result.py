# SPDX-License-Identifier: Apache-2.0
"""What came of an execution, to be read at any time: it keeps nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from holdfast.machine import state
from holdfast.machine.run import MISSING, Cell, Frame
from holdfast.runtime.bell import Bell
from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.portal import without_waiting
from holdfast.triggerflow import intervening
from holdfast.triggerflow.closing import Closer
from holdfast.triggerflow.reserved import FINAL, NO_RESULT
from holdfast.triggerflow.running import FlowRun


class ExecutionResult:
    """Readers of state, result, interventions and facts. Before the close they see what is now.

    A run of a store is read once it was opened: after the first awaited call.
    """

    __slots__ = ("_closer", "_flow", "_ready")

    def __init__(self, flow: FlowRun, closer: Closer, ready: Callable[[], Awaitable[None]]) -> None:
        self._flow = flow
        self._closer = closer
        self._ready = ready

    def get_state(self, key: str | None = None, default: Any = None) -> Any:
        """A state value: of now, or of the close snapshot once the run has ended. Copies."""
        snapshot = self._closer.snapshot
        if snapshot is None:
            return self._flow.get_state(key, default)
        if key is None:
            return self._closer.copy()
        found = state.read(Frame({name: Cell(value) for name, value in snapshot.items()}), key)
        return default if found is MISSING else self._flow.codec.copy(found)

    async def async_get_final_result(self, timeout: float | None = None) -> Any:
        """The result, as soon as one is set or the run has ended; then else the close snapshot.

        The result is what `end()` or `set_result` left under "$final_result"; None may be one.
        timeout: seconds to wait; then a UserWarning and None.
        Raises: what keeps the run from going on: the failed save, RunFailed.
        """
        await self._ready()
        bell = self._flow.result_bell
        if bell is None:
            bell = self._flow.result_bell = Bell()
        try:
            async with asyncio.timeout(timeout):
                while not self._is_there():
                    standstill = self._closer.standstill
                    if standstill is not None:
                        raise standstill
                    await bell.rung()
        except TimeoutError:
            text = f"no result came for {timeout} s"
            warn_at_caller(text, UserWarning)
            return None
        return self._found()

    def get_final_result(self, timeout: float | None = None) -> Any:
        """The blocking form of `async_get_final_result`; on a loop only for what is there."""
        return without_waiting(self.async_get_final_result(timeout), waits=not self._is_there())

    def _is_there(self) -> bool:
        if self._closer.snapshot is not None:
            return True
        return self._flow.get_state(FINAL, NO_RESULT) is not NO_RESULT

    def _found(self) -> Any:
        found = self.get_state(FINAL, NO_RESULT)
        return self._closer.copy() if found is NO_RESULT else found

    def get_interventions(
        self,
        status: str | None = None,
        target: str | None = None,
        since_version: int | None = None,
        consumed_by: str | None = None,
    ) -> list[dict[str, Any]]:
        """Copies of the interventions that fit, by version; none where they are off.

        since_version: only later ones. consumed_by: only those that this consumer has marked.
        """
        return intervening.listed(
            self._flow,
            status=status,
            target=target,
            since_version=since_version,
            consumed_by=consumed_by,
        )

    def get_latest_intervention(self, default: Any = None, **filters: Any) -> Any:
        """A copy of the last one that fits, or the default. filters: as `get_interventions`."""
        return intervening.latest(self._flow, default, **filters)

    def get_meta(self) -> dict[str, Any]:
        """Identity, status and times of the run. state_version rises with each visible change."""
        run = self._flow.run
        return {
            "execution_id": run.run_id,
            "run_id": run.run_id,
            "flow_name": run.plan.name,
            "status": self._flow.status,
            "lifecycle_state": run.lifecycle,
            "created_at": run.facts.get("created_at"),
            "started_at": run.facts.get("started_at"),
            "closed_at": run.facts.get("closed_at"),
            "close_reason": run.facts.get("close_reason"),
            "state_version": run.version,
        }
