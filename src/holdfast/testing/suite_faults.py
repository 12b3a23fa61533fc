# SPDX-License-Identifier: Apache-2.0
"""Cases about faults: the k-th low-level call fails, for every k, before and after its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast.errors import RunNotFound, StoreError
from holdfast.persistence.store import Claim, Store
from holdfast.testing.faults import FaultPlan, When
from holdfast.testing.suite_hooks import (
    SuiteHooks,
    answer,
    begin,
    commit,
    first,
    head,
    mark,
    picture,
    signal,
    wait,
)

Step = Callable[[Store], Awaitable[object]]


def story() -> list[Step]:
    """A run from its start to its end. Every step may be taken again after an error."""
    held: dict[str, Any] = {}

    async def start(store: Store) -> None:
        opening = first("s1", waits=(wait("w1"), wait("w2")), checkpoint=mark("entry"))
        held["claim"] = await store.open_run(head(), opening, "ann")

    async def work(store: Store) -> None:
        step = commit("s2", waits=(wait("w3"),), checkpoint=mark(), anchor=(b'{"a":', b"1}"))
        await store.append(_claim(held), step, after=1)

    async def tell(store: Store) -> None:
        await store.post("run-1", signal(b"5", "r5"))

    async def settle(store: Store) -> None:
        await store.settle("run-1", "w1", answer(b"1", "r1"))

    async def look(store: Store) -> None:
        held["read"] = (await store.inbox("run-1"), await store.read("run-1"))

    async def take(store: Store) -> None:
        numbers = tuple(item.number for item in held["read"][0])
        assert len(numbers) == 2
        await store.append(_claim(held), commit("s3", consumed=numbers), after=2)

    async def end(store: Store) -> None:
        last = commit("s4", status="completed", due=False, checkpoint=mark())
        await store.append(_claim(held), last, after=3)

    async def prune(store: Store) -> None:
        await store.prune("run-1", keep_last=1)

    return [start, work, tell, settle, look, take, end, prune]


def _claim(held: dict[str, Any]) -> Claim:
    claim = held["claim"]
    assert isinstance(claim, Claim)
    return claim


class FaultCases(SuiteHooks):
    """The caller is told, the old state is whole, and the store can be used afterwards."""

    most_faults: ClassVar[int] = 400

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_a_fault_at_any_call_is_told_and_harms_nothing(
        self, tmp_path: Path, when: When
    ) -> None:
        """After it, the run is as it was before the step or as it is after; the story goes on."""
        pictures = await self._undisturbed(_made(tmp_path / "plain"))
        for at in range(1, self.most_faults):
            plan = FaultPlan(at, when=when)
            if not await self._disturbed(_made(tmp_path / f"at-{at}"), plan, pictures):
                assert at > len(pictures)
                return
        pytest.fail(f"more than {self.most_faults} low-level calls in the story")

    async def _undisturbed(self, folder: Path) -> list[dict[str, Any] | None]:
        pictures: list[dict[str, Any] | None] = [None]
        async with self.opened(folder) as store:
            for step in story():
                await step(store)
                pictures.append(await picture(store))
        return pictures

    async def _disturbed(
        self, folder: Path, plan: FaultPlan, pictures: list[dict[str, Any] | None]
    ) -> bool:
        """Whether the fault was met on the way."""
        store = self.make_failing_store(folder, plan)
        try:
            for place, step in enumerate(story()):
                try:
                    await step(store)
                except StoreError:
                    assert plan.failed
                    plan.disarm()
                    seen = await _picture(self.repaired(store, folder))
                    assert seen in (pictures[place], pictures[place + 1])
                    await step(store)
            plan.disarm()
            assert await _picture(store) == pictures[-1]
        finally:
            await store.close()
        return plan.failed

    async def test_a_store_that_keeps_failing_keeps_saying_so(self, tmp_path: Path) -> None:
        """No call succeeds by accident, and repair is enough."""
        plan = FaultPlan()
        store = self.make_failing_store(tmp_path, plan)
        try:
            claim = await begin(store)
            plan.at, plan.again = plan.calls + 1, True
            for _ in range(3):
                with pytest.raises(StoreError):
                    await store.append(claim, commit("c2"), after=1)
            plan.disarm()
            assert (await store.read("run-1")).seq == 1
            assert await store.append(claim, commit("c2"), after=1) == 2
        finally:
            await store.close()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _picture(store: Store) -> dict[str, Any] | None:
    try:
        return await picture(store)
    except RunNotFound:
        return None
