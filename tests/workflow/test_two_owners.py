# SPDX-License-Identifier: Apache-2.0
"""Two owners over one file, as two processes are: who may continue a run, and when."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import SQLiteStore, Workflow
from holdfast.errors import OwnershipLost, RunOwned
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import Context, Gate, build, words

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[SQLiteStore, SQLiteStore]]:
    """The same file, opened twice."""
    both = tuple(SQLiteStore(tmp_path / "runs.db", durability="relaxed") for _ in range(2))
    yield both[0], both[1]
    for store in both:
        await store.close()


async def ask(message: Any, ctx: Context) -> None:
    """Ask."""
    await ctx.request_info(message, int, request_id="r")


async def hear(request: Any, response: Any, ctx: Context) -> None:
    """Yield the answer."""
    await ctx.yield_output(response)


def asking(store: SQLiteStore) -> Workflow:
    """One that asks."""
    return build("a>", {"a": (ask, hear)}, name="asking", checkpoint_storage=store)


async def test_a_run_at_rest_may_be_continued_by_anybody(stores: Any) -> None:
    """Nobody owns it while nothing is due; whoever comes back later hears of it."""
    first, second = asking(stores[0]), asking(stores[1])
    await first.run("x")
    last = first.get_last_checkpoint_id()
    result = await second.run(checkpoint_id=last, responses={"r": 1})
    assert result.get_outputs() == [1]

    assert (await first.run(resume=True)).get_outputs() == [1]
    assert first.status is WorkflowRunState.IDLE


async def test_a_run_under_way_has_one_owner(stores: Any) -> None:
    """Another one is refused, and disturbs nothing."""
    gate = Gate()

    async def wait(message: Any, ctx: Context) -> None:
        await gate.wait()
        await ctx.yield_output(message)

    def make(store: SQLiteStore) -> Workflow:
        return build("a>b", {"b": wait}, name="w", checkpoint_storage=store)

    first = make(stores[0])
    running = asyncio.create_task(first.run("x"))
    await gate.arrived.wait()
    with pytest.raises(RunOwned):
        await make(stores[1]).run(checkpoint_id=first.get_last_checkpoint_id())
    gate.opened.set()

    assert (await running).get_outputs() == ["x"]


async def test_the_newest_claim_counts(stores: Any) -> None:
    """A run that another object took meanwhile is not written by the older one."""
    gate = Gate()
    calls: list[str] = []

    async def wait(message: Any, ctx: Context) -> None:
        calls.append(message)
        if len(calls) == 1:
            await gate.wait()
        await ctx.yield_output(message)

    def make() -> Workflow:
        return build("a>b", {"b": wait}, name="w", checkpoint_storage=stores[0])

    first, second = make(), make()
    running = asyncio.create_task(first.run("x"))
    await gate.arrived.wait()
    result = await second.run(checkpoint_id=first.get_last_checkpoint_id())
    gate.opened.set()
    with pytest.raises(OwnershipLost):
        await running

    assert result.get_outputs() == ["x"]
    assert first.status is WorkflowRunState.FAILED


PROGRAM = """
import asyncio, sys
from holdfast import SQLiteStore
from tests.workflow.test_two_owners import asking

async def main():
    store = SQLiteStore(sys.argv[1])
    workflow = asking(store)
    result = await workflow.run(checkpoint_id=sys.argv[2])
    assert [event.request_id for event in result.get_request_info_events()] == ["r"]
    result = await workflow.run(responses={"r": 42})
    print(result.get_outputs())
    await store.close()

asyncio.run(main())
"""


async def test_a_question_is_answered_in_another_process(tmp_path: Path) -> None:
    """It is shown there, answered there, and the answer is handled there."""
    path = tmp_path / "runs.db"
    store = SQLiteStore(path)
    workflow = asking(store)
    await workflow.run("x")
    last = workflow.get_last_checkpoint_id()
    assert last is not None
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, str(path), last],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "[42]\n"), ended.stderr
    result = await workflow.run(resume=True)
    await store.close()

    assert result.get_outputs() == [42]
    assert words(result) == []
