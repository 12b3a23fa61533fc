# SPDX-License-Identifier: Apache-2.0
"""Handles of runs: watched, answered, put back to a checkpoint, taken up by another object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from holdfast import (
    CheckpointInfo,
    CheckpointManager,
    InProcessExecution,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    executor,
)
from holdfast.errors import (
    AnswerRefused,
    InputRefused,
    RunBusy,
    RunCancelled,
    WaitNotFound,
    WorkflowCheckpointException,
)
from holdfast.runtime.clock import SystemClock
from holdfast.testing.clock import FakeClock
from holdfast.workflow import StreamingRun, WorkflowEvent, WorkflowRunState
from tests.workflow.graphs import Context, Gate, build, forward, give, words


async def ask(message: Any, ctx: Context) -> None:
    """Ask whether the message may pass."""
    await ctx.request_info(message, bool, request_id=f"may {message}")


async def heard(request: Any, response: Any, ctx: Context) -> None:
    """Send on what was decided."""
    await ctx.send_message(f"{request}: {response}")


def chain(**how: Any) -> Workflow:
    """A -> b -> c, the last of which yields."""
    return build("a>b b>c", {"c": give}, name="chain", **how)


def asking(**how: Any) -> Workflow:
    """A asks a person, and b yields what was decided."""
    return build("a>b", {"a": (ask, heard), "b": give}, name="asking", **how)


async def rest_of(run: StreamingRun, *, blocks: bool = False) -> list[WorkflowEvent]:
    """The events up to where the run rests."""
    return [event async for event in run.watch_stream(block_on_pending_request=blocks)]


async def test_a_started_run_goes_on_though_nobody_watches() -> None:
    """Events wait until they are read, and are read once."""
    run = await chain().start("x")
    await run.until_idle()

    assert run.status is WorkflowRunState.IDLE
    assert run.outputs == ["x"]
    events = await rest_of(run)
    assert words(events)[0] == "started"
    assert words(events)[-1] == "status IDLE"
    assert [e.data for e in events if e.type == "output"] == ["x"]
    assert await rest_of(run) == []


async def test_the_handle_is_its_own_run() -> None:
    """`.run` is there for programs that hold a checkpointed run."""
    run = await chain().start("x", run_id="r-1")
    assert run.run is run
    assert run.run_id == "r-1"
    await run.until_idle()


async def test_checkpoints_are_listed_in_the_order_of_commits(place: Any) -> None:
    """All of them, the entry included; the last one is where the run stands."""
    run = await chain().start("x", checkpoint_manager=CheckpointManager(place))
    await run.until_idle()
    kept = await place.list_checkpoints()

    assert run.checkpoints == [one.info for one in kept]
    assert run.last_checkpoint == kept[-1].info


async def test_one_enumeration_at_a_time() -> None:
    """A second one is an error; leaving the first lets the next go on where it was."""
    run = await chain().start("x")
    first = aiter(run.watch_stream())
    begun = await anext(first)
    with pytest.raises(RunBusy, match="being read already"):
        await anext(aiter(run.watch_stream()))
    del first

    rest = await rest_of(run)
    assert begun.type == "started"
    assert rest[0].type == "status"
    assert rest[-1].type == "status"


async def test_leaving_an_enumeration_stops_nothing() -> None:
    """The run goes on, and whoever watches next hears the rest."""
    run = await chain().start("x")
    async for event in run.watch_stream():
        if event.type == "superstep_completed":
            break

    assert [e.data for e in await rest_of(run) if e.type == "output"] == ["x"]


async def test_restoring_drops_what_nobody_read_and_runs_the_rest_again(place: Any) -> None:
    """Same run id; the list of checkpoints comes from the storage, the new ones behind."""
    run = await chain().start("x", checkpoint_manager=place)
    await run.until_idle()
    entry, first, second, third = run.checkpoints
    await run.restore_checkpoint(first)
    assert run.last_checkpoint is not None
    events = await rest_of(run)

    assert [e.executor_id for e in events if e.type == "executor_invoked"] == ["b", "c"]
    assert [e.iteration for e in events if e.type == "superstep_started"] == [2, 3]
    assert run.checkpoints[:4] == [entry, first, second, third]
    assert len(run.checkpoints) == 6
    parents = {c.checkpoint_id: c.previous_checkpoint_id for c in await place.list_checkpoints()}
    assert parents[run.checkpoints[4].checkpoint_id] == first.checkpoint_id
    assert run.run_id == entry.run_id


async def test_restoring_stops_what_is_under_way() -> None:
    """A handler that is held is cancelled, and runs again from the checkpoint."""
    gate = Gate()

    async def held(message: Any, ctx: Context) -> None:
        await gate.wait()
        await ctx.send_message(message)

    run = await build("a>b b>c", {"b": held, "c": give}).start(
        "x", checkpoint_manager=CheckpointManager()
    )
    await gate.arrived.wait()
    entry = run.checkpoints[0]
    await run.restore_checkpoint(entry)
    gate.opened.set()
    events = await rest_of(run)

    invoked = [e.executor_id for e in events if e.type == "executor_invoked"]
    assert invoked == ["a", "b", "c"]
    assert run.outputs == ["x"]


async def test_a_watcher_that_waits_hears_the_restored_run() -> None:
    """Its enumeration is not ended by the restore."""
    manager = CheckpointManager()
    run = await asking().start("x", checkpoint_manager=manager)
    await run.until_idle()
    await rest_of(run)
    watcher: AsyncIterator[WorkflowEvent] = aiter(run.watch_stream())
    waiting = asyncio.ensure_future(anext(watcher))
    await asyncio.sleep(0)
    await run.restore_checkpoint(run.checkpoints[-1])

    assert (await waiting).type == "started"
    again = [event.type async for event in run_until(watcher, "request_info")]
    assert again[-1] == "request_info"


async def run_until(watcher: AsyncIterator[WorkflowEvent], kind: str) -> Any:
    """Events up to the first of a type."""
    async for event in watcher:
        yield event
        if event.type == kind:
            return


async def test_a_run_without_a_manager_cannot_be_put_back() -> None:
    """The error says what to pass."""
    run = await chain().start("x")
    await run.until_idle()
    with pytest.raises(WorkflowCheckpointException, match="keeps no checkpoints") as caught:
        await run.restore_checkpoint(CheckpointInfo(run.run_id, "any"))
    assert "checkpoint_manager=" in str(caught.value.hint)
    assert run.checkpoints == []
    assert run.last_checkpoint is None


async def test_a_checkpoint_of_another_run_is_refused(place: Any) -> None:
    """By the handle at once, and by `resume` when info and checkpoint do not belong together."""
    one = await chain().start("x", checkpoint_manager=place)
    other = await chain().start("y", checkpoint_manager=place)
    await one.until_idle()
    await other.until_idle()
    with pytest.raises(WorkflowCheckpointException, match="belongs to run"):
        await one.restore_checkpoint(other.checkpoints[0])
    mixed = CheckpointInfo("another-run", one.checkpoints[0].checkpoint_id)
    with pytest.raises(WorkflowCheckpointException, match="belongs to run"):
        await chain().resume(mixed, checkpoint_manager=place)

    assert one.outputs == ["x"]


async def test_a_refused_restore_leaves_the_run_where_it_was(place: Any) -> None:
    """Events that nobody read are still there."""
    run = await chain().start("x", checkpoint_manager=place)
    await run.until_idle()
    with pytest.raises(WorkflowCheckpointException):
        await run.restore_checkpoint(CheckpointInfo(run.run_id, f"{run.run_id}@99"))

    assert run.status is WorkflowRunState.IDLE
    assert words(await rest_of(run))[-1] == "status IDLE"
    await run.restore_checkpoint(run.checkpoints[0])
    assert [e.data for e in await rest_of(run) if e.type == "output"] == ["x"]


async def test_a_workflow_that_does_not_fit_is_refused(place: Any) -> None:
    """What the checkpoint needs is gone from the graph."""
    run = await chain().start("x", checkpoint_manager=place)
    await run.until_idle()
    other = build("a>z", {"z": give}, name="chain")
    with pytest.raises(WorkflowCheckpointException, match="b"):
        await other.resume(run.checkpoints[1], checkpoint_manager=place)


async def test_a_strict_resume_refuses_any_other_graph(place: Any) -> None:
    """on_graph_change="fail"."""
    run = await chain().start("x", checkpoint_manager=place)
    await run.until_idle()
    wider = build("a>b b>c c>d", {"c": give}, name="chain")
    with pytest.raises(WorkflowCheckpointException):
        await wider.resume(run.checkpoints[1], checkpoint_manager=place, on_graph_change="fail")


async def test_another_object_takes_a_run_up(place: Any) -> None:
    """`resume` gives a handle on the same run; answers can come with it."""
    first = await asking().start("x", checkpoint_manager=place)
    await first.until_idle()
    assert first.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    info = first.last_checkpoint
    assert info is not None
    second = await asking().resume(info, checkpoint_manager=place, responses={"may x": True})
    events = await rest_of(second)

    assert second.run_id == first.run_id
    assert second.outputs == ["x: True"]
    assert not [e for e in events if e.type == "request_info"]


async def test_a_watcher_waits_at_a_question_for_the_answer(place: Any) -> None:
    """One loop hears the question, answers it, and hears what came of it."""
    run = await asking().start("x", checkpoint_manager=place)
    lines = []
    async for event in run.watch_stream():
        lines.append(event.type)
        if event.type == "request_info":
            await run.send_response(event.request_id, value=True)

    assert run.outputs == ["x: True"]
    assert lines.count("request_info") == 1
    assert lines[-1] == "status"
    assert "output" in lines


async def test_a_watcher_that_does_not_wait_ends_at_a_question() -> None:
    """block_on_pending_request=False; another watcher hears the rest after the answer."""
    run = await asking().start("x")
    lines = words(await rest_of(run))
    assert lines[-1] == "status IDLE_WITH_PENDING_REQUESTS"
    await run.send_response("may x", value=False)

    assert [e.data for e in await rest_of(run) if e.type == "output"] == ["x: False"]


async def test_a_blocked_watcher_is_woken_by_an_answer_from_elsewhere() -> None:
    """It does not look again and again: it waits for the answer."""
    run = await asking().start("x")
    await run.until_idle()
    watching = asyncio.create_task(rest_of(run, blocks=True))
    await asyncio.sleep(0)
    assert not watching.done()
    await run.send_response("may x", value=True)

    assert [e.data for e in await watching if e.type == "output"] == ["x: True"]


async def test_answers_come_one_by_one_while_the_run_is_under_way() -> None:
    """Two questions of one superstep, answered as they are heard."""
    workflow = build("s>a s>b", {"a": (ask_a, heard_end), "b": (ask_b, heard_end)})
    run = await workflow.start("x", checkpoint_manager=CheckpointManager())
    async for event in run.watch_stream():
        if event.type == "request_info":
            await run.send_response(event.request_id, value=event.request_id == "a")

    assert sorted(run.outputs) == ["x: False", "x: True"]


async def ask_a(message: Any, ctx: Context) -> None:
    """Ask under the id "a"."""
    await ctx.request_info(message, bool, request_id="a")


async def ask_b(message: Any, ctx: Context) -> None:
    """Ask under the id "b"."""
    await ctx.request_info(message, bool, request_id="b")


async def heard_end(request: Any, response: Any, ctx: Context) -> None:
    """Yield what was decided."""
    await ctx.yield_output(f"{request}: {response}")


async def test_a_wrong_answer_is_refused_at_once() -> None:
    """An unknown id, an answer of another type; the question stays open."""
    run = await asking().start("x")
    await run.until_idle()
    with pytest.raises(WaitNotFound):
        await run.send_response("may y", value=True)
    with pytest.raises(AnswerRefused):
        await run.send_response("may x", value=[1])
    await run.send_response("may x", value=True)
    await run.until_idle()

    assert run.outputs == ["x: True"]


async def test_what_prevents_a_run_is_raised_by_start() -> None:
    """An input that nobody takes; a checkpoint that is not there."""
    typed = typed_workflow()
    with pytest.raises(InputRefused):
        await typed.start("text")
    with pytest.raises(WorkflowCheckpointException):
        await typed.resume(
            CheckpointInfo("run-1", "run-1@1"), checkpoint_manager=CheckpointManager()
        )
    assert typed.status in (WorkflowRunState.IDLE, WorkflowRunState.FAILED)


def typed_workflow() -> Workflow:
    """A workflow whose start takes numbers only."""

    @executor(id="numbers")
    async def numbers(message: int, ctx: WorkflowContext[None, int]) -> None:
        await ctx.yield_output(message)

    return WorkflowBuilder(start_executor=numbers).build()


async def fail(message: Any, ctx: Context) -> None:
    """Raise."""
    raise LookupError("broken")


async def test_what_a_handler_raised_comes_after_the_events() -> None:
    """As from a stream; and from whoever waits for the run."""
    run = await build("a>b", {"b": fail}).start("x")
    lines = []
    watcher = aiter(run.watch_stream())
    with pytest.raises(LookupError, match="broken"):  # noqa: PT012
        while True:
            lines.append((await anext(watcher)).type)
    with pytest.raises(LookupError, match="broken"):
        await run.until_idle()

    assert lines[-2:] == ["failed", "status"]
    assert run.status is WorkflowRunState.FAILED


async def test_a_failed_run_can_be_put_back() -> None:
    """After the cause was mended."""
    broken = [True]

    async def once(message: Any, ctx: Context) -> None:
        if broken:
            broken.clear()
            raise LookupError("broken")
        await ctx.yield_output(message)

    manager = CheckpointManager()
    run = await build("a>b", {"b": once}).start("x", checkpoint_manager=manager)
    with pytest.raises(LookupError):
        await run.until_idle()
    assert run.last_checkpoint is not None
    await run.restore_checkpoint(run.last_checkpoint)
    await run.until_idle()

    assert run.outputs == ["x"]


async def test_leaving_the_handle_stops_the_run() -> None:
    """As an async context manager; whoever waits hears that it was stopped."""
    gate = Gate()

    async def held(message: Any, ctx: Context) -> None:
        await gate.wait()

    async with await build("a>b", {"b": held}).start("x") as run:
        await gate.arrived.wait()

    assert run.status is WorkflowRunState.CANCELLED
    with pytest.raises(RunCancelled):
        await run.until_idle()
    assert words(await rest_of(run))[-1] == "status CANCELLED"


async def test_two_handles_on_one_workflow_do_not_meet() -> None:
    """With factories, each has a run of its own, also after going back."""
    workflow, manager = chain(), CheckpointManager()
    one = await workflow.start("x", checkpoint_manager=manager)
    two = await workflow.start("y", checkpoint_manager=manager)
    await one.until_idle()
    await two.until_idle()
    await one.restore_checkpoint(one.checkpoints[1])
    await one.until_idle()

    assert (one.outputs, two.outputs) == (["x"], ["y"])
    assert {info.run_id for info in one.checkpoints} == {one.run_id}
    assert {info.run_id for info in two.checkpoints} == {two.run_id}


async def test_in_process_execution_waits_for_the_rest() -> None:
    """`run` and `resume` are back when the run rests."""
    manager = CheckpointManager()
    run = await InProcessExecution.run(chain(), "x", manager)
    assert run.outputs == ["x"]
    again = await InProcessExecution.resume(chain(), run.checkpoints[1], manager)
    assert again.outputs == ["x"]
    assert again.run_id == run.run_id
    with pytest.raises(LookupError):
        await InProcessExecution.run(build("a>", {"a": fail}), "x")


async def test_an_abandoned_start_leaves_nothing_under_way() -> None:
    """Cancelling `start` while the run begins stops the run."""
    workflow = build("a>b", {"a": forward, "b": give}, instances=True)
    starting = asyncio.ensure_future(workflow.start("x"))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert (await workflow.run("y")).get_outputs() == ["y"]


async def test_a_watcher_hears_a_run_that_somebody_else_put_back() -> None:
    """Between the stop and the new beginning its enumeration does not end."""
    gate = Gate()

    async def held(message: Any, ctx: Context) -> None:
        await gate.wait()
        await ctx.send_message(message)

    workflow = build("a>b b>c", {"b": held, "c": give})
    run = await workflow.start("x", checkpoint_manager=CheckpointManager())
    watching = asyncio.create_task(rest_of(run))
    await gate.arrived.wait()
    await run.restore_checkpoint(run.checkpoints[0])
    gate.opened.set()

    assert [e.data for e in await watching if e.type == "output"] == ["x"]


async def test_going_back_leaves_another_run_of_the_object_its_answers() -> None:
    """A run that only memory keeps still waits, and hears its answer."""
    workflow = asking()
    kept = await workflow.start("x", checkpoint_manager=CheckpointManager())
    await kept.until_idle()
    other = await workflow.start("y")
    await other.until_idle()
    await kept.restore_checkpoint(kept.checkpoints[-1])
    await kept.until_idle()
    await other.send_response("may y", value=True)
    await other.until_idle()
    await kept.send_response("may x", value=False)
    await kept.until_idle()

    assert (kept.outputs, other.outputs) == (["x: False"], ["y: True"])


async def ask_for_two_minutes(message: Any, ctx: Context) -> None:
    """Ask, and take no for an answer after two minutes."""
    await ctx.request_info(message, bool, request_id="q", deadline=120, default=False)


async def test_deadlines_take_effect_while_a_watcher_waits(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers: the default does, and the watcher hears what came of it."""
    clock = FakeClock()
    for name in ("now", "monotonic", "call_later"):
        method = getattr(clock, name)
        monkeypatch.setattr(SystemClock, name, lambda _self, *given, f=method: f(*given))
    workflow = build("a>b", {"a": (ask_for_two_minutes, heard), "b": give})
    run = await workflow.start("x", checkpoint_manager=place)
    await run.until_idle()
    watching = asyncio.create_task(rest_of(run, blocks=True))
    while not clock.pending:  # noqa: ASYNC110
        await asyncio.sleep(0)
    clock.pass_s(60)  # a wall clock is looked at again after a minute, and nothing is due yet
    while not clock.pending:  # noqa: ASYNC110
        await asyncio.sleep(0)
    clock.pass_s(60)
    events = await watching

    assert [e.data for e in events if e.type == "output"] == ["x: False"]
    assert [e.type for e in events].count("started") == 2
    assert not clock.pending
