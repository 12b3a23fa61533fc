# SPDX-License-Identifier: Apache-2.0
"""A store that fails at a chosen call, before or after the store inside has done its work.

"After" is the unclear error: the write is there and the caller is told it failed, as when a
connection breaks between a COMMIT and its answer.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Collection
from typing import Literal, TypeVar

from holdfast.errors import HoldfastError, StoreUnavailable
from holdfast.persistence.store import (
    CheckpointRow,
    Claim,
    Commit,
    CommitRow,
    InboxItem,
    OwnerRow,
    Page,
    Post,
    PostRow,
    RunHead,
    RunRow,
    Settlement,
    Store,
    Stored,
    WaitRow,
)

T = TypeVar("T")
When = Literal["before", "after"]


class FaultPlan:
    """Which call fails. `calls` counts them; `failed` says that the fault has happened.

    at: the number of the call, from 1; None never fails. again: every later call fails too.
    """

    def __init__(
        self,
        at: int | None = None,
        *,
        when: When = "before",
        again: bool = False,
        error: Callable[[], Exception] | None = None,
    ) -> None:
        self.at = at
        self.when = when
        self.again = again
        self.calls = 0
        self.failed = False
        self.error = error or _unavailable
        self._lock = threading.Lock()

    def due(self) -> bool:
        """Count a call; whether it is one that fails."""
        with self._lock:
            self.calls += 1
            hit = self.at is not None and (
                self.calls == self.at or (self.again and self.calls > self.at)
            )
            self.failed = self.failed or hit
            return hit

    def disarm(self) -> None:
        """Fail no more."""
        self.at = None


def _unavailable() -> HoldfastError:
    return StoreUnavailable("a planned fault")


class FaultyStore(Store):
    """Passes every call on to *inner*, except that the plan decides which one fails."""

    def __init__(self, inner: Store, plan: FaultPlan) -> None:
        self.inner = inner
        self.plan = plan
        self.durability = inner.durability
        self.shared = inner.shared
        self.awaits_futures_only = inner.awaits_futures_only
        self.url = inner.url

    async def _pass(self, call: Callable[[], Awaitable[T]]) -> T:
        if not self.plan.due():
            return await call()
        if self.plan.when == "after":
            await call()
        raise self.plan.error()

    async def _write(self, call: Callable[[], Awaitable[T]]) -> T:
        """As every call; whoever inherits may treat those that write in another way."""
        return await self._pass(call)

    async def open(self) -> None:
        """As the store inside, or the fault."""
        await self._pass(self.inner.open)

    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """As the store inside, or the fault."""
        return await self._write(lambda: self.inner.open_run(head, commit, owner))

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """As the store inside, or the fault."""
        return await self._write(lambda: self.inner.append(claim, commit, after=after))

    async def read(self, run_id: str, at: int | None = None) -> Stored:
        """As the store inside, or the fault."""
        return await self._pass(lambda: self.inner.read(run_id, at))

    async def row(self, run_id: str) -> RunRow:
        """As the store inside, or the fault."""
        return await self._pass(lambda: self.inner.row(run_id))

    async def runs(
        self,
        *,
        status: str | None = None,
        definition: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page[RunRow]:
        """As the store inside, or the fault."""
        return await self._pass(
            lambda: self.inner.runs(
                status=status,
                definition=definition,
                cursor=cursor,
                limit=limit,
                newest_first=newest_first,
            )
        )

    async def claimable(
        self, *, now: float, limit: int = 100, beside: Collection[str] = ()
    ) -> tuple[RunRow, ...]:
        """As the store inside, or the fault."""
        return await self._pass(lambda: self.inner.claimable(now=now, limit=limit, beside=beside))

    async def checkpoints(
        self,
        *,
        run_id: str | None = None,
        definition: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page[CheckpointRow]:
        """As the store inside, or the fault."""
        return await self._pass(
            lambda: self.inner.checkpoints(
                run_id=run_id,
                definition=definition,
                cursor=cursor,
                limit=limit,
                newest_first=newest_first,
            )
        )

    async def unmark(self, run_id: str, seq: int) -> bool:
        """As the store inside, or the fault."""
        return await self._write(lambda: self.inner.unmark(run_id, seq))

    async def commits(
        self,
        run_id: str,
        *,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page[CommitRow]:
        """As the store inside, or the fault."""
        return await self._pass(
            lambda: self.inner.commits(
                run_id, cursor=cursor, limit=limit, newest_first=newest_first
            )
        )

    async def prune(
        self, run_id: str, *, keep_last: int, before: float | None = None, every: bool = False
    ) -> int:
        """As the store inside, or the fault."""
        return await self._write(
            lambda: self.inner.prune(run_id, keep_last=keep_last, before=before, every=every)
        )

    async def delete_run(
        self, run_id: str, *, result: bytes | None = None, at: int | None = None
    ) -> None:
        """As the store inside, or the fault."""
        await self._write(lambda: self.inner.delete_run(run_id, result=result, at=at))

    async def result(self, run_id: str) -> bytes | None:
        """As the store inside, or the fault."""
        return await self._pass(lambda: self.inner.result(run_id))

    async def enrol(self, owner: str) -> None:
        """As the store inside, or the fault."""
        await self._write(lambda: self.inner.enrol(owner))

    async def renew(self, owner: str) -> None:
        """As the store inside, or the fault."""
        await self._write(lambda: self.inner.renew(owner))

    async def retire(self, owner: str) -> None:
        """As the store inside, or the fault."""
        await self._write(lambda: self.inner.retire(owner))

    async def owners(self) -> tuple[OwnerRow, ...]:
        """As the store inside, or the fault."""
        return await self._pass(self.inner.owners)

    async def claim(self, run_id: str, owner: str, *, over: str | None = None) -> Claim:
        """As the store inside, or the fault."""
        return await self._write(lambda: self.inner.claim(run_id, owner, over=over))

    async def release(self, claim: Claim) -> None:
        """As the store inside, or the fault."""
        await self._write(lambda: self.inner.release(claim))

    async def waits(
        self,
        *,
        run_id: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[WaitRow]:
        """As the store inside, or the fault."""
        return await self._pass(
            lambda: self.inner.waits(run_id=run_id, status=status, cursor=cursor, limit=limit)
        )

    async def settle(self, run_id: str, wait_id: str, settlement: Settlement) -> WaitRow:
        """As the store inside, or the fault."""
        return await self._write(lambda: self.inner.settle(run_id, wait_id, settlement))

    async def post(self, run_id: str, post: Post) -> InboxItem:
        """As the store inside, or the fault."""
        return await self._write(lambda: self.inner.post(run_id, post))

    async def inbox(self, run_id: str) -> tuple[InboxItem, ...]:
        """As the store inside, or the fault."""
        return await self._pass(lambda: self.inner.inbox(run_id))

    async def posts(
        self, run_id: str, *, cursor: str | None = None, limit: int = 100
    ) -> Page[PostRow]:
        """As the store inside, or the fault."""
        return await self._pass(lambda: self.inner.posts(run_id, cursor=cursor, limit=limit))

    async def close(self) -> None:
        """Close the store inside. Never fails: whoever cleans up has no second chance."""
        await self.inner.close()
