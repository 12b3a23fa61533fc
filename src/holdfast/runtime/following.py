# SPDX-License-Identifier: Apache-2.0
"""Waiting for the end of a run, whoever carries it.

A run that is carried here tells its end by itself. One that another process carries is looked at in
the store, and so is one that others may take from here: only while somebody waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from holdfast.errors import EngineStopped, OwnershipLost, RunCancelled, RunFailed, RunOwned
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import TERMINAL, RunRow
from holdfast.runtime.deciding import Deciding
from holdfast.runtime.driven import Driven
from holdfast.runtime.live import LiveRun
from holdfast.runtime.looking import LOOK_EVERY_S
from holdfast.runtime.ownership import lost_to_another
from holdfast.runtime.saving import store_status


class Following(Deciding):
    """The part of an engine that waits for runs."""

    async def ended(self, run_id: str, driven: Driven | None) -> Any:
        """Wait for the end of a run and give its result. driven: as whoever asks has it at hand.

        Raises: what failed it, RunCancelled, RunNotFound, DefinitionNotFound, EngineStopped once
        the engine is closed.
        """
        while True:
            driven = await self._at_hand(run_id, driven)
            if driven is not None:
                ending = await self._told(driven)
                if ending is not None:
                    return ending.result()
                driven = None
                continue
            row = await self.store.row(run_id)
            if row.status in TERMINAL:
                return await self._read_end(row)
            if _stands(row):
                raise RunFailed(f"run {run_id!r} stands failed: {row.error}", run_id=run_id)
            await self._a_while()

    async def rested(self, run_id: str, driven: Driven | None) -> RunRow:
        """Wait until nothing of a run is under way. Raises: what ended it here."""
        while True:
            driven = driven or await self._at_hand(run_id, None)
            if driven is not None:
                live = driven.live
                await live.until_quiet()
                while live.saver is not None and live.saver.flying:
                    # The end of the last handler is on its way to the store.
                    await live.saver.settle()
                    await live.until_quiet()
                return await self.store.row(run_id)
            row = await self.store.row(run_id)
            if not row.due:
                return row
            await self._a_while()

    async def _at_hand(self, run_id: str, driven: Driven | None) -> Driven | None:
        """The run as it is carried here, if it is, or may be; None while another process has it."""
        if driven is not None and _is_told_here(driven.live):
            return driven
        if self._closed.is_set():
            raise EngineStopped(f"the engine was closed before run {run_id!r} had ended")
        present = self._runs.get(run_id)
        if present is not None and present.live.dead is None:
            return present
        row = await self.store.row(run_id)
        if row.status in TERMINAL or _stands(row):
            return None
        try:
            return await self.driven(run_id)
        except (RunOwned, OwnershipLost, EngineStopped):
            return None

    async def _told(self, driven: Driven) -> asyncio.Future[Any] | None:
        """Wait until the end of a run that is carried here is known; None if it goes on elsewhere.

        A store that other processes share is looked at meanwhile: one of them may have it now.
        """
        ending = asyncio.ensure_future(driven.outcome())
        gone = asyncio.ensure_future(self._gone.wait())
        every_s = LOOK_EVERY_S if self.store.shared else None
        try:
            while True:
                both: set[asyncio.Future[Any]] = {ending, gone}
                await asyncio.wait(both, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
                if ending.done():
                    return None if isinstance(ending.exception(), OwnershipLost) else ending
                if gone.done():
                    return None
                lost = lost_to_another(driven.live, await self.store.row(driven.run_id))
                if lost is not None:
                    driven.live.die(lost)
                    return None
        finally:
            gone.cancel()
            if not ending.done():
                ending.cancel()
                await asyncio.wait({ending})

    async def _read_end(self, row: RunRow) -> Any:
        """The result in the record of a run that has ended; nobody owns it for that."""
        definition = self._known(row.head.definition)
        kept = await self.store.result(row.run_id) if row.pruned else None
        if kept is not None:
            if row.status == "cancelled":
                raise RunCancelled(f"run {row.run_id!r} was cancelled", run_id=row.run_id)
            return Codec(definition.types).decode(kept, "result")
        reader: Driven = definition.execution_in(self._home, row.run_id, self._resources)
        return await reader.ended(await self.store.read(row.run_id))

    async def _a_while(self) -> None:
        """Leave the store alone until it is looked at again."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), LOOK_EVERY_S)


def _is_told_here(live: LiveRun) -> bool:
    """Whether a run ended here, or its save failed here: the store has nothing to add."""
    if live.dead is not None:
        return not isinstance(live.dead, OwnershipLost)
    return store_status(live.run) in TERMINAL


def _stands(row: RunRow) -> bool:
    """Whether somebody has to decide before the run goes on."""
    return row.status == "parked" and not row.due and not row.inbox
