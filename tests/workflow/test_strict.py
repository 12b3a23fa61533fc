# SPDX-License-Identifier: Apache-2.0
"""A strict workflow: what would be a warning stops the build or the run."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Engine, WorkflowBuilder, WorkflowContext, executor
from holdfast.errors import RunFailed, WorkflowStrictException, WorkflowValidationError
from tests.workflow.graphs import Context, Do, build, builder, forward, ignore, sends, warnings_of


async def aim(message: Any, ctx: Context) -> None:
    """Send to somebody to whom no edge leads."""
    await ctx.yield_output("done")
    await ctx.send_message("m", target_id="z")


async def test_a_message_that_nobody_takes_stops_the_run() -> None:
    """What its sender did is kept; skipped, the message goes nowhere."""
    workflow = build("a>b", {"a": aim}, strict=True)
    with pytest.raises(WorkflowStrictException, match="sent to 'z' was dropped") as caught:
        await workflow.run("x")

    assert caught.value.workflow_result.get_outputs() == ["done"]
    with pytest.raises(WorkflowStrictException):
        await workflow.run(resume=True)


async def test_a_decision_skips_a_message_that_nobody_takes(store: Any) -> None:
    """Then the run goes on without it."""
    workflow = build("a>b", {"a": aim}, strict=True, name="w")
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        with pytest.raises(RunFailed, match="was dropped"):
            await run.result()
        await engine.skip("r", 1)
        assert await run.result() == ["done"]


def half() -> WorkflowBuilder:
    """A fan-in of which one source is silent."""
    works = {"b": sends("b"), "c": ignore}
    new = builder("a>b a>c", works, name="half", strict=True)
    return new.register("d", lambda: Do("d", forward)).add_fan_in_edges(["b", "c"], "d")


async def test_a_half_filled_fan_in_stops_the_run_at_rest() -> None:
    """By decision it is dropped with a warning."""
    workflow = half().build()
    with pytest.raises(WorkflowStrictException, match="missing: c") as caught:
        await workflow.run("x")
    assert caught.value.workflow_result[-2].type == "failed"
    result = await workflow.run(resume=True)

    assert [text.split(" had")[0] for text in warnings_of(result)] == ["fan-in 'b+c->d'"]
    assert workflow.status == "IDLE"


async def test_a_fresh_run_after_a_strict_stop_knows_nothing_of_it() -> None:
    """The object is as good as new."""
    workflow = half().build()
    for _ in range(2):
        with pytest.raises(WorkflowStrictException, match="had only b "):
            await workflow.run("x")


async def test_a_strict_stop_at_rest_is_kept(store: Any) -> None:
    """It stands in the store until somebody decides."""
    workflow = half().build()
    async with Engine(store, [workflow]) as engine:
        with pytest.raises(RunFailed, match="missing: c"):
            await (await engine.start(workflow, "x", run_id="r")).result()
    async with Engine(store, [workflow]) as engine:
        run = await engine.open("r")
        assert (await run.row()).status == "parked"
        await engine.retry("r")
        assert await run.result() == []
        assert (await run.row()).status == "completed"


def test_what_would_be_told_at_the_first_run_stops_a_strict_build() -> None:
    """Here an edge whose types cannot be checked."""

    @executor
    async def silent(message: str, ctx: WorkflowContext) -> None:
        """Declares nothing that it sends."""

    @executor
    async def next_one(message: str, ctx: WorkflowContext) -> None:
        """Takes text."""

    new = WorkflowBuilder(start_executor=silent, strict=True).add_edge(silent, next_one)
    with pytest.raises(WorkflowValidationError, match="were not checked") as caught:
        new.build()
    assert str(caught.value).startswith("[STRICT] ")


async def test_a_strict_run_without_anything_to_tell_is_like_any_other() -> None:
    """Leaves may send into nothing, and conditions may decline."""
    new = builder("a>b", {}, strict=True).register("c", lambda: Do("c", forward))
    result = await new.add_edge("a", "c", lambda _: False).build().run("x")

    assert warnings_of(result) == []
