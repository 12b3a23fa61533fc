# SPDX-License-Identifier: Apache-2.0
"""An executor asks the run to rest: at the barrier, with its messages kept."""

from __future__ import annotations

from typing import Any

from holdfast import Engine, InMemoryCheckpointStorage
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import Context, build, give, words


async def halt(message: Any, ctx: Context) -> None:
    """Send on, and ask for a rest."""
    ctx.request_halt()
    await ctx.send_message(message)


async def test_the_run_rests_at_the_end_of_the_superstep() -> None:
    """Siblings end first; what was sent is delivered when the run goes on."""
    workflow = build("s>a s>b a>t b>t", {"a": halt, "t": give})
    first = await workflow.run("x")
    assert (first.get_outputs(), workflow.status) == ([], WorkflowRunState.IDLE)
    assert words(first)[-1] == "superstep_completed 2"
    second = await workflow.run(resume=True)

    assert second.get_outputs() == ["x", "x"]
    assert words(second)[0] == "superstep_started 3"


async def test_a_halt_with_nothing_sent_is_the_end() -> None:
    """There is nothing to go on with."""
    workflow = build("a>b", {"a": lambda _m, ctx: _only_halt(ctx)})
    await workflow.run("x")

    assert words(await workflow.run(resume=True)) == []


async def _only_halt(ctx: Context) -> None:
    ctx.request_halt()


async def test_an_answer_takes_a_halted_run_up() -> None:
    """With all that waited."""

    async def ask(message: Any, ctx: Context) -> None:
        ctx.request_halt()
        await ctx.request_info("?", int, request_id="q")
        await ctx.send_message("sent before")

    async def hear(request: Any, response: int, ctx: Context) -> None:
        await ctx.yield_output(response)

    workflow = build("a>t", {"a": (ask, hear), "t": give})
    await workflow.run("x")
    result = await workflow.run(responses={"q": 5})

    assert sorted(map(str, result.get_outputs())) == ["5", "sent before"]


async def test_a_halt_is_kept(store: Any) -> None:
    """Another process does not start the run by itself; a decision does."""
    workflow = build("a>t", {"a": halt, "t": give}, name="w")
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        await run.until_idle()
    async with Engine(store, [workflow]) as engine:
        run = await engine.open("r")
        row = await run.row()
        assert (row.status, row.due) == ("idle", False)
        await engine.retry("r")
        assert await run.result() == ["x"]


async def test_a_halted_checkpoint_goes_on_when_it_is_restored() -> None:
    """In an object built anew."""
    storage = InMemoryCheckpointStorage()
    await build("a>t", {"a": halt, "t": give}, name="w").run("x", checkpoint_storage=storage)
    last = (await storage.list_checkpoints())[-1]
    again = build("a>t", {"a": halt, "t": give}, name="w")
    result = await again.run(checkpoint_id=last.checkpoint_id, checkpoint_storage=storage)

    assert result.get_outputs() == ["x"]


async def test_a_halt_begins_the_count_of_supersteps_anew() -> None:
    """Somebody decided that the run goes on."""

    async def count(message: int, ctx: Context) -> None:
        if message == 6:
            await ctx.yield_output(message)
            return
        if message % 2:
            ctx.request_halt()
        await ctx.send_message(message + 1)

    workflow = build("a>a", {"a": count}, max_iterations=2)
    await workflow.run(0)
    for _ in range(2):
        await workflow.run(resume=True)

    assert (await workflow.run(resume=True)).get_outputs() == [6]
