# SPDX-License-Identifier: Apache-2.0
"""A run as the holder of an engine sees it."""

from __future__ import annotations

from typing import Any

from holdfast.persistence.store import RunRow, WaitRow
from holdfast.runtime.driven import Driven
from holdfast.runtime.following import Following


class RunHandle:
    """A run as the holder of an engine sees it."""

    def __init__(self, engine: Following, run_id: str, driven: Driven | None) -> None:
        self._engine = engine
        self.run_id = run_id
        self._driven = driven

    async def row(self) -> RunRow:
        """What the store says of it now."""
        return await self._engine.store.row(self.run_id)

    async def waits(self, *, status: str | None = "open") -> tuple[WaitRow, ...]:
        """Its questions."""
        return await self._engine.waits(run_id=self.run_id, status=status)

    async def until_idle(self) -> RunRow:
        """Wait until nothing of it is under way: it has ended, stands parked, or only waits.

        Raises: the failed save, or the lost ownership, that ended it here.
        """
        return await self._engine.rested(self.run_id, self._driven)

    async def result(self) -> Any:
        """Wait for the end: a flow's close snapshot, or a workflow's outputs.

        It is the same whoever carries the run: one that another process has is looked at in the
        store, where its result is read in the end.
        Raises: what failed the run, RunCancelled, EngineStopped once the engine is closed.
        """
        return await self._engine.ended(self.run_id, self._driven)

    async def answer(self, wait_id: str, value: Any, **by: str | None) -> WaitRow:
        """`Engine.answer` for this run."""
        return await self._engine.answer(self.run_id, wait_id, value, **by)
