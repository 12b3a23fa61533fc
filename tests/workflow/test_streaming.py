# SPDX-License-Identifier: Apache-2.0
"""A run watched as it goes, left early, or asked for its result."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

import pytest

from holdfast.errors import RunBusy, RunCancelled
from holdfast.workflow import ResponseStream, WorkflowRunState
from tests.workflow.graphs import Context, Gate, build, forward, give, ignore, words


async def test_events_come_while_the_superstep_runs() -> None:
    """A watcher hears of a handler before that handler has ended."""
    gate = Gate()

    async def wait(message: Any, ctx: Context) -> None:
        await ctx.yield_output("early")
        await gate.wait()

    workflow = build("a>", {"a": wait})
    seen = []
    async for event in workflow.run("x", stream=True):
        seen.append(event.type)
        if event.type == "output":
            assert not gate.opened.is_set()
            gate.opened.set()

    assert seen[-3:] == ["executor_completed", "superstep_completed", "status"]


async def test_the_result_comes_with_or_without_iterating() -> None:
    """`get_final_response` starts the run if nobody did, and may be asked again."""
    workflow = build("a>b", {"b": give})
    stream = workflow.run("x", stream=True)
    first = await stream.get_final_response()
    again = await stream.get_final_response()

    assert first.get_outputs() == again.get_outputs() == ["x"]
    assert words(first)[0] == "started"
    assert [event async for event in stream] == list(first)
    assert [event async for event in stream] == []


async def test_the_result_after_iterating_holds_every_event() -> None:
    """Also those that were read before."""
    stream = build("a>", {"a": give}).run("x", stream=True)
    seen = [event async for event in stream]

    assert list(await stream.get_final_response()) == seen


async def test_the_run_begins_with_the_first_event_asked_for() -> None:
    """Making a stream does nothing."""
    workflow = build("a>", {"a": give})
    workflow.run("x", stream=True)

    assert workflow.run_id is None
    assert (await workflow.run("y")).get_outputs() == ["y"]


async def test_is_streaming_tells_the_handler() -> None:
    """Whether somebody watches events as they come."""

    async def say(message: Any, ctx: Context) -> None:
        await ctx.yield_output(ctx.is_streaming())

    workflow = build("a>", {"a": say})

    assert (await workflow.run("x", stream=True).get_final_response()).get_outputs() == [True]
    assert (await workflow.run("x")).get_outputs() == [False]


def slow(gate: Gate, **how: Any) -> Any:
    """A graph that stands in its second executor."""

    async def wait(message: Any, ctx: Context) -> None:
        await gate.wait()
        await ctx.yield_output(message)

    return build("a>b", {"a": forward, "b": wait}, **how)


async def leave_by_break(stream: ResponseStream) -> None:
    """Break out of the loop in the second superstep."""
    async for event in stream:
        if event.type == "executor_invoked" and event.executor_id == "b":
            break


async def leave_by_context(stream: ResponseStream) -> None:
    """Leave the block around it."""
    async with stream:
        async for event in stream:
            if event.type == "executor_invoked" and event.executor_id == "b":
                return


async def leave_by_close(stream: ResponseStream) -> None:
    """Close it while an iteration still holds it."""
    events = aiter(stream)
    while (await anext(events)).executor_id != "b":
        pass
    await stream.aclose()


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_context, leave_by_close])
async def test_leaving_a_stream_stops_its_run(leave: Any) -> None:
    """The handler is cancelled; the object takes the next call at once."""
    gate = Gate()
    workflow = slow(gate)
    await leave(workflow.run("x", stream=True))
    gate.opened.set()
    result = await workflow.run("y")

    assert result.get_outputs() == ["y"]
    assert workflow.status is WorkflowRunState.IDLE


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_context, leave_by_close])
async def test_a_run_that_was_left_can_be_taken_up(leave: Any) -> None:
    """What had ended is kept: only the executor that was stopped runs again."""
    gate = Gate()
    workflow = slow(gate)
    await leave(workflow.run("x", stream=True))
    gate.opened.set()
    result = await workflow.run(resume=True)

    assert words(result) == [
        "superstep_started 2",
        "executor_invoked b 'x'",
        "output b 'x'",
        "executor_completed b ['x']",
        "superstep_completed 2",
    ]


async def test_a_broken_stream_has_no_result() -> None:
    """It says so, and does not look like a cancellation of the one who asks."""
    stream = slow(Gate()).run("x", stream=True)
    await leave_by_break(stream)

    with pytest.raises(RunCancelled):
        await stream.get_final_response()
    assert [event.type async for event in stream][-1] == "status"


async def test_leaving_sets_the_state_to_cancelled() -> None:
    """So that whoever looks does not take it for a run under way."""
    workflow = slow(Gate())
    await leave_by_context(workflow.run("x", stream=True))

    assert workflow.status is WorkflowRunState.CANCELLED


async def test_cleaning_up_in_a_handler_ends_before_the_next_call() -> None:
    """A call made right after a break waits for what the break stopped."""
    order: list[str] = []

    async def tidy(message: Any, ctx: Context) -> None:
        order.append(f"in {message}")
        try:
            if message == "x":
                await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append(f"out {message}")

    workflow = build("a>", {"a": tidy})
    async for event in workflow.run("x", stream=True):
        if event.type == "executor_invoked":
            break
    await workflow.run("y")

    assert order == ["in x", "out x", "in y", "out y"]


async def test_a_stream_under_way_blocks_other_calls() -> None:
    """Until it is read to its end or left."""
    gate = Gate()
    workflow = slow(gate, instances=True)
    stream = workflow.run("x", stream=True)
    events = aiter(stream)
    await anext(events)

    with pytest.raises(RunBusy):
        workflow.run("y")
    await stream.aclose()
    workflow.reset()


async def test_a_second_stream_of_a_busy_workflow_is_refused_when_it_begins() -> None:
    """Two streams may be made; only one of them may run."""
    gate = Gate()
    workflow = slow(gate, instances=True)
    first, second = workflow.run("x", stream=True), workflow.run("y", stream=True)
    events = aiter(first)
    await anext(events)
    with pytest.raises(RunBusy):
        await anext(aiter(second))
    gate.opened.set()

    assert (await first.get_final_response()).get_outputs() == ["x"]


async def read_into(stream: ResponseStream, seen: list[Any]) -> None:
    """Read every event into a list that outlives an exception."""
    async for event in stream:
        seen.append(event)  # noqa: PERF401 - a list that is made here would be lost


async def test_a_failure_comes_after_its_events() -> None:
    """Everything that happened is read first; then the exception is raised."""

    async def fail(message: Any, ctx: Context) -> None:
        raise ValueError("no")

    stream = build("a>", {"a": fail}).run("x", stream=True)
    seen: list[Any] = []
    with pytest.raises(ValueError, match="no") as caught:
        await read_into(stream, seen)

    assert words(seen)[-3:-1] == ["executor_failed a", "failed"]
    assert words(seen)[-1] == "status FAILED"
    assert list(caught.value.workflow_result) == seen
    with pytest.raises(ValueError, match="no"):
        await stream.get_final_response()


async def test_the_caller_s_cancellation_of_a_result_leaves_the_run() -> None:
    """Who waits for the result may give up; the stream goes on until it is closed."""
    gate = Gate()
    stream = slow(gate).run("x", stream=True)
    waiting = asyncio.create_task(stream.get_final_response())
    await gate.arrived.wait()
    waiting.cancel()
    await asyncio.wait({waiting})
    gate.opened.set()

    assert (await stream.get_final_response()).get_outputs() == ["x"]


def test_a_stream_that_outlives_its_loop_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said when the interpreter collects it."""
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    held = []

    async def leave() -> None:
        stream = build("a>", {"a": ignore}).run("x", stream=True)
        events = aiter(stream)
        await anext(events)
        held.append(events)

    asyncio.run(leave())
    held.clear()
    gc.collect()
    assert said == []
