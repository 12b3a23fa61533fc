# SPDX-License-Identifier: Apache-2.0
"""Keeping less of what was: histories are thinned and runs deleted when somebody asks, never else.

A deleted run leaves a line with its id, its status and its result, so that the id is not used
twice and whoever asks late is still told what came of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.errors import Damaged, RunClosed, RunOpen, StoreDamaged
from holdfast.persistence.parts import Part, as_list, joined
from holdfast.persistence.store import TERMINAL, RunRow, check_run_id
from holdfast.runtime import inside
from holdfast.runtime.going_back import GoingBack
from holdfast.runtime.past import parts_of

#: How many rows of runs are read at once.
PAGE = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune dropped: commits of histories, or whole runs."""

    commits: int = 0
    runs: int = 0


class KeepingLess(GoingBack):
    """The part of an engine that drops what nobody needs any more."""

    async def prune(
        self,
        run_id: str | None = None,
        *,
        keep_last: int | None = None,
        older_than: dt.timedelta | None = None,
        ended: bool = False,
    ) -> Pruned:
        """Drop old history of one run, or of all.

        keep_last: so many checkpoints stay, and all that reading them needs (one, by default; in a
        flow every commit is a checkpoint). older_than: only what was written longer ago goes. Both:
        what either would keep stays. ended: instead, delete whole runs that ended longer ago than
        *older_than*; a line of each stays. What a run is now is never dropped.
        Raises: RunNotFound; ValueError if neither limit is given, or keep_last is below 1.
        """
        if keep_last is None and older_than is None:
            raise ValueError("prune what? give keep_last, older_than, or both")
        if keep_last is not None and keep_last < 1:
            raise ValueError("keep_last: expected 1 or more")
        if ended and (older_than is None or keep_last is not None):
            raise ValueError("ended: give older_than, and no keep_last")
        before = None if older_than is None else self._clock.now() - older_than.total_seconds()
        commits = runs = 0
        async for row in self._rows(run_id):
            if row.pruned:
                continue
            if not ended:
                every = row.head.front == "flow"
                commits += await self.store.prune(
                    row.run_id, keep_last=keep_last or 1, before=before, every=every
                )
            elif before is not None and row.status in TERMINAL and row.updated_at < before:
                await self.delete(row.run_id)
                runs += 1
        return Pruned(commits, runs)

    async def _rows(self, run_id: str | None) -> AsyncIterator[RunRow]:
        if run_id is not None:
            yield await self.store.row(check_run_id(run_id))
            return
        cursor: str | None = None
        while True:
            page = await self.store.runs(limit=PAGE, cursor=cursor)
            for row in page.items:
                yield row
            cursor = page.next
            if cursor is None:
                return

    async def delete(self, run_id: str) -> RunRow:
        """Delete a run: its record, questions and posts. Returns the line that stays.

        That has its id, which is not used twice, its status and, if it had ended, its result. A run
        that had not ended counts as cancelled. Deleting twice is fine.
        If it is under way here, it is stopped first, and whoever waits for it is told RunClosed.
        Raises: RunNotFound, RunOwned while another live process carries it, RunBusy inside a
        handler of the run, StaleWrite if it moved meanwhile.
        """
        async with self._opening_of(run_id):
            row = await self.store.row(check_run_id(run_id))
            if row.pruned:
                return row
            await self._check_free(row)
            driven = self._runs.get(run_id)
            if driven is not None:
                inside.refuse(driven.live.running, "delete")
                del self._runs[run_id]
                await driven.stop()
                driven.live.die(RunClosed(f"run {run_id!r} was deleted", run_id=run_id))
                row = await self.store.row(run_id)
            if row.owner is not None:
                # Whoever owned it is gone, and lets it go no more.
                await self.store.release(await self._owner.claim(run_id))
            await self.store.delete_run(run_id, result=await self._result(row), at=row.seq)
        return await self.store.row(run_id)

    async def result(self, run_id: str, *, plain: bool = False) -> Any:
        """What an ended run gave: the state of a flow, the outputs of a workflow.

        It needs no definition, and is there for a deleted run too; None if it had not ended then.
        Values as in `state`.
        Raises: RunNotFound, RunOpen if it has not ended.
        """
        row = await self.store.row(check_run_id(run_id))
        data = await self.store.result(run_id) if row.pruned else await self._result(row)
        if data is None and not row.pruned:
            raise RunOpen(
                f"run {run_id!r} has not ended: it is {row.status}",
                hint="Wait for its end.",
                run_id=run_id,
                waits=(),
            )
        reader = self._reader_for(row.head, plain=plain)
        return None if data is None else reader.decode(data, "result")

    async def _result(self, row: RunRow) -> bytes | None:
        """The bytes of what an ended run gave; None if it has not ended, or cannot be read."""
        if row.status not in TERMINAL:
            return None
        try:
            parts = parts_of(await self.store.read(row.run_id))
        except (StoreDamaged, Damaged):
            return None
        return _outputs(parts) if row.head.front == "workflow" else _state(parts)


def _state(parts: Mapping[str, Part]) -> bytes:
    """The state of the root as one value of the codec."""
    prefix = "state/0/"
    found = {
        name.removeprefix(prefix): joined(part)
        for name, part in parts.items()
        if name.startswith(prefix)
    }
    if len(found) == 1:
        # As the codec does, so that a lone key is not taken for a tag.
        found = {f"${key}" if key.startswith("$") else key: data for key, data in found.items()}
    return msgspec.json.encode({key: msgspec.Raw(data) for key, data in found.items()})


def _outputs(parts: Mapping[str, Part]) -> bytes:
    """The results of a workflow as one value of the codec."""
    lines = [
        msgspec.json.decode(line, type=tuple[str, str, msgspec.Raw])
        for line in as_list(parts.get("out", b"[]"))
    ]
    return msgspec.json.encode([value for _, kind, value in lines if kind == "output"])
