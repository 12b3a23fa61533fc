# SPDX-License-Identifier: Apache-2.0
"""Who owns a run: at once when a lock is free, after a silence when it is held."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.errors import RunOwned
from holdfast.persistence.store import OwnerRow
from holdfast.runtime.clock import IDS
from holdfast.runtime.ownership import STALL_S, Owner


class FakeClock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        """The wall clock; it may jump."""
        return self.time

    def monotonic(self) -> float:
        """The watcher's own clock."""
        return self.time


class OwnersStore(MemoryStore):
    """Owners as another process would show them."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[OwnerRow] = []

    async def owners(self) -> tuple[OwnerRow, ...]:
        """What the test shows."""
        return tuple(self.shown)


async def owned_run(store: MemoryStore) -> None:
    """A run with due work that "other" owns."""

    async def step(_data: Any) -> None:
        """Nothing."""

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="owned")
    flow.to(step)
    execution = flow.create_execution(auto_close=False, store=store, run_id="run")
    await execution.begin(0, "")
    row = await store.row("run")
    await store.claim("run", "other", over=row.owner)


async def test_a_run_whose_owner_holds_no_lock_is_taken_at_once() -> None:
    """The lock went with its process; nobody has to wait."""
    store = OwnersStore()
    await owned_run(store)
    store.shown = [OwnerRow(owner="other", beat=7, locked=False)]
    claim = await Owner(store, FakeClock(), IDS).claim("run")
    assert claim.epoch == 3


async def test_a_run_whose_owner_is_unknown_is_taken_at_once() -> None:
    """An owner that left the store's list has retired."""
    store = OwnersStore()
    await owned_run(store)
    claim = await Owner(store, FakeClock(), IDS).claim("run")
    assert claim.epoch == 3


async def test_a_held_lock_is_respected_until_its_counter_has_stood_still_long_enough() -> None:
    """Only silence on the watcher's own clock counts; a beat begins it anew."""
    store = OwnersStore()
    await owned_run(store)
    clock = FakeClock()
    watcher = Owner(store, clock, IDS)
    store.shown = [OwnerRow(owner="other", beat=1, locked=True)]
    for _ in range(3):
        with pytest.raises(RunOwned):
            await watcher.claim("run")
        clock.time += STALL_S - 1
        store.shown = [OwnerRow(owner="other", beat=store.shown[0].beat + 1, locked=True)]
    with pytest.raises(RunOwned):
        await watcher.claim("run")
    clock.time += STALL_S + 0.1
    assert (await watcher.claim("run")).owner == watcher.id


async def test_a_clock_that_jumps_frees_nothing_by_itself() -> None:
    """The first look only notes the counter: age is measured from there."""
    store = OwnersStore()
    await owned_run(store)
    clock = FakeClock()
    clock.time = 10.0**9
    store.shown = [OwnerRow(owner="other", beat=1, locked=True)]
    with pytest.raises(RunOwned):
        await Owner(store, clock, IDS).claim("run")


async def test_an_engine_leaves_a_run_to_its_live_owner() -> None:
    """Looking takes nothing from an owner that is alive."""
    store = OwnersStore()
    await owned_run(store)
    store.shown = [OwnerRow(owner="other", beat=1, locked=True)]

    async def step(_data: Any) -> None:
        """Nothing."""

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="owned")
    flow.to(step)
    async with Engine(store, [flow]) as engine:
        assert await engine.look() == 0
        assert (await store.row("run")).owner == "other"
        with pytest.raises(RunOwned):
            await engine.driven("run")
