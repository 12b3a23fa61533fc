# SPDX-License-Identifier: Apache-2.0
"""Keeping less: histories thinned, runs deleted, results that stay; only when asked."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.errors import (
    CheckpointNotFound,
    RunClosed,
    RunExists,
    RunNotFound,
    RunOpen,
    StoreUnavailable,
)
from holdfast.runtime.clock import IDS
from holdfast.runtime.keeping_less import Pruned
from holdfast.testing.clock import FakeClock
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.runtime.histories import answered, asking, both_stores, reviewing, store_of

DAY = dt.timedelta(days=1)


@both_stores
async def test_a_pruned_flow_can_be_read_as_far_back_as_asked(kind: str, tmp_path: Path) -> None:
    """In a flow every commit counts; what is older is gone only where nothing kept needs it."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        await engine.rewind("r", 4)
        kept = [await engine.state("r", seq) for seq in (8,)]
        assert await engine.prune("r", keep_last=1) == Pruned(commits=7)
        assert await engine.prune("r", keep_last=1) == Pruned()
        assert [await engine.state("r", seq) for seq in (8,)] == kept
        with pytest.raises(CheckpointNotFound):
            await engine.state("r", 7)
        run = await engine.open("r")
        await run.answer("ok", "no")
        assert (await run.result())["seen"] == ["count", "no"]


@both_stores
async def test_a_pruned_workflow_keeps_its_last_checkpoints(kind: str, tmp_path: Path) -> None:
    """Commits inside supersteps do not count."""
    async with Engine(store_of(kind, tmp_path), [reviewing()]) as engine:
        run = await engine.start(reviewing(), 4, run_id="r")
        await run.until_idle()
        await run.answer("ok", "fine")
        await run.result()
        await engine.prune("r", keep_last=2)
        marked = [m.label for m in (await engine.history("r")).items if m.is_checkpoint]
        assert marked[-2:] == ["settled ok", "superstep 3"]
        assert len((await engine.store.checkpoints(run_id="r")).items) == 2
        assert await engine.result("r") == ["14 fine"]


@both_stores
async def test_age_takes_what_was_written_long_ago(kind: str, tmp_path: Path) -> None:
    """Over all runs; the head stays whatever its age; both limits keep what either keeps."""
    clock = FakeClock()
    async with Engine(store_of(kind, tmp_path), [asking()], times=(clock, IDS)) as engine:
        for run_id in ("a", "b"):
            run = await engine.start(asking(), 4, run_id=run_id)
            await run.until_idle()
        clock.pass_s(10 * 86400)
        await engine.rewind("a", 4)
        assert await engine.prune(older_than=20 * DAY) == Pruned()
        assert await engine.prune(older_than=5 * DAY, keep_last=3) == Pruned()
        assert await engine.prune(older_than=5 * DAY) == Pruned(commits=4)
        clock.pass_s(10 * 86400)
        assert await engine.prune(older_than=5 * DAY) == Pruned()
        assert (await engine.state("a")).waits == (await engine.state("b")).waits
        await engine.answer("b", "ok", "yes")
        assert (await (await engine.open("b")).result())["seen"] == ["count", "yes"]


async def test_a_prune_says_what_it_needs() -> None:
    """Nothing is dropped by a call that does not say how much."""
    async with answered(MemoryStore()) as (engine, _):
        for wrong in (
            {},
            {"keep_last": 0},
            {"ended": True},
            {"ended": True, "keep_last": 1, "older_than": DAY},
        ):
            with pytest.raises(ValueError, match=r"keep_last|older_than"):
                await engine.prune("r", **wrong)  # type: ignore[arg-type]
        with pytest.raises(RunNotFound):
            await engine.prune("nobody", keep_last=1)
        assert len((await engine.history("r")).items) == 7


