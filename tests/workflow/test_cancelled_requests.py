# SPDX-License-Identifier: Apache-2.0
"""Requests that somebody decides to ask no more."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    MemoryStore,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.errors import WaitClosed
from holdfast.workflow import WorkflowRunState


class Asks(Executor):
    """Asks two things; says what it was told."""

    @handler
    async def take(self, message: str, ctx: WorkflowContext[None, str]) -> None:
        await ctx.request_info("one", str, request_id="r1")
        await ctx.request_info("two", str, request_id="r2")

    @response_handler
    async def told(self, asked: str, answer: str, ctx: WorkflowContext[None, str]) -> None:
        await ctx.yield_output(f"{asked}: {answer}")


def asking(storage: Any = None) -> Workflow:
    """The workflow, made anew."""
    builder = WorkflowBuilder(name="asks", start_executor="a", checkpoint_storage=storage)
    builder.register("a", lambda: Asks("a"))
    return builder.build()


@pytest.mark.parametrize("kept", [False, True])
async def test_a_cancelled_request_is_asked_no_more_and_the_rest_stays(*, kept: bool) -> None:
    """A warning names it; the other one is answered as ever, and the run completes."""
    workflow = asking(MemoryStore() if kept else None)
    await workflow.run("go")
    result = await workflow.cancel_pending_requests(["r1", "nobody"])

    assert result.get_final_state() is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    warned = [event.data for event in result if event.type == "warning"]
    assert any("'r1'" in text for text in warned)
    with pytest.raises(WaitClosed, match="was cancelled"):
        await workflow.run(responses={"r1": "late"})
    answered = await workflow.run(responses={"r2": "yes"})
    assert answered.get_outputs() == ["two: yes"]
    assert answered.get_final_state() is WorkflowRunState.IDLE


@pytest.mark.parametrize("kept", [False, True])
async def test_a_run_that_only_waited_for_it_has_completed(*, kept: bool) -> None:
    """Nothing is left to wait for."""
    store = MemoryStore() if kept else None
    workflow = asking(store)
    await workflow.run("go")
    result = await workflow.cancel_pending_requests(["r1", "r2"])
    assert result.get_final_state() is WorkflowRunState.IDLE
    if store is not None:
        row = await store.row(result.run_id)
        assert (row.status, row.open_waits) == ("completed", 0)


async def test_one_id_may_be_given_as_text() -> None:
    """It is not taken for its letters."""
    workflow = asking()
    await workflow.run("go")
    result = await workflow.cancel_pending_requests("r1")
    assert result.get_final_state() is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    assert (await workflow.run(responses={"r2": "x"})).get_outputs() == ["two: x"]


@pytest.mark.parametrize("names", [[""], ["r1", ""], [3], [None]])
async def test_what_is_no_request_id_is_refused_at_the_call(names: list[Any]) -> None:
    """Nothing is cancelled."""
    workflow = asking()
    await workflow.run("go")
    with pytest.raises(ValueError, match="request ids are texts"):
        workflow.cancel_pending_requests(names)
    assert (await workflow.run(responses={"r1": "a", "r2": "b"})).get_outputs() == [
        "one: a",
        "two: b",
    ]


async def test_a_request_is_cancelled_in_a_new_object_from_a_checkpoint() -> None:
    """It is not shown again either."""
    store = MemoryStore()
    first = asking(store)
    await first.run("go")
    checkpoint_id = first.get_last_checkpoint_id()
    second = asking(store)
    result = await second.cancel_pending_requests(["r1"], checkpoint_id=checkpoint_id)
    assert [event.request_id for event in result.get_request_info_events()] == ["r2"]
    answered = await second.run(responses={"r2": "yes"})
    assert answered.get_outputs() == ["two: yes"]


async def test_an_answer_to_a_cancelled_request_is_told_why_it_is_refused() -> None:
    """From any process, also one without the definition."""
    store = MemoryStore()
    workflow = asking(store)
    result = await workflow.run("go")
    await workflow.cancel_pending_requests(["r1"])
    async with Engine(store) as engine:
        with pytest.raises(WaitClosed):
            await engine.answer(result.run_id, "r1", "late")


async def test_an_answer_that_was_quicker_stands() -> None:
    """One of the two wins, and the store says which."""
    store = MemoryStore()
    workflow = asking(store)
    run_id = (await workflow.run("go")).run_id
    async with Engine(store) as engine:
        await engine.answer(run_id, "r1", "quick")
    result = await workflow.cancel_pending_requests(["r1"])
    assert result.get_outputs() == ["one: quick"]
