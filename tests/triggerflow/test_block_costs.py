# SPDX-License-Identifier: Apache-2.0
"""What blocks cost: linear in their branches and items, to build and to run. Nothing is timed."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from tests.triggerflow.handlers import add_one, double, keep, same
from tests.triggerflow.test_costs import counted


class Work:
    """How many calls, Python's and C's, were made."""

    calls = 0


@contextmanager
def worked() -> Iterator[Work]:
    """Count every call while the block runs."""
    work = Work()

    def note(_frame: Any, event: str, _arg: Any) -> None:
        if event in ("call", "c_call"):
            work.calls += 1

    gc.disable()  # what other tests left behind would be counted when it is swept
    sys.setprofile(note)
    try:
        yield work
    finally:
        sys.setprofile(None)
        gc.enable()


def batch_of(many: int) -> TriggerFlow[Any, Any, Any]:
    """A batch of so many branches."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.batch(*((f"b{n}", same) for n in range(many))).to(keep)
    return flow


def match_of(many: int) -> TriggerFlow[Any, Any, Any]:
    """A match of so many cases; a third values, a third named, a third lambdas."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    chain = flow.match()
    for n in range(many):
        condition: Any = f"value {n}"
        if n % 3:
            condition = lambda data, n=n: data.input == n  # noqa: E731
        if n % 3 == 2:
            flow.register_condition_handler(condition, name=f"is {n}")
        chain = chain.case(condition).to(same, name=f"case {n}")
    chain.case_else().to(double).end_match().to(keep)
    return flow


def hits_of(many: int) -> TriggerFlow[Any, Any, Any]:
    """A match of so many cases, all of which hold."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    chain = flow.match(mode="hit_all")
    for n in range(many):
        chain = chain.case(lambda data, n=n: n >= 0).to(same, name=f"case {n}")
    chain.end_match().to(keep)
    return flow


def collection_of(many: int) -> TriggerFlow[Any, Any, Any]:
    """A collection of so many branches."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    cursor: Any = None
    for n in range(many):
        cursor = flow.to(same, name=f"b{n}").collect("c")
    cursor.to(keep)
    return flow


def chain_of(many: int) -> TriggerFlow[Any, Any, Any]:
    """So many blocks and lambdas, one behind the other."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    cursor: Any = flow.to(same)
    for _ in range(many):
        cursor = cursor.to(lambda data: data.input).if_condition(0).end_condition()
        cursor = cursor.for_each().end_for_each()
    return flow


BUILDERS = {
    "batch": batch_of,
    "match": match_of,
    "collect": collection_of,
    "chain": chain_of,
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS.keys())
def test_building_is_linear_in_what_is_built(build: Callable[[int], TriggerFlow[Any, Any, Any]]):
    """Ten times as many branches, cases or blocks are ten times the calls; compiled too."""
    build(3).compiled()
    found = {}
    for many in (30, 300):
        with worked() as work:
            build(many).compiled()
        found[many] = work.calls

    assert found[300] < 11 * found[30]


async def started(flow: TriggerFlow[Any, Any, Any], value: Any, store: MemoryStore | None) -> int:
    """The calls that a run of the flow makes."""
    flow.compiled()
    execution = flow.create_execution(auto_close=False, store=store)
    with worked() as work:
        await execution.async_start(value)
    return work.calls


RUNS: dict[str, tuple[Any, Any]] = {
    "batch": (batch_of, 1),
    "first case": (match_of, "value 0"),
    "no case": (match_of, "nothing"),
    "all cases": (hits_of, 1),
    "collect": (collection_of, 1),
    "loop": (
        lambda many: _through(
            lambda f: (
                f.for_each().to(double).if_condition(3).to(same).end_condition().end_for_each()
            )
        ),
        None,
    ),
    "sub-flows": (
        lambda _: _through(lambda f: f.for_each().to(_small(), name="in").end_for_each()),
        None,
    ),
}


def _small() -> TriggerFlow[Any, Any, Any]:
    """A flow to stand in others."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="small")
    flow.to(double).for_each().to(same).end_for_each().to(keep, name="inside")
    return flow


def _through(build: Any) -> TriggerFlow[Any, Any, Any]:
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    build(flow).to(keep)
    return flow


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(("build", "value"), RUNS.values(), ids=RUNS.keys())
async def test_running_is_linear_in_what_runs(build: Any, value: Any, kept: bool):
    """In memory and in a store: ten times as many are at most ten times the calls."""
    found = {}
    for many in (10, 100, 1000):
        store = MemoryStore() if kept else None
        given = value if value is not None else list(range(many))
        found[many] = await started(build(many), given, store)

    assert found[1000] < 11 * found[100]


async def test_a_case_that_is_hit_early_costs_the_same_however_many_follow():
    """Neither judging nor routing looks at the rest."""
    few = await started(match_of(10), "value 0", None)
    many = await started(match_of(1000), "value 0", None)

    assert many <= few + 5


@pytest.mark.parametrize("wide", [1, 10, 300])
async def test_a_batch_costs_at_most_one_task_for_each_branch(
    monkeypatch: pytest.MonkeyPatch, wide: int
):
    """And no copy; the branches go on in those tasks."""
    execution = batch_of(wide).create_execution(auto_close=False)
    with counted(monkeypatch) as counts:
        await execution.async_start(1)

    assert counts.tasks <= wide
    assert (counts.copies, counts.threads) == (0, 0)


async def test_a_match_costs_no_task_turn_copy_or_thread(monkeypatch: pytest.MonkeyPatch):
    """Sync and async conditions alike, in a chain of ten matches."""

    async def never(data: Any) -> bool:
        return False

    def always(data: Any) -> bool:
        return True

    flow = TriggerFlow()
    cursor: Any = flow.to(same)
    for n in range(10):
        cursor = cursor.match().case(never).case(always).to(add_one, name=f"add {n}").end_match()
    cursor.to(keep)
    execution = flow.create_execution()

    with counted(monkeypatch) as counts:
        assert await execution.async_start(0) == {"kept": 10}

    assert (counts.tasks, counts.turns, counts.copies, counts.threads) == (0, 0, 0, 0)


async def test_a_lone_match_is_one_commit_and_its_end_none():
    """Judging is a step like a handler's; merging is none."""
    store = MemoryStore()
    flow = TriggerFlow(name="commits")
    flow.to(same).match().case(1).to(double).end_match().to(keep)
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    await execution.async_start(1)

    opened, steps = 1, 4
    assert (await store.row("r")).seq == opened + steps


async def test_a_finished_run_of_blocks_leaves_nothing_in_the_record():
    """Batches, matches, sub-flows and collections under events without end."""
    flow = TriggerFlow()
    chain = flow.when("E").batch(double, add_one).match(mode="hit_all")
    chain = chain.case(lambda data: data.input["double"] > 4).to(("big", same))
    chain = chain.case_else().for_each().to(("each", same)).end_for_each().end_match()
    chain.to(_small()).collect("c")
    execution = flow.create_execution(auto_close=False)
    for n in range(50):
        await execution.async_emit("E", n)
    await asyncio.sleep(0)
    run = execution._flow.run

    left = (run.joins, run.scopes, run.groups, run.deliveries, run.ledgers, run.fans, run.held)
    assert [len(part) for part in left] == [0] * 7
    assert run.visits == execution._flow.insides == {}
