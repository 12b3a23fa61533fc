# SPDX-License-Identifier: Apache-2.0
"""A store that fails: whoever waits is told, nothing starts after it, the old state is whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import OwnershipLost, StoreError, StoreUnavailable
from holdfast.persistence.store import Claim, Commit, RunHead
from holdfast.testing.crash import Journey, Log
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.runtime import (
    edge_journeys,
    journeys,
    needing_journeys,
    retry_journeys,
    step_journeys,
    sub_flow_journeys,
    sub_journeys,
)

JOURNEYS = [
    "chain",
    "pause",
    "again",
    "nested",
    "loop",
    "blocks",
    "graph",
    "subs",
    "edges",
    "needs",
    "order_lines",
    "steps",
    "stepped_graph",
    "retried",
    "retried_graph",
]


class FailingWrites(FaultyStore):
    """Only the writes of commits fail; every other call passes."""

    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """A commit: counted, and failed when its turn has come."""
        return await self._pass(lambda: self.inner.open_run(head, commit, owner))

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """A commit: counted, and failed when its turn has come."""
        return await self._pass(lambda: self.inner.append(claim, commit, after=after))


def _only_writes(inner: MemoryStore, plan: FaultPlan) -> FailingWrites:
    """Writes follow the plan; the other methods are the inner store's own."""
    store = FailingWrites(inner, plan)
    written = {"open_run", "append"}
    for name in dir(FaultyStore):
        is_method = not name.startswith("_") and callable(getattr(FaultyStore, name))
        if is_method and name not in written:
            setattr(store, name, getattr(inner, name))
    return store


class WatchedLog(Log):
    """Notes whether a handler or a step's function began after the store had failed for good."""

    def __init__(self, path: Path, plan: FaultPlan) -> None:
        super().__init__(path)
        self.plan = plan
        self.late: list[str] = []

    def begin(self, node: str, payload: Any) -> None:
        """A handler begins."""
        super().begin(node, payload)
        if self.plan.failed and self.plan.at is not None:
            self.late.append(node)

    def step(self, key: str) -> None:
        """The function of a step begins."""
        super().step(key)
        if self.plan.failed and self.plan.at is not None:
            self.late.append(key)


def _journey(name: str) -> Journey:
    modules = (
        journeys,
        sub_journeys,
        edge_journeys,
        needing_journeys,
        sub_flow_journeys,
        step_journeys,
        retry_journeys,
    )
    found: Journey = next(getattr(module, name) for module in modules if hasattr(module, name))
    return found


async def _quiet(journey: Journey, folder: Path) -> Any:
    return await journey(MemoryStore(), Log(folder / "quiet"))


@pytest.mark.parametrize("name", JOURNEYS)
async def test_a_failed_commit_is_told_and_nothing_starts_after_it(
    name: str, tmp_path: Path
) -> None:
    """For every k: the k-th commit fails, the caller hears of it, and no further handler begins."""
    journey = _journey(name)
    expected = await _quiet(journey, tmp_path)
    k = 0
    while True:
        k += 1
        inner = MemoryStore()
        plan = FaultPlan(at=k, again=True)
        log = WatchedLog(tmp_path / f"log-{k}", plan)
        store = _only_writes(inner, plan)
        try:
            ended = await asyncio.wait_for(journey(store, log), 10)
        except StoreError:
            assert plan.failed
            assert log.late == [], f"commit {k}"
        else:
            assert not plan.failed
            assert ended == expected
            break
        plan.disarm()
        assert await asyncio.wait_for(journey(store, log), 10) == expected, f"commit {k}"
    assert k > 2


@pytest.mark.parametrize("name", JOURNEYS)
async def test_a_commit_that_landed_although_it_failed_is_success(
    name: str, tmp_path: Path
) -> None:
    """An error after the write is down: our commit is found at the head, and the run goes on."""
    journey = _journey(name)
    expected = await _quiet(journey, tmp_path)
    for k in range(1, 50):
        plan = FaultPlan(at=k, when="after")
        store = _only_writes(MemoryStore(), plan)
        ended = await asyncio.wait_for(journey(store, Log(tmp_path / f"log-{k}")), 10)
        assert ended == expected, f"commit {k}"
        if not plan.failed:
            break
    assert k > 2


@pytest.mark.parametrize("name", JOURNEYS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_run_goes_on_once_a_failing_store_is_mended(
    name: str, when: Any, tmp_path: Path
) -> None:
    """Whatever store call fails, the same journey on the mended store ends like a quiet one."""
    journey = _journey(name)
    expected = await _quiet(journey, tmp_path)
    for k in range(1, 200):
        plan = FaultPlan(at=k, when=when)
        inner = MemoryStore()
        store = FaultyStore(inner, plan)
        log = Log(tmp_path / f"log-{k}")
        try:
            await asyncio.wait_for(journey(store, log), 10)
        except StoreError:
            assert plan.failed
        if not plan.failed:
            break
        # The process that met the fault is gone by the time the store is mended.
        for owner in await inner.owners():
            await inner.retire(owner.owner)
        assert await asyncio.wait_for(journey(store, log), 10) == expected, f"call {k}"
    assert k > 5


async def test_a_stale_owner_is_stopped_and_writes_nothing() -> None:
    """Under a newer claim the old owner's commit is refused, and its run is dead."""
    store = MemoryStore()
    gate = asyncio.Event()

    async def slow(data: Any) -> int:
        await gate.wait()
        await data.async_set_state("by", "old")
        return 1

    flow = TriggerFlow(name="fenced")
    flow.to(slow)
    execution = flow.create_execution(auto_close=False, store=store, run_id="run")
    starting = asyncio.ensure_future(execution.async_start(0))
    for _ in range(100):
        await asyncio.sleep(0)
    owner = (await store.row("run")).owner
    await store.enrol("newer")
    await store.claim("run", "newer", over=owner)
    before = await store.row("run")
    gate.set()
    with pytest.raises(OwnershipLost):
        await starting
    assert await store.row("run") == before
    with pytest.raises(OwnershipLost):
        await execution.async_emit("Anything")


async def test_a_failed_save_ends_the_run_in_memory_for_every_later_call() -> None:
    """After a failed save every further call raises it: memory is ahead of the store by then."""
    plan = FaultPlan(at=2, again=True)
    store = _only_writes(MemoryStore(), plan)

    async def step(data: Any) -> int:
        return int(data.input) + 1

    flow = TriggerFlow(name="dead")
    flow.to(step)
    execution = flow.create_execution(auto_close=False, store=store, run_id="run")
    with pytest.raises(StoreUnavailable):
        await execution.async_start(0)
    plan.disarm()
    with pytest.raises(StoreUnavailable):
        await execution.async_set_state("key", 1)
