# SPDX-License-Identifier: Apache-2.0
"""What the store suite asks of whoever runs it, and the values its cases are made of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast.persistence.store import (
    CheckpointMark,
    Claim,
    Commit,
    Post,
    RunHead,
    Settlement,
    Store,
    WaitRow,
)
from holdfast.testing.faults import FaultPlan, FaultyStore


class SuiteHooks:
    """Override `make_store`; declare what your store can do; override the rest where it helps.

    shared: two stores made for one folder see the same runs at the same time.
    reopen: a store made for a folder finds what an earlier, closed one kept there.
    """

    pytestmark: ClassVar[Any] = pytest.mark.asyncio

    shared: ClassVar[bool] = False
    reopen: ClassVar[bool] = False

    def make_store(self, folder: Path) -> Store:
        """A store that keeps its runs in *folder*, as far as it keeps them anywhere."""
        raise NotImplementedError

    def make_failing_store(self, folder: Path, plan: FaultPlan) -> Store:
        """A store for the same folder whose low-level calls fail as planned.

        By default each call of the contract is one; a store with a seam further down (one SQL
        statement, one request) gives a finer one here.
        """
        return FaultyStore(self.make_store(folder), plan)

    def repaired(self, store: Store, folder: Path) -> Store:
        """A store that looks at what a failing one left. By default the one inside the wrapper."""
        return store.inner if isinstance(store, FaultyStore) else store

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[Store]:
        """A store for the length of a case."""
        store = self.make_store(folder)
        try:
            yield store
        finally:
            await store.close()


def head(run_id: str = "run-1", **changes: Any) -> RunHead:
    """The head of a run."""
    facts: dict[str, Any] = {
        "run_id": run_id,
        "definition": "order",
        "front": "flow",
        "fingerprint": "f1",
        "created_at": 1.0,
        **changes,
    }
    return RunHead(**facts)


def commit(name: str, **changes: Any) -> Commit:
    """A commit whose delta holds its name."""
    facts: dict[str, Any] = {
        "commit_id": name,
        "status": "running",
        "due": True,
        "at": 2.0,
        "delta": b'[{"last":"' + name.encode() + b'"},{},[]]',
        **changes,
    }
    return Commit(**facts)


def first(name: str = "c1", **changes: Any) -> Commit:
    """A first commit, with its anchor in two pieces."""
    return commit(name, **{"anchor": (b'{"last":', b'"first"}'), **changes})


def mark(kind: str = "superstep", **changes: Any) -> CheckpointMark:
    """A checkpoint mark."""
    return CheckpointMark(kind=kind, **changes)


def wait(wait_id: str = "w1", run_id: str = "run-1", **changes: Any) -> WaitRow:
    """An open wait."""
    facts: dict[str, Any] = {
        "run_id": run_id,
        "wait_id": wait_id,
        "generation": 1,
        "type": "approval",
        "payload": b'{"sum":5}',
        "opened_at": 2.0,
        **changes,
    }
    return WaitRow(**facts)


def answer(value: bytes = b"true", request_id: str | None = None, **changes: Any) -> Settlement:
    """An answer; its digest is its value."""
    facts: dict[str, Any] = {
        "status": "answered",
        "at": 3.0,
        "value": value,
        "digest": value.decode(),
        "request_id": request_id,
        **changes,
    }
    return Settlement(**facts)


def signal(body: bytes = b"1", request_id: str | None = None, **changes: Any) -> Post:
    """A post; its digest is its body."""
    facts: dict[str, Any] = {
        "kind": "signal",
        "body": body,
        "at": 3.0,
        "digest": body.decode(),
        "request_id": request_id,
        **changes,
    }
    return Post(**facts)


async def begin(store: Store, run_id: str = "run-1", owner: str = "ann", **changes: Any) -> Claim:
    """Open a run, owned; returns the claim."""
    claim = await store.open_run(head(run_id), first(f"{run_id}:1", **changes), owner)
    assert claim is not None
    return claim


async def picture(store: Store, run_id: str = "run-1") -> dict[str, Any]:
    """Everything about a run that a repeated call must leave alone."""
    stored = await store.read(run_id)
    row = stored.row
    marks = await store.checkpoints(run_id=run_id)
    return {
        "seq": stored.seq,
        "commit_id": stored.commit_id,
        "record": (stored.anchor_seq, stored.anchor, stored.deltas, len(stored.consumed)),
        "row": (row.status, row.due, row.wake_at, row.error, row.open_waits, row.inbox, row.pruned),
        "waits": (await store.waits(run_id=run_id)).items,
        "inbox": [item.post for item in await store.inbox(run_id)],
        "checkpoints": [(mark.seq, mark.mark) for mark in marks.items],
    }
