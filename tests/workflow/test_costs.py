# SPDX-License-Identifier: Apache-2.0
"""What a superstep costs, counted and not timed."""

from __future__ import annotations

import asyncio
import copy
from itertools import pairwise
from typing import Any

import pytest

from holdfast import MemoryStore
from holdfast.persistence import copies
from holdfast.runtime.calling import Threads
from tests.workflow.graphs import Context, build, forward, give, ignore, sends
from tests.workflow.subs import inner, outer


class Counted:
    """What the run made of the loop and of copies."""

    def __init__(self) -> None:
        self.tasks = 0
        self.turns = 0
        self.copies = 0
        self.threads = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Count tasks, turns of the loop, deep copies and thread hops."""
    found = Counted()

    def count(owner: Any, name: str, field: str) -> None:
        before = getattr(owner, name)

        def counting(*args: Any, **named: Any) -> Any:
            setattr(found, field, getattr(found, field) + 1)
            return before(*args, **named)

        monkeypatch.setattr(owner, name, counting)

    count(asyncio, "create_task", "tasks")
    count(asyncio.BaseEventLoop, "_run_once", "turns")
    count(copy, "deepcopy", "copies")
    count(copies, "_copy", "copies")
    count(Threads, "call", "threads")
    return found


async def test_a_chain_in_memory_costs_nothing_of_the_loop(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 tasks, 0 turns, 0 deep copies, 0 thread hops for a hundred supersteps."""
    monkeypatch.setattr("holdfast.runtime.live.GIVE_WAY_S", 60.0)
    names = [f"n{number}" for number in range(100)]
    edges = " ".join(f"{a}>{b}" for a, b in pairwise(names))
    workflow = build(edges, dict.fromkeys(names, forward))
    before = counted.turns
    await workflow.run({"payload": [1, 2, 3]})

    assert (counted.tasks, counted.turns - before) == (0, 0)
    assert (counted.copies, counted.threads) == (0, 0)


async def test_a_long_chain_gives_way_to_the_loop() -> None:
    """Others get their turn although nothing in the chain waits."""
    turns: list[int] = []

    async def beside() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def count(message: int, ctx: Context) -> None:
        if message:
            await ctx.send_message(message - 1)

    task = asyncio.create_task(beside())
    await build("a>a", {"a": count}, max_iterations=10_000).run(5000)
    task.cancel()

    assert len(turns) > 1


@pytest.mark.parametrize("width", [1, 2, 10, 50])
async def test_a_fan_out_makes_a_task_for_all_but_one(counted: Counted, width: int) -> None:
    """At most K + 1."""
    edges = " ".join(f"s>w{number}" for number in range(width))
    await build(edges).run("x")

    assert counted.tasks == width - 1


async def test_many_messages_to_one_executor_make_no_task(counted: Counted) -> None:
    """They come one after another anyway."""
    await build("a>b", {"a": sends(*range(50)), "b": ignore}).run("x")

    assert counted.tasks == 0


class Appends(MemoryStore):
    """Keeps the size of every delta."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Append, and note."""
        self.sizes.append(len(commit.delta))
        return await super().append(claim, commit, after=after)


async def test_a_lone_durable_superstep_is_one_commit() -> None:
    """Beside the one of the entry."""
    store = Appends()
    await build("a>b b>c", checkpoint_storage=store).run("x")

    assert len(store.sizes) == 3


async def test_a_fan_out_is_at_most_one_commit_for_each_handler() -> None:
    """The last one is the barrier, and it alone is a checkpoint."""
    store = Appends()
    await build("s>a s>b s>c", checkpoint_storage=store).run("x")

    assert len(store.sizes) <= 4
    assert len(await store.list_checkpoint_ids()) == 3


async def delta_of_a_step(*, keys: int, executors: int) -> int:
    """The size of the second superstep's delta, beside this much else."""
    store = Appends()

    async def fill(message: Any, ctx: Context) -> None:
        for number in range(keys):
            ctx.set_state(f"key-{number}", "x" * 100)
        await ctx.send_message("x", target_id="b")

    async def change(message: Any, ctx: Context) -> None:
        ctx.set_state("key-0", "changed")
        await ctx.send_message("y")

    edges = "a>b b>c " + " ".join(f"a>idle{number}" for number in range(executors))
    await build(edges, {"a": fill, "b": change, "c": ignore}, checkpoint_storage=store).run("x")
    return store.sizes[1]


async def test_a_superstep_writes_what_it_changed() -> None:
    """Neither the size of unchanged state nor the number of executors counts."""
    small = await delta_of_a_step(keys=1, executors=0)

    # A counter of changes has more digits after more of them.
    assert await delta_of_a_step(keys=1000, executors=0) - small <= len("1000")
    assert await delta_of_a_step(keys=1, executors=300) == small


async def test_an_inner_superstep_is_one_commit_however_many_sub_workflows_there_are() -> None:
    """Of the size of what it changed."""

    def chained(count: int) -> Any:
        child = inner("x>y", {"y": give})
        names = [f"s{number}" for number in range(count)]
        edges = " ".join(f"{a}>{b}" for a, b in pairwise([*names, "b"]))
        return outer(edges, {**dict.fromkeys(names, child), "b": give}, name="w")

    few, many = Appends(), Appends()
    await chained(3).run("x", checkpoint_storage=few)
    await chained(30).run("x", checkpoint_storage=many)

    assert (len(few.sizes), len(many.sizes)) == (7, 61)
    assert max(many.sizes) < 1.1 * max(few.sizes)


async def test_inner_supersteps_in_memory_cost_nothing_of_the_loop(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task, no turn, no copy: a chain through a sub-workflow is a chain."""
    monkeypatch.setattr("holdfast.runtime.live.GIVE_WAY_S", 60.0)
    names = [f"n{number}" for number in range(50)]
    child = inner(" ".join(f"{a}>{b}" for a, b in pairwise(names)), {names[-1]: give})
    workflow = outer("a>s s>b", {"s": child})
    before = counted.turns
    await workflow.run({"payload": [1, 2, 3]})

    assert (counted.tasks, counted.turns - before) == (0, 0)
    assert (counted.copies, counted.threads) == (0, 0)
