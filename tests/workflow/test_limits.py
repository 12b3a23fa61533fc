# SPDX-License-Identifier: Apache-2.0
"""The limit of supersteps: for one continuation, and never the loss of what was asked or said."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import InMemoryCheckpointStorage
from holdfast.errors import DefinitionError, WorkflowConvergenceException
from holdfast.workflow import WorkflowBuilder, WorkflowRunState
from tests.workflow.graphs import Context, build, words


async def count(message: int, ctx: Context) -> None:
    """Send the next number, for ever."""
    await ctx.yield_output(message)
    await ctx.send_message(message + 1)


async def test_a_loop_is_stopped_at_the_limit() -> None:
    """Trace 29.6: three supersteps, the exception, FAILED, three checkpoints and the entry."""
    storage = InMemoryCheckpointStorage()
    workflow = build("a>a", {"a": count}, max_iterations=3, checkpoint_storage=storage)
    with pytest.raises(WorkflowConvergenceException, match="3 supersteps went by") as caught:
        await workflow.run(0)

    assert caught.value.limit == 3
    assert workflow.status is WorkflowRunState.FAILED
    result = caught.value.workflow_result
    assert words(result)[-3:] == ["superstep_completed 3", "failed", "status FAILED"]
    kept = await storage.list_checkpoints()
    assert [(c.iteration_count, c.metadata["kind"]) for c in kept] == [
        (0, "entry"),
        (1, "superstep"),
        (2, "superstep"),
        (3, "superstep"),
    ]


async def test_a_run_that_ends_at_the_limit_is_fine() -> None:
    """What its last executor sends into nothing does not count as waiting."""
    result = await build("a>b b>c", max_iterations=3).run("x")

    assert words(result)[-1] == "superstep_completed 3"


async def test_a_stopped_loop_may_go_on() -> None:
    """By resume, for as many supersteps again; nothing was lost."""
    workflow = build("a>a", {"a": count}, max_iterations=2)
    with pytest.raises(WorkflowConvergenceException):
        await workflow.run(0)
    with pytest.raises(WorkflowConvergenceException) as caught:
        await workflow.run(resume=True)

    assert [line for line in words(caught.value.workflow_result) if "output" in line] == [
        "output a 2",
        "output a 3",
    ]


async def test_a_checkpoint_of_a_stopped_loop_may_go_on() -> None:
    """The last one goes on as resume does."""
    storage = InMemoryCheckpointStorage()
    workflow = build("a>a", {"a": count}, max_iterations=2, checkpoint_storage=storage)
    with pytest.raises(WorkflowConvergenceException):
        await workflow.run(0)
    last = workflow.get_last_checkpoint_id()
    with pytest.raises(WorkflowConvergenceException) as caught:
        await workflow.run(checkpoint_id=last)

    assert words(caught.value.workflow_result)[-3] == "superstep_completed 4"


async def test_answers_start_the_count_anew() -> None:
    """More rounds of answers than the limit has supersteps."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("more?", int, request_id="q0")

    async def again(request: Any, response: int, ctx: Context) -> None:
        if response < 5:
            await ctx.request_info("more?", int, request_id=f"q{response + 1}")
        else:
            await ctx.yield_output("enough")

    workflow = build("a>", {"a": (ask, again)}, max_iterations=1)
    result = await workflow.run("x")
    for number in range(6):
        assert workflow.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
        result = await workflow.run(responses={f"q{number}": number})

    assert result.get_outputs() == ["enough"]
    assert words(result)[0] == "superstep_started 7"


async def test_a_stopped_workflow_takes_a_new_run() -> None:
    """The messages that were waiting are dropped with the old run."""
    workflow = build("a>a", {"a": count}, max_iterations=1)
    with pytest.raises(WorkflowConvergenceException):
        await workflow.run(0)
    with pytest.raises(WorkflowConvergenceException) as caught:
        await workflow.run(10)

    assert caught.value.workflow_result.get_outputs() == [10]


@pytest.mark.parametrize("limit", [0, -1, True, "3", None], ids=repr)
def test_a_limit_is_a_whole_number_from_one(limit: Any) -> None:
    """Anything else is refused by the builder."""
    with pytest.raises(DefinitionError, match="max_iterations"):
        WorkflowBuilder(max_iterations=limit)
