# SPDX-License-Identifier: Apache-2.0
"""The history of a run: what it was after each commit, what changed, and who decided what."""

from __future__ import annotations

from holdfast.persistence.store import CommitRow, Page, check_run_id
from holdfast.runtime import auditing
from holdfast.runtime.auditing import Audit
from holdfast.runtime.chronicle import Moment, moments
from holdfast.runtime.differing import RunDiff, difference
from holdfast.runtime.keeping_less import KeepingLess
from holdfast.runtime.past import RunState, state_of

#: How many commits are read at once.
PAGE = 1000


class History(KeepingLess):
    """The part of an engine that looks back. It needs no definition: see `past`."""

    async def history(
        self,
        run_id: str,
        *,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page[Moment]:
        """The commits of a run, oldest first: what each brought, and where the run stood then.

        Those with `is_checkpoint` can be forked from and rewound to. cursor: the `next` of the page
        before. Raises: RunNotFound, InvalidId for another cursor.
        """
        row = await self.store.row(check_run_id(run_id))
        page = await self.store.commits(
            run_id, cursor=cursor, limit=limit, newest_first=newest_first
        )
        return Page(items=tuple(await moments(self.store, row.head, page.items)), next=page.next)

    async def state(self, run_id: str, at: int | None = None, *, plain: bool = False) -> RunState:
        """A run as it was after commit *at* (now, by default).

        Values have the types that are registered here or that the definition brings, if this engine
        holds it; what is of another type is plain data, and with *plain* everything is.
        Raises: RunNotFound, CheckpointNotFound.
        """
        stored = await self.store.read(check_run_id(run_id), at)
        return state_of(stored, self._reader_for(stored.row.head, plain=plain))

    async def diff(
        self, run_id: str, a: int, b: int | None = None, *, plain: bool = False
    ) -> RunDiff:
        """What is different from commit *a* to commit *b* (now, by default); `str()` to read it.

        Values as in `state`. Raises: RunNotFound, CheckpointNotFound.
        """
        before = await self.store.read(check_run_id(run_id), a)
        after = await self.store.read(run_id, b)
        return difference(before, after, self._reader_for(before.row.head, plain=plain))

    async def audit(self, run_id: str, *, plain: bool = False) -> Audit:
        """Everything that was asked of a run or decided about it, in the order of its commits.

        Values as in `state`. Raises: RunNotFound.
        """
        row = await self.store.row(check_run_id(run_id))
        reader = self._reader_for(row.head, plain=plain)
        return await auditing.audit(self.store, row, reader, await self._commits(run_id))

    async def _commits(self, run_id: str) -> list[CommitRow]:
        found: list[CommitRow] = []
        cursor: str | None = None
        while True:
            page = await self.store.commits(run_id, cursor=cursor, limit=PAGE)
            found.extend(page.items)
            cursor = page.next
            if cursor is None:
                return found
