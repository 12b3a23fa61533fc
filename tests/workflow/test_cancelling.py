# SPDX-License-Identifier: Apache-2.0
"""Stopping a run from outside: handlers end, what had ended is kept, the object is free."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import MemoryStore
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import Context, Gate, build, forward, give, words


async def cancelled(workflow: Any, gate: Gate) -> None:
    """Cancel a run call once its handler is there."""
    task = asyncio.create_task(workflow.run("x"))
    await gate.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "in a store"])
async def test_cancelling_a_run_call_sets_cancelled(kept: bool) -> None:
    """The handler hears of it; what had ended before is kept, and the rest runs on resume."""
    gate = Gate()

    async def wait(message: Any, ctx: Context) -> None:
        await gate.wait()
        await ctx.yield_output(message)

    place = MemoryStore() if kept else None
    workflow = build("a>b", {"b": wait}, checkpoint_storage=place)
    await cancelled(workflow, gate)
    assert workflow.status is WorkflowRunState.CANCELLED
    gate.opened.set()
    result = await workflow.run(resume=True)

    assert [line for line in words(result) if "invoked" in line] == ["executor_invoked b 'x'"]
    assert result.get_outputs() == ["x"]


async def test_all_handlers_of_the_superstep_are_cancelled() -> None:
    """Each gets to clean up before the call ends."""
    cleaned: list[str] = []
    both = asyncio.Event()

    async def wait(message: Any, ctx: Context) -> None:
        cleaned.append("in")
        if len(cleaned) == 2:
            both.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("out")

    workflow = build("s>a s>b", {"a": wait, "b": wait})
    task = asyncio.create_task(workflow.run("x"))
    await both.wait()
    task.cancel()
    await asyncio.wait({task})

    assert cleaned == ["in", "in", "out", "out"]


async def test_a_cancelled_workflow_takes_a_new_run() -> None:
    """What was pending is dropped."""
    gate = Gate()

    async def wait(message: Any, ctx: Context) -> None:
        if message == "x":
            await gate.wait()
        await ctx.yield_output(message)

    workflow = build("a>", {"a": wait})
    await cancelled(workflow, gate)

    assert (await workflow.run("y")).get_outputs() == ["y"]


class HeldStore(MemoryStore):
    """Holds one append until it is let go on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.held = asyncio.Event()
        self.go_on = asyncio.Event()

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Wait at the chosen one."""
        self.at -= 1
        if self.at == 0:
            self.held.set()
            await self.go_on.wait()
        return await super().append(claim, commit, after=after)


@pytest.mark.parametrize("edges", ["a>b b>c", "s>a s>b a>t b>t"], ids=["chain", "fan-out"])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_cancelling_during_a_commit_loses_and_starts_nothing(edges: str, at: int) -> None:
    """The commit lands; the superstep it lets through waits for resume."""
    store = HeldStore(at)
    started: list[str] = []

    def noting(work: Any) -> Any:
        async def note(message: Any, ctx: Context) -> None:
            assert not stopping, "a handler started after the run was stopped"
            started.append(message)
            await work(message, ctx)

        return note

    stopping: list[bool] = []
    last = edges.rpartition(">")[2]
    names = set(edges.replace(">", " ").split())
    works = {name: noting(give if name == last else forward) for name in names}
    workflow = build(edges, works, checkpoint_storage=store)
    task = asyncio.create_task(workflow.run("x"))
    await store.held.wait()
    stopping.append(True)
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    store.go_on.set()
    await asyncio.wait({task})
    assert task.cancelled()
    stopping.clear()
    result = await workflow.run(resume=True)

    assert set(result.get_outputs()) == {"x"}
    assert len(started) == (3 if last == "c" else 5)


async def test_a_superstep_is_told_after_its_commit_although_the_run_was_stopped() -> None:
    """Nobody hears of a checkpoint that is not down, and then of the right one."""
    store = HeldStore(1)
    stream = build("a>b", checkpoint_storage=store).run("x", stream=True)
    reading = asyncio.create_task(read(stream))
    await store.held.wait()
    closing = asyncio.create_task(stream.aclose())
    for _ in range(5):
        await asyncio.sleep(0)
    before = (await store.list_checkpoint_ids())[-1]
    store.go_on.set()
    await closing
    events = await reading
    told = [e.completion_info.checkpoint for e in events if e.type == "superstep_completed"]

    assert [info.checkpoint_id for info in told] == [before.replace("@1", "@2")]


async def read(stream: Any) -> list[Any]:
    """Every event."""
    return [event async for event in stream]


async def test_a_run_that_was_stopped_is_free_for_others() -> None:
    """Its owner let it go: another object takes it up from the store."""
    store = MemoryStore()
    gate = Gate()

    async def wait(message: Any, ctx: Context) -> None:
        await gate.wait()
        await ctx.yield_output(message)

    workflow = build("a>b", {"b": wait}, name="w", checkpoint_storage=store)
    await cancelled(workflow, gate)
    assert workflow.run_id is not None
    assert (await store.row(workflow.run_id)).owner is None
    gate.opened.set()
    other = build("a>b", {"b": give}, name="w", checkpoint_storage=store)
    result = await other.run(checkpoint_id=workflow.get_last_checkpoint_id())

    assert result.get_outputs() == ["x"]
