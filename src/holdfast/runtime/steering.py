# SPDX-License-Identifier: Apache-2.0
"""Lists of runs and questions, and answers, for any run of the store.

They need neither the definition nor the ownership of a run: an answer settles its wait in the
store, everything else (`runtime/deciding.py`) goes into the run's inbox. Whoever carries the run
hears of it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.errors import EngineStopped, OwnershipLost, RunClosed, RunOwned
from holdfast.machine.waits import check_fits
from holdfast.persistence.store import RunRow, Settlement, WaitRow, check_run_id
from holdfast.runtime.carrying import Carrying
from holdfast.runtime.expiry import expire


class Steering(Carrying):
    """The part of an engine that others speak to runs through, and ask about them."""

    async def runs(
        self, *, status: str | None = None, definition: str | None = None, limit: int = 1000
    ) -> tuple[RunRow, ...]:
        """Runs in the order they were opened."""
        page = await self.store.runs(status=status, definition=definition, limit=limit)
        return page.items

    async def waits(
        self, *, status: str | None = "open", run_id: str | None = None, limit: int = 1000
    ) -> tuple[WaitRow, ...]:
        """Questions over all runs, oldest first."""
        page = await self.store.waits(run_id=run_id, status=status, limit=limit)
        return page.items

    async def show(self, run_id: str) -> dict[str, Any]:
        """A run's row and questions. Raises: RunNotFound."""
        row = await self.store.row(check_run_id(run_id))
        waits = await self.waits(run_id=run_id, status=None)
        return {"row": row, "waits": waits}

    async def answer(
        self,
        run_id: str,
        wait_id: str,
        value: Any,
        *,
        request_id: str | None = None,
        actor: str | None = None,
    ) -> WaitRow:
        """Answer a question, whoever owns the run; neither definition nor ownership is needed.

        The first answer wins. The same request id with the same value gets the same row.
        Raises: RunNotFound, WaitNotFound, AnswerRefused, AnswerConflict, AlreadyAnswered,
        WaitExpired, WaitClosed.
        """
        check_run_id(run_id)
        await self._check_answer(run_id, wait_id, value)
        row = await self.store.settle(
            run_id,
            wait_id,
            Settlement(
                status="answered",
                at=self._clock.now(),
                value=self._codec.encode(value, "answer"),
                digest=self._codec.digest(value),
                request_id=request_id,
                actor=actor,
            ),
        )
        await self._heard(run_id)
        return row

    async def _check_answer(self, run_id: str, wait_id: str, value: Any) -> None:
        """The wait's schema and deadline decide; what is not open is left to the store to refuse.

        An answer that comes too late settles the wait by its deadline, which everybody hears of.
        """
        now = self._clock.now()
        for row in await self.waits(run_id=run_id, status="open"):
            if row.wait_id != wait_id:
                continue
            if row.deadline is not None and row.deadline <= now:
                if await expire(self.store, run_id, wait_id, now, row.default) is not None:
                    await self._heard(run_id)
            elif row.schema is not None:
                check_fits(run_id, wait_id, msgspec.json.decode(row.schema), value)

    async def _heard(self, run_id: str) -> None:
        """Wake the run if this engine carries it, or may.

        Whoever posted is told that it is in the store, which is so whoever carries the run by now.
        """
        driven = self._runs.get(run_id)
        if driven is not None and driven.live.dead is None:
            try:
                await driven.hear()
            except OwnershipLost:
                # Another engine was quicker. It may have let the run go before it heard of this.
                pass
            else:
                return
        row = await self.store.row(run_id)
        if not self._recovers or row.head.definition not in self._definitions:
            return
        if not self._is_ours(row):
            # It is kept for whoever goes on with the run.
            self._leave_strangers((row,))
        else:
            try:
                await self._recovered(row)
            except (RunOwned, OwnershipLost, RunClosed, EngineStopped):
                # Whoever carries it hears of it, or will.
                return
