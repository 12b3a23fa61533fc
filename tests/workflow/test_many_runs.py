# SPDX-License-Identifier: Apache-2.0
"""Several runs of one workflow: who may run beside whom, and which run a call is about."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Executor, InMemoryCheckpointStorage, MemoryStore, Workflow, WorkflowBuilder
from holdfast.errors import (
    AnswerRefused,
    RunBusy,
    RunError,
    RunNotFound,
    WorkflowBusy,
    WorkflowException,
)
from holdfast.workflow import WorkflowContext, WorkflowRunState, handler
from tests.workflow.graphs import Context, Gate, OwnStorage, build, give, words


class Waits:
    """A handler that stands at a gate of its message."""

    def __init__(self) -> None:
        self.gates: dict[Any, Gate] = {}

    async def __call__(self, message: Any, ctx: Context) -> None:
        gate = self.gates.setdefault(message, Gate())
        ctx.set_state("mine", message)
        await gate.wait()
        await ctx.yield_output((message, ctx.get_state("mine")))

    def build(self, **how: Any) -> Workflow:
        """A graph of one."""
        return build("a>", {"a": self}, name="waits", **how)

    async def begun(self, call: Any, message: Any) -> asyncio.Task[Any]:
        """Start a call and return when its handler stands at the gate."""
        gate = self.gates.setdefault(message, Gate())
        task = asyncio.ensure_future(call)
        await gate.arrived.wait()
        return task


async def test_an_object_with_instances_runs_one_run_at_a_time() -> None:
    """A second call is refused at the call; when the first ended, the next goes."""
    waits = Waits()
    workflow = waits.build(instances=True)
    first = await waits.begun(workflow.run(1), 1)
    for again in ({"message": 2}, {"resume": True}, {"message": 2, "stream": True}):
        with pytest.raises(WorkflowBusy, match="is running") as caught:
            workflow.run(**again)
        assert isinstance(caught.value, WorkflowException)
        assert isinstance(caught.value, RunBusy)
        assert "register(id, factory)" in caught.value.hint
    with pytest.raises(RunBusy):
        workflow.reset()
    waits.gates[1].opened.set()
    await first

    waits.gates[3] = waits.gates[1]
    await workflow.run(3)


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "in a store"])
async def test_factories_let_any_number_of_runs_go_at_once(kept: bool) -> None:
    """Each has its own executors and its own state; results do not mix."""
    waits = Waits()
    workflow = waits.build(checkpoint_storage=MemoryStore() if kept else None)
    tasks = [await waits.begun(workflow.run(n, run_id=f"r{n}"), n) for n in range(5)]
    assert workflow.status is WorkflowRunState.IN_PROGRESS
    assert workflow.run_id == "r4"
    for number in reversed(range(5)):
        waits.gates[number].opened.set()
    results = await asyncio.gather(*tasks)

    assert [r.get_outputs() for r in results] == [[(n, n)] for n in range(5)]
    assert [r.run_id for r in results] == [f"r{n}" for n in range(5)]


async def test_a_run_beside_another_begins_with_empty_state() -> None:
    """What the other one has written is not settled; one after another they take it over."""
    waits = Waits()
    workflow = waits.build()
    first = await waits.begun(workflow.run(1), 1)
    second = await waits.begun(workflow.run(2), 2)
    assert workflow._seats.latest.current is not None
    assert workflow._seats.latest.current.run.frames[0].state == {}
    for gate in waits.gates.values():
        gate.opened.set()
    await asyncio.gather(first, second)


async def test_an_instance_serves_one_workflow_at_a_time() -> None:
    """Two objects built of the same instances take turns; the error names the executor."""
    gate = Gate()

    class Stands(Executor):
        @handler
        async def take(self, message: str, ctx: WorkflowContext[None, str]) -> None:
            await gate.wait()
            await ctx.yield_output(message)

    builder = WorkflowBuilder(name="w", start_executor=Stands("stands"))
    one, other = builder.build(), builder.build()
    first = asyncio.ensure_future(one.run("x"))
    await gate.arrived.wait()
    with pytest.raises(WorkflowBusy, match="'stands' is at work in another run of 'w'"):
        other.run("y")
    made_before = [one, other][1]
    gate.opened.set()
    await first

    assert (await made_before.run("y")).get_outputs() == ["y"]


async def test_a_call_that_was_made_before_is_refused_when_it_begins() -> None:
    """The guard is at the first step, as well as at the call."""
    waits = Waits()
    workflow = waits.build(instances=True)
    late = workflow.run(2)
    first = await waits.begun(workflow.run(1), 1)
    with pytest.raises(WorkflowBusy):
        await late
    waits.gates[1].opened.set()
    await first


async def test_an_instance_is_free_after_every_kind_of_end() -> None:
    """A failure, a cancellation and a break give it back."""
    waits = Waits()
    fails = [True]

    async def fail(message: Any, ctx: Context) -> None:
        if fails:
            raise ValueError("no")

    workflow = build("a>", {"a": fail}, instances=True)
    with pytest.raises(ValueError, match="no"):
        await workflow.run(1)
    assert workflow.executors["a"].used_by is None
    standing = waits.build(instances=True)
    task = await waits.begun(standing.run(1), 1)
    task.cancel()
    await asyncio.wait({task})
    assert standing.executors["a"].used_by is None
    waits.gates[2] = Gate()
    async for event in standing.run(2, stream=True):
        if event.type == "executor_invoked":
            break
    waits.gates[3] = Gate()
    waits.gates[3].opened.set()

    assert (await standing.run(3)).get_outputs() == [(3, 3)]


async def ask(message: Any, ctx: Context) -> None:
    """Ask for a number."""
    await ctx.yield_output(f"asked by {message}")
    await ctx.request_info(message, int, request_id="q")


async def hear(request: Any, answer: int, ctx: Context) -> None:
    """Yield the question with its answer."""
    await ctx.yield_output((request, answer))


def asking(**how: Any) -> Workflow:
    """A graph of one that asks."""
    return build("a>", {"a": (ask, hear)}, name="asking", **how)


async def test_runs_that_wait_are_told_apart_by_their_ids() -> None:
    """Runs that went at once are answered by run id; without one, the last is meant."""
    workflow = asking()
    await asyncio.gather(*(workflow.run(n, run_id=f"r{n}") for n in range(3)))
    last = workflow.run_id
    for number in (1, 0, 2):
        result = await workflow.run(responses={"q": number * 10}, run_id=f"r{number}")
        assert result.get_outputs() == [(number, number * 10)]
        assert (workflow.run_id, result.run_id) == (f"r{number}", f"r{number}")
    assert last == "r2"
    with pytest.raises(RunError, match="not on run 'r1'"):
        await workflow.run(responses={"q": 1}, run_id="r1")


async def test_runs_that_are_over_are_not_kept_in_memory() -> None:
    """Only those that somebody may still answer stay beside the last one."""
    workflow = build("a>", {"a": give})
    await asyncio.gather(*(workflow.run(n) for n in range(20)))
    await workflow.run("last")

    assert workflow._seats._beside == []


@pytest.mark.parametrize("call", ["responses", "resume"])
async def test_a_kept_run_is_found_by_its_id_in_another_object(place: Any, call: str) -> None:
    """What it yielded before is in the result; its open questions are shown."""
    await asking(checkpoint_storage=place).run("one", run_id="r1")
    await asking(checkpoint_storage=place).run("two", run_id="r2")
    other = asking(checkpoint_storage=place)
    if call == "resume":
        shown = await other.run(resume=True, run_id="r1")
        assert words(shown) == ["request_info q"]
        assert shown.get_outputs() == ["asked by one"]
        assert (await other.run(responses={"q": 7})).get_outputs() == [("one", 7)]
    else:
        result = await other.run(responses={"q": 7}, run_id="r1")
        assert result.get_outputs() == ["asked by one", ("one", 7)]
        assert result.get_request_info_events() == []
    assert other.run_id == "r1"
    still = await asking(checkpoint_storage=place).run(resume=True, run_id="r2")
    assert still.get_final_state() is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS


async def test_a_run_that_nobody_keeps_is_not_found(place: Any) -> None:
    """Neither in memory nor where runs are kept; the object stays as it was."""
    workflow = asking(checkpoint_storage=place)
    await workflow.run("x", run_id="r1")
    with pytest.raises(RunNotFound):
        await workflow.run(resume=True, run_id="r9")
    assert workflow.run_id == "r1"
    assert (await workflow.run(responses={"q": 1})).get_outputs() == [("x", 1)]


async def test_reading_a_run_at_rest_leaves_nobody_its_owner(store: Any) -> None:
    """Another process may take it up at once: after a restore, a look, and a refused answer."""
    workflow = asking(checkpoint_storage=store)
    await workflow.run("x", run_id="r1")
    last = workflow.get_last_checkpoint_id()
    other = asking(checkpoint_storage=store)
    await other.run(checkpoint_id=last)
    assert (await store.row("r1")).owner is None
    await other.run(resume=True)
    assert (await store.row("r1")).owner is None
    with pytest.raises(AnswerRefused):
        await other.run(responses={"q": "text"})
    assert (await store.row("r1")).owner is None
    with pytest.raises(AnswerRefused):
        await asking().run(checkpoint_id=last, checkpoint_storage=store, responses={"q": "text"})
    assert (await store.row("r1")).owner is None


async def test_going_back_while_the_run_is_under_way_is_a_run_beside_it() -> None:
    """In a storage nobody owns a run: both branches end, each with its own executors."""
    waits = Waits()
    storage = InMemoryCheckpointStorage()
    workflow = waits.build(checkpoint_storage=storage)
    first = await waits.begun(workflow.run(1), 1)
    entry = (await storage.list_checkpoint_ids())[0]
    waits.gates[1].opened.set()
    second = await workflow.run(checkpoint_id=entry)

    assert second.get_outputs() == [(1, 1)]
    assert (await first).get_outputs() == [(1, 1)]
    assert len(await storage.list_checkpoint_ids()) == 3


async def test_the_newest_checkpoint_of_a_run_is_that_of_the_run(place: Any) -> None:
    """Two runs of one name do not mix, in whatever order they were saved."""
    one, other = asking(checkpoint_storage=place), asking(checkpoint_storage=place)
    await one.run("one", run_id="r1")
    await other.run("other", run_id="r2")
    await one.run(responses={"q": 1})
    shown = await asking(checkpoint_storage=place).run(resume=True, run_id="r1")

    assert shown.get_outputs() == ["asked by one", ("one", 1)]
    if not isinstance(place, OwnStorage):
        latest = await place.get_latest(run_id="r2")
        assert latest is not None
        assert latest.run_id == "r2"