@both_stores
async def test_old_ended_runs_go_and_leave_their_line(kind: str, tmp_path: Path) -> None:
    """Not those that wait, however old, and not the young."""
    clock = FakeClock()
    async with Engine(store_of(kind, tmp_path), [asking()], times=(clock, IDS)) as engine:
        for run_id in ("old", "waits"):
            await (await engine.start(asking(), 4, run_id=run_id)).until_idle()
        await engine.answer("old", "ok", "yes")
        await (await engine.open("old")).result()
        clock.pass_s(10 * 86400)
        run = await engine.start(asking(), 4, run_id="young")
        await run.until_idle()
        await run.answer("ok", "yes")
        await run.result()
        assert await engine.prune(older_than=5 * DAY, ended=True) == Pruned(runs=1)
        assert await engine.prune(older_than=5 * DAY, ended=True) == Pruned()
        assert [(row.run_id, row.pruned) for row in await engine.runs()] == [
            ("old", True),
            ("waits", False),
            ("young", False),
        ]
        assert (await engine.result("old"))["booked"] == 4


@both_stores
async def test_a_deleted_run_leaves_id_status_and_result(kind: str, tmp_path: Path) -> None:
    """Whoever asks late is told what came of it; the id is not used twice."""
    async with answered(store_of(kind, tmp_path)) as (engine, run):
        result = await run.result()
        row = await engine.delete("r")
        assert (row.pruned, row.status, row.run_id) == (True, "completed", "r")
        assert await engine.delete("r") == row
        assert await engine.result("r") == result
        for look in (engine.history, engine.state, engine.audit):
            with pytest.raises(RunNotFound):
                await look("r")
        with pytest.raises(RunExists):
            await engine.start(asking(), 5, run_id="r")
        for nobody in (engine.delete, engine.result):
            with pytest.raises(RunNotFound):
                await nobody("nobody")


@both_stores
async def test_the_result_of_a_workflow_is_its_outputs(kind: str, tmp_path: Path) -> None:
    """Before and after the deletion; a run that has not ended has none."""
    async with Engine(store_of(kind, tmp_path), [reviewing()]) as engine:
        run = await engine.start(reviewing(), 4, run_id="r")
        await run.until_idle()
        with pytest.raises(RunOpen, match="waiting"):
            await engine.result("r")
        await run.answer("ok", "fine")
        assert await run.result() == await engine.result("r") == ["14 fine"]
        await engine.delete("r")
        assert await engine.result("r") == ["14 fine"]


async def test_a_run_with_one_key_that_looks_like_a_tag_keeps_its_result() -> None:
    """The result is one value, and a lone key is not taken for anything else."""

    async def write(data: Any) -> None:
        await data.async_set_state("$tuple", [1, (2, 3)])

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="tagged")
    flow.to(write)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        assert await run.result() == await engine.result("r") == {"$tuple": [1, (2, 3)]}
        await engine.delete("r")
        assert await engine.result("r") == {"$tuple": [1, (2, 3)]}


async def test_a_run_that_had_not_ended_is_cancelled_by_its_deletion() -> None:
    """Its handlers are stopped, and whoever waits for it is told."""
    entered = asyncio.Event()

    async def slow(_data: Any) -> None:
        entered.set()
        await asyncio.Event().wait()

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="slow")
    flow.to(slow)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        waiting = asyncio.create_task(run.result())
        await entered.wait()
        row = await engine.delete("r")
        assert (row.status, row.pruned) == ("cancelled", True)
        with pytest.raises(RunClosed, match="deleted"):
            await waiting
        assert await engine.result("r") is None


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("act", ["prune", "delete"])
async def test_a_store_that_fails_while_less_is_kept_loses_nothing_else(
    act: str, when: Any
) -> None:
    """The call is repeated, and then it is done; until then the run is whole."""
    for k in range(1, 20):
        inner, plan = MemoryStore(), FaultPlan(when=when)
        async with answered(inner) as (first, _):
            result = await first.result("r")
        async with Engine(FaultyStore(inner, plan), [asking()], recover=False) as engine:
            plan.at = plan.calls + k
            with contextlib.suppress(StoreUnavailable):
                await (engine.prune("r", keep_last=1) if act == "prune" else engine.delete("r"))
            failed = plan.failed
            plan.disarm()
            assert await engine.result("r") == result
            await (engine.prune("r", keep_last=1) if act == "prune" else engine.delete("r"))
            assert await engine.result("r") == result
            assert (await inner.row("r")).pruned == (act == "delete")
        if not failed:
            break
    assert k > 2
