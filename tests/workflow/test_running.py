# SPDX-License-Identifier: Apache-2.0
"""One run call: what it takes, what it gives, and its events in their exact order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.errors import InputRefused, RunError
from holdfast.workflow import (
    Executor,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowEvent,
    WorkflowRunState,
    executor,
    handler,
)
from tests.workflow.graphs import (
    Context,
    Do,
    build,
    events_of,
    give,
    ignore,
    warnings_of,
    words,
)


async def shout(message: str, ctx: Context) -> None:
    """Send the message in capitals."""
    await ctx.send_message(message.upper())


async def test_two_executors_tell_everything_in_order() -> None:
    """Trace 29.1: started, status, then each superstep with its handlers, then the last status."""
    events = await events_of(build("a>b", {"a": shout, "b": give}), "hi")

    assert words(events) == [
        "started",
        "status IN_PROGRESS",
        "superstep_started 1",
        "executor_invoked a 'hi'",
        "executor_completed a ['HI']",
        "superstep_completed 1",
        "superstep_started 2",
        "executor_invoked b 'HI'",
        "output b 'HI'",
        "executor_completed b ['HI']",
        "superstep_completed 2",
        "status IDLE",
    ]


async def test_superstep_events_say_who_sent_and_what_happened() -> None:
    """`start_info` names senders; `completion_info` says what ran, what changed, what is left."""

    async def write(message: str, ctx: Context) -> None:
        ctx.set_state("k", message)
        await ctx.send_message(message)

    events = await events_of(build("a>b", {"a": write, "b": ignore}), "x")
    starts = [e.start_info for e in events if e.type == "superstep_started"]
    ends = [e.completion_info for e in events if e.type == "superstep_completed"]

    assert [s.sending_executors for s in starts] == [("internal:a",), ("a",)]
    assert [s.has_external_messages for s in starts] == [True, False]
    assert [e.activated_executors for e in ends] == [("a",), ("b",)]
    assert [e.instantiated_executors for e in ends] == [("a", "b"), ()]
    assert [e.state_updated for e in ends] == [True, False]
    assert [e.has_pending_messages for e in ends] == [True, False]
    assert [e.checkpoint for e in ends] == [None, None]


async def test_a_collected_result_leaves_out_started_and_status() -> None:
    """Statuses are on the result all the same; they are shown when they were asked for."""
    workflow = build("a>b", {"b": give})
    result = await workflow.run("x")
    shown = await workflow.run("x", include_status_events=True)

    assert result.get_outputs() == ["x"]
    assert not [e for e in result if e.type in ("started", "status")]
    assert [e.state for e in result.status_timeline()] == ["IN_PROGRESS", "IDLE"]
    assert words(shown)[0] == "status IN_PROGRESS"
    assert result.get_final_state() is WorkflowRunState.IDLE


@pytest.mark.parametrize("message", [None, 0, "", False, [], {}], ids=repr)
async def test_any_value_is_a_message(message: Any) -> None:
    """None too: only leaving it out means that there is none."""
    assert (await build("a>", {"a": give}).run(message)).get_outputs() == [message]


class OnlyText(Executor):
    @handler
    async def take(self, message: str | bytes, ctx: WorkflowContext[str, str]) -> None: ...


async def test_an_input_that_nobody_takes_is_refused() -> None:
    """The error names what the start takes; the workflow is as it was."""
    workflow = WorkflowBuilder(start_executor=OnlyText("a")).build()

    with pytest.raises(InputRefused, match=r"'a' takes str \| bytes; found int") as caught:
        await workflow.run(3)
    assert isinstance(caught.value, RuntimeError)
    assert (workflow.status, workflow.run_id) == (WorkflowRunState.IDLE, None)


async def test_there_is_nothing_to_continue_before_the_first_run() -> None:
    """Neither answers nor resume have a run to go to."""
    workflow = build("a>")

    with pytest.raises(RunError, match="no run to continue"):
        await workflow.run(resume=True)
    with pytest.raises(RunError, match="no run to continue"):
        await workflow.run(responses={"r": 1})


async def test_a_call_that_was_not_awaited_blocks_nobody() -> None:
    """The guard begins with the first step of a call, not with making it."""
    workflow = build("a>", {"a": give})
    unused = workflow.run(1)
    stream = workflow.run(2, stream=True)

    assert (await workflow.run(3)).get_outputs() == [3]
    unused.close()
    assert (await stream.get_final_response()).get_outputs() == [2]


def test_one_workflow_serves_successive_loops() -> None:
    """Nothing is tied to the loop of its first run."""
    workflow = build("a>b a>c", {"b": give, "c": give})

    for value in (1, 2):
        assert asyncio.run(_outputs(workflow, value)) == [value, value]


async def _outputs(workflow: Any, value: Any) -> list[Any]:
    return (await workflow.run(value)).get_outputs()


async def test_a_message_that_nobody_takes_is_told() -> None:
    """By sender, type and where it was to go; it does not keep the run from ending."""

    async def lose(message: str, ctx: Context) -> None:
        await ctx.send_message(3)
        await ctx.send_message("x", target_id="c")

    first, text, other = Do("a", lose), OnlyText("b"), OnlyText("c")
    workflow = (
        WorkflowBuilder(start_executor=first).add_edge(first, text).add_edge(text, other).build()
    )
    result = await workflow.run("go")

    assert warnings_of(result) == [
        "a int that 'a' sent along its edges was dropped: no executor there takes it",
        "a str that 'a' sent to 'c' was dropped: no executor there takes it",
    ]
    assert words(result)[-1] == "superstep_completed 1"
    assert result.get_final_state() is WorkflowRunState.IDLE


async def test_a_leaf_may_send_into_nothing() -> None:
    """An executor without edges ends the graph by design: no warning and no superstep."""
    result = await build("a>").run("x")

    assert warnings_of(result) == []
    assert [e.iteration for e in result if e.type == "superstep_started"] == [1]


async def test_a_message_may_name_its_target() -> None:
    """Only that edge is used."""

    async def aim(message: Any, ctx: Context) -> None:
        await ctx.send_message(message, target_id="c")

    result = await build("a>b a>c", {"a": aim, "b": give, "c": give}).run("x")

    assert [e.executor_id for e in result if e.type == "output"] == ["c"]


async def test_what_a_call_sent_and_yielded_can_be_asked() -> None:
    """Inside the handler, so far; and who sent what it handles."""
    seen: list[Any] = []

    async def look(message: Any, ctx: Context) -> None:
        await ctx.send_message("m")
        await ctx.yield_output("o")
        seen.append((ctx.get_sent_messages(), ctx.get_yielded_outputs()))
        seen.append((ctx.get_source_executor_id(), ctx.source_executor_ids, ctx.is_streaming()))
        seen.append((ctx.request_id, ctx.attempt))

    await build("a>b", {"b": look}).run("x")

    assert seen == [(["m"], ["o"]), ("a", ["a"], False), (None, 0)]


async def test_custom_events_pass_and_reserved_ones_do_not() -> None:
    """What only the engine may say becomes a warning."""

    async def tell(message: Any, ctx: Context) -> None:
        await ctx.add_event(WorkflowEvent("progress", data=3))
        await ctx.add_event(WorkflowEvent.started())

    result = await build("a>", {"a": tell}).run("x")

    assert [(e.type, e.data) for e in result if e.type == "progress"] == [("progress", 3)]
    assert warnings_of(result) == ["executor 'a' may not send events of type 'started'"]


async def test_designated_outputs_are_told_apart() -> None:
    """Results, progress, and what stays hidden; the handler's own event shows all."""

    async def both(message: Any, ctx: Context) -> None:
        await ctx.send_message("x")
        await ctx.yield_output(f"x after {ctx.get_source_executor_id()}")

    workflow = build(
        "a>b b>c", dict.fromkeys("abc", both), output_from=["c"], intermediate_output_from=["b"]
    )
    result = await workflow.run("x")

    assert result.get_outputs() == ["x after b"]
    assert result.get_intermediate_outputs() == ["x after a"]
    assert "executor_completed a ['x', 'x after internal:a']" in words(result)


async def test_the_plan_s_notices_are_told_with_the_first_run() -> None:
    """Once, not with every run."""

    @executor
    async def in_vain(message: str) -> str:
        return message

    workflow = WorkflowBuilder(start_executor=in_vain).build()

    assert warnings_of(await workflow.run("x")) == list(workflow.plan.warnings) != []
    assert warnings_of(await workflow.run("x")) == []


async def test_reset_forgets_the_run() -> None:
    """Shared state is gone, the status is that of a new object."""

    async def count(message: Any, ctx: Context) -> None:
        ctx.set_state("n", ctx.get_state("n", 0) + 1)
        await ctx.yield_output(ctx.get_state("n"))

    workflow = build("a>", {"a": count})
    assert (await workflow.run(1)).get_outputs() == [1]
    assert (await workflow.run(1)).get_outputs() == [2]
    workflow.reset()

    assert (workflow.status, workflow.run_id) == (WorkflowRunState.IDLE, None)
    assert (await workflow.run(1)).get_outputs() == [1]
