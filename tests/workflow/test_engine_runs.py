# SPDX-License-Identifier: Apache-2.0
"""Workflows carried by an engine: many runs of one definition, decisions from outside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, Workflow
from holdfast.errors import (
    AnswerRefused,
    DefinitionError,
    RunCancelled,
    RunExists,
    RunFailed,
    WorkflowConvergenceException,
)
from tests.workflow.graphs import Context, Gate, build, builder, give, ignore


async def ask(message: Any, ctx: Context) -> None:
    """Ask under one id, and send on."""
    await ctx.request_info(message, int, request_id="r")
    await ctx.send_message(message)


async def hear(request: Any, response: Any, ctx: Context) -> None:
    """Yield question and answer."""
    await ctx.yield_output((request, response))


def asking() -> Workflow:
    """One that asks, and one that takes what it sends."""
    return build("a>b", {"a": (ask, hear), "b": ignore}, name="asking")


def test_instances_are_refused_with_the_remedy() -> None:
    """They serve one run at a time; the error names them and says how to give factories."""
    workflow = builder("a>b", {}, instances=True).build()

    with pytest.raises(DefinitionError, match="one run at a time: a, b") as caught:
        workflow.execution_in(None, None)
    assert "WorkflowBuilder.register(id, factory)" in caught.value.hint


async def test_an_engine_refuses_instances(store: Any) -> None:
    """At the start of the run; nothing is in the store."""
    workflow = builder("a>", {}, instances=True, name="w").build()
    async with Engine(store, [workflow]) as engine:
        with pytest.raises(DefinitionError, match="one run at a time"):
            await engine.start(workflow, "x")
        assert await engine.runs() == ()


async def test_one_definition_has_many_runs_at_once(store: Any) -> None:
    """Each with executors and state of its own."""
    gate = Gate()

    async def count(message: Any, ctx: Context) -> None:
        await gate.wait()
        ctx.set_state("n", ctx.get_state("n", 0) + 1)
        await ctx.yield_output((message, ctx.get_state("n")))

    workflow = build("a>", {"a": count}, name="w")
    async with Engine(store, [workflow]) as engine:
        runs = [await engine.start(workflow, n) for n in range(5)]
        gate.opened.set()
        results = [await run.result() for run in runs]

        assert results == [[(n, 1)] for n in range(5)]
        assert [row.status for row in await engine.runs()] == ["completed"] * 5


async def test_the_same_start_twice_is_the_same_run(store: Any) -> None:
    """The same id with the same input; another input is refused."""
    workflow = build("a>", {"a": give}, name="w")
    async with Engine(store, [workflow]) as engine:
        first = await engine.start(workflow, "x", run_id="r")
        again = await engine.start(workflow, "x", run_id="r")
        assert await first.result() == await again.result() == ["x"]
        with pytest.raises(RunExists):
            await engine.start(workflow, "y", run_id="r")
        assert len(await engine.runs()) == 1


async def test_an_engine_answers_questions(store: Any) -> None:
    """The schema of the type decides; the response checkpoint is taken."""
    workflow = asking()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        await (await engine.driven("r")).live.until_quiet()
        (wait,) = await engine.waits()
        assert (wait.run_id, wait.wait_id, wait.type) == ("r", "r", "str")
        with pytest.raises(AnswerRefused):
            await engine.answer("r", "r", "no number")
        await engine.answer("r", "r", 3, request_id="once")
        assert await run.result() == [("x", 3)]

    kinds = [c.metadata["kind"] for c in await store.list_checkpoints()]
    assert kinds == ["entry", "superstep", "superstep", "response", "superstep"]


async def test_an_answer_while_others_work_waits_for_the_barrier(store: Any) -> None:
    """It becomes a message of the next superstep."""
    gate = Gate()

    async def wait(message: Any, ctx: Context) -> None:
        await gate.wait()

    workflow = build("a>b", {"a": (ask, hear), "b": wait}, name="w")
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        await gate.arrived.wait()
        await engine.answer("r", "r", 3)
        gate.opened.set()

        assert await run.result() == [("x", 3)]


def failing(fails: list[str], runs: list[str]) -> Workflow:
    """Two in parallel, each of which fails while it is named in the list."""

    def work(name: str) -> Any:
        async def do(message: Any, ctx: Context) -> None:
            runs.append(name)
            if name in fails:
                raise ConnectionError(f"{name} is down")
            await ctx.yield_output(name)

        return do

    return build("s>a s>b", {"a": work("a"), "b": work("b")}, name="failing")


async def stand(engine: Engine, workflow: Workflow) -> Any:
    """Start a run that fails, and wait until it stands."""
    run = await engine.start(workflow, "x", run_id="r")
    with pytest.raises(RunFailed, match="is down") as caught:
        await run.result()
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert (await run.row()).status == "parked"
    return run


async def test_a_failed_run_is_retried_by_decision(store: Any) -> None:
    """What had not finished runs again; the same handle gives the result."""
    fails, runs = ["b"], []
    workflow = failing(fails, runs)
    async with Engine(store, [workflow]) as engine:
        run = await stand(engine, workflow)
        fails.clear()
        await engine.retry("r")

        assert sorted(await run.result()) == ["a", "b"]
        assert runs.count("b") == 2


async def test_a_retry_may_fail_again(store: Any) -> None:
    """The run stands again; another retry is possible."""
    fails, runs = ["b"], []
    workflow = failing(fails, runs)
    async with Engine(store, [workflow]) as engine:
        run = await stand(engine, workflow)
        await engine.retry("r")
        with pytest.raises(RunFailed):
            await run.result()
        fails.clear()
        await engine.retry("r")

        assert sorted(await run.result()) == ["a", "b"]


async def test_failed_work_is_skipped_by_decision(store: Any) -> None:
    """It counts as done; the others of its superstep run."""
    fails, runs = ["b"], []
    workflow = failing(fails, runs)
    async with Engine(store, [workflow]) as engine:
        run = await stand(engine, workflow)
        driven = await engine.driven("r")
        (parked,) = driven.graph.parked()  # type: ignore[attr-defined]
        await engine.skip("r", parked.id)

        assert await run.result() == ["a"]
        assert (await run.row()).status == "completed"


async def test_a_standing_run_takes_answers_and_waits_for_a_decision(store: Any) -> None:
    """Another engine does not start it by itself, nor does an answer; a retry does."""
    runs: list[str] = []
    fails = ["b"]

    async def fail(message: Any, ctx: Context) -> None:
        runs.append("b")
        if fails:
            raise ValueError("no")

    workflow = build("a>b", {"a": (ask, hear), "b": fail}, name="w")
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        with pytest.raises(RunFailed):
            await run.result()
    async with Engine(store, [workflow]) as engine:
        await engine.answer("r", "r", 5)
        run = await engine.open("r")
        with pytest.raises(RunFailed):
            await run.result()
        assert (runs, (await run.row()).status) == (["b"], "parked")
        fails.clear()
        await engine.retry("r")

        assert await run.result() == [("x", 5)]
        assert runs == ["b", "b"]
    # The answer did not slip into the superstep that stood.
    assert [c.iteration_count for c in await store.list_checkpoints()] == [0, 1, 2, 3]


async def test_a_run_is_cancelled_by_decision(store: Any) -> None:
    """Its handlers are stopped, its questions closed."""
    gate = Gate()

    async def wait(message: Any, ctx: Context) -> None:
        await gate.wait()

    workflow = build("a>b", {"a": (ask, hear), "b": wait}, name="w")
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        await gate.arrived.wait()
        await engine.cancel("r")
        with pytest.raises(RunCancelled):
            await run.result()

        assert (await run.row()).status == "cancelled"
        assert await engine.waits() == ()


async def test_a_run_that_does_not_converge_stands(store: Any) -> None:
    """As failed, with the limit named; a retry lets it go on."""

    async def count(message: int, ctx: Context) -> None:
        if message == 5:
            await ctx.yield_output("done")
        else:
            await ctx.send_message(message + 1)

    workflow = build("a>a", {"a": count}, name="w", max_iterations=3)
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, 0, run_id="r")
        with pytest.raises(RunFailed, match="not converged after 3") as caught:
            await run.result()
        assert isinstance(caught.value.__cause__, WorkflowConvergenceException)
        await engine.retry("r")

        assert await run.result() == ["done"]


class SlowStore(MemoryStore):
    """Takes a turn of the loop for every append, so that commits are seen under way."""

    committed: int = 0

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Append later."""
        for _ in range(5):
            await asyncio.sleep(0)
        self.committed += 1
        return await super().append(claim, commit, after=after)


async def test_a_result_is_told_after_the_commit_that_says_so() -> None:
    """Although another handler of the last superstep was saved before."""
    store = SlowStore()
    works = dict.fromkeys("abc", give)
    workflow = build("s>a s>b s>c", works, name="w")
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        await run.result()

        assert (await store.row("r")).status == "completed"


async def test_a_closed_engine_leaves_the_rest_for_the_next_one(store: Any) -> None:
    """What was under way is due in the store, and nobody owns it."""
    gate = Gate()
    runs: list[str] = []

    async def wait(message: Any, ctx: Context) -> None:
        runs.append("b")
        await gate.wait()
        await ctx.yield_output(message)

    workflow = build("a>b", {"b": wait}, name="w")
    async with Engine(store, [workflow]) as engine:
        await engine.start(workflow, "x", run_id="r")
        await gate.arrived.wait()
    row = await store.row("r")
    assert (row.owner, row.due) == (None, True)
    gate.opened.set()
    async with Engine(store, [workflow]) as engine:
        assert await (await engine.open("r")).result() == ["x"]

    assert runs == ["b", "b"]


async def test_a_finished_run_keeps_its_outputs(store: Any) -> None:
    """Another engine gives them without running anything."""
    runs: list[str] = []

    async def say(message: Any, ctx: Context) -> None:
        runs.append("a")
        await ctx.yield_output(message)

    workflow = build("a>", {"a": say}, name="w")
    async with Engine(store, [workflow]) as engine:
        await (await engine.start(workflow, "x", run_id="r")).result()
    async with Engine(store, [workflow]) as engine:
        assert await (await engine.open("r")).result() == ["x"]

    assert runs == ["a"]


async def test_a_run_of_an_engine_can_be_continued_by_a_workflow_object(store: Any) -> None:
    """And the other way round: they are the same runs."""
    workflow = asking()
    async with Engine(store, [workflow]) as engine:
        await engine.start(workflow, "x", run_id="r")
        await (await engine.driven("r")).live.until_quiet()
    last = (await store.list_checkpoint_ids())[-1]
    result = await asking().run(checkpoint_id=last, checkpoint_storage=store, responses={"r": 4})

    assert result.get_outputs() == [("x", 4)]
