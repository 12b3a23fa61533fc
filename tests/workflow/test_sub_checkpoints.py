# SPDX-License-Identifier: Apache-2.0
"""Sub-workflows in checkpoints and in the store: nothing of them is lost, at any depth."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Engine, Workflow, WorkflowBuilder
from holdfast.definition.subgraph import frame_number
from holdfast.errors import DefinitionError, WorkflowCheckpointException
from holdfast.persistence.parts import merge
from holdfast.persistence.store import Store
from holdfast.workflow import SubWorkflowRequestMessage, WorkflowExecutor
from tests.workflow.graphs import Context, Gate, Remembers, give, warnings_of
from tests.workflow.subs import Answers, Shows, Verdict, agree, asking, inner, outer
from tests.workflow.test_crashes import forsaken


async def saved(store: Any, name: str) -> None:
    """Wait until the store holds this part of the run "r"."""
    while True:
        stored = await store.read("r")
        if name in merge(stored.anchor, stored.deltas):
            return
        await asyncio.sleep(0)


async def ids(place: Any) -> list[str]:
    """The checkpoints that a place keeps, in order."""
    return list(await place.list_checkpoint_ids())


async def test_every_inner_superstep_is_a_checkpoint(place: Any) -> None:
    """And a new object goes on from the middle of the sub-workflow."""

    async def note(message: Any, ctx: Context) -> None:
        ctx.append_state("seen", message)
        await ctx.send_message(f"{message}.")

    async def end(message: Any, ctx: Context) -> None:
        await ctx.yield_output([message, ctx.get_state("seen")])

    def made() -> Workflow:
        child = inner("x>y y>z", {"x": note, "y": note, "z": end})
        return outer("a>s s>b", {"a": note, "s": child, "b": give}, name="w")

    await made().run("m", checkpoint_storage=place)
    kept = await ids(place)
    assert len(kept) == 6

    again = made()
    result = await again.run(checkpoint_id=kept[3], checkpoint_storage=place)
    called = [e.executor_id for e in result if e.type == "executor_invoked"]
    assert called == ["s/z", "b"]
    assert result.get_outputs() == [["m...", ["m.", "m.."]]]


async def test_a_pending_inner_question_survives_into_a_new_object(place: Any) -> None:
    """Propagated: the same id, answered in a new object; the inner counters are intact."""

    def made() -> Workflow:
        return outer(
            "s>show", {"s": (asking(), {"propagate_request": True}), "show": Shows()}, name="w"
        )

    first = await made().run("order", checkpoint_storage=place)
    assert [e.request_id for e in first.get_request_info_events()] == ["q"]
    last = (await ids(place))[-1]

    again = made()
    result = await again.run(checkpoint_id=last, checkpoint_storage=place, responses={"q": True})
    assert result.get_outputs() == ["order: True (1)"]


class Boss(Answers):
    """Keeps the question over a checkpoint, and answers it after a word from its neighbour."""

    async def on_checkpoint_save(self) -> dict[str, Any]:
        return {"requests": self.requests}

    async def on_checkpoint_restore(self, state: dict[str, Any]) -> None:
        self.requests = state["requests"]


async def test_a_question_under_way_inside_survives_into_a_new_object(place: Any) -> None:
    """The message that carries it, the wait behind it, and what whoever took it kept of it."""

    def made(work: Any) -> tuple[Workflow, Boss]:
        boss = Boss("boss", work)
        parts = {"s": asking(form=Verdict), "boss": boss, "show": Shows()}
        return outer("s>boss boss>s s>show", parts, name="w"), boss

    async def decide(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        await ctx.send_message(request.create_response(Verdict(True, 2.0)))

    workflow, _ = made(decide)
    await workflow.run("order", checkpoint_storage=place)
    kept = await ids(place)

    # After the inner executor asked: the question is on its way to the graph around.
    again, boss = made(decide)
    result = await again.run(checkpoint_id=kept[1], checkpoint_storage=place)
    assert result.get_outputs() == ["order: Verdict(ok=True, n=2.0)"]
    assert result.get_request_info_events() == []
    if isinstance(place, Store):
        assert (await place.waits(status=None)).items == ()
    assert boss.requests[0].source_event.response_type is Verdict
    with pytest.raises(TypeError, match="asks for Verdict"):
        boss.requests[0].create_response(True)

    # After it was taken: the answer is on its way, and the question was kept by a hook.
    again, boss = made(decide)
    result = await again.run(checkpoint_id=kept[2], checkpoint_storage=place)
    assert result.get_outputs() == ["order: Verdict(ok=True, n=2.0)"]
    assert boss.requests[0].source_event.response_type is Verdict


async def test_what_inner_executors_hold_is_kept_under_their_paths(place: Any) -> None:
    """At any depth, and given back to a new object."""

    def made() -> Workflow:
        middle = outer("m>p", {"m": inner("x>", {"x": give}), "p": Remembers("p", give)})
        return outer("o>b", {"o": middle, "b": give}, name="w")

    await made().run("hi", checkpoint_storage=place)
    last = (await place.list_checkpoints())[-1]
    assert {name for name in last.parts if name.startswith("executor/")} == {
        "executor/o/m/x",
        "executor/o/p",
    }

    again = made()
    await again.run(checkpoint_id=last.checkpoint_id, checkpoint_storage=place)
    executors: Any = again.executors
    assert (executors["o/m/x"].seen, executors["o/p"].seen) == (["hi"], ["hi"])


async def test_inner_state_is_in_the_parts_of_its_frame(place: Any) -> None:
    """So that it costs what changed, and can be read."""

    async def note(message: Any, ctx: Context) -> None:
        ctx.set_state("key", ctx.get_state("key", 0) + 1)
        await ctx.yield_output(message)

    workflow = outer("a>s s>b", {"s": inner("x>", {"x": note}), "b": give})
    await workflow.run("hi", checkpoint_storage=place)
    last = (await place.list_checkpoints())[-1]

    assert last.parts[f"state/{frame_number('s')}/key"] == b"1"
    assert not any(name.startswith("state/0/") for name in last.parts)


async def test_a_sub_workflow_that_is_gone_is_named(place: Any) -> None:
    """A checkpoint that needs it is refused; one that does not loads with a warning."""

    def made(edges: str) -> Workflow:
        return outer(edges, {"s": inner("x>", {"x": give}), "t": inner("y>"), "b": give}, name="w")

    await made("a>s s>b").run("hi", checkpoint_storage=place)
    kept = await ids(place)
    with pytest.raises(WorkflowCheckpointException, match="s/x"):
        await made("a>b").run(checkpoint_id=kept[1], checkpoint_storage=place)

    result = await made("a>t t>s a>s s>b").run(checkpoint_id=kept[1], checkpoint_storage=place)
    assert result.get_outputs() == ["hi"]
    assert any("has changed" in text for text in warnings_of(result))


async def test_a_sub_workflow_declared_before_another_does_not_take_its_state(place: Any) -> None:
    """Frames are known by their paths, not by their places."""

    async def count(message: Any, ctx: Context) -> None:
        ctx.set_state("n", ctx.get_state("n", 0) + 1)
        await ctx.yield_output(ctx.get_state("n"))
        if message:
            await ctx.send_message(message - 1)

    def made(edges: str) -> Workflow:
        child = inner("x>x", {"x": count})
        return outer(edges, {"s": child, "r": inner("x>"), "b": give}, name="w")

    await made("a>s s>b").run(2, checkpoint_storage=place)
    kept = await ids(place)
    result = await made("a>r r>s a>s s>b").run(checkpoint_id=kept[3], checkpoint_storage=place)
    assert result.get_outputs()[-1] == 3


async def test_only_unfinished_inner_handlers_run_again(store: Any) -> None:
    """The process goes in the middle of an inner superstep; the one that had ended is kept."""
    calls: list[str] = []
    gate = Gate()

    async def fast(message: Any, ctx: Context) -> None:
        calls.append("fast")
        ctx.set_state("fast", True)
        await ctx.send_message(message)

    async def slow(message: Any, ctx: Context) -> None:
        calls.append("slow")
        if len(calls) < 3:
            await gate.wait()
        await ctx.send_message(message)

    async def join(message: Any, ctx: Context) -> None:
        ctx.append_state("joined", message)
        if len(ctx.get_state("joined")) == 2:
            await ctx.yield_output([ctx.get_state("fast"), ctx.get_state("joined")])

    child = inner("x>f x>g f>j g>j", {"f": fast, "g": slow, "j": join})
    builder = WorkflowBuilder(name="w").register("b", lambda: Remembers("b", give))
    node = WorkflowExecutor(child, "s")
    workflow = builder.set_start_executor(node).add_edge(node, "b").build()

    first = Engine(store, [workflow])
    await first.__aenter__()
    await first.start(workflow, "m", run_id="r")
    await gate.arrived.wait()
    while "fast" not in calls:
        await gate.arrived.wait()
    await forsaken(first)
    async with Engine(store, [workflow]) as second:
        assert await (await second.open("r")).result() == [[True, ["m", "m"]]]
    assert sorted(calls) == ["fast", "slow", "slow"]


async def test_a_question_whose_handler_was_lost_is_offered_anew(store: Any) -> None:
    """Asked in an attempt that did not end: the graph around hears of it once."""
    gate = Gate()
    boss_saw: list[Any] = []

    async def slowly(message: Any, ctx: Context) -> None:
        await ctx.request_info({"about": message}, bool, request_id="q")
        # Another commit takes the question into the store before the process goes.
        if ctx.attempt == 0:
            await gate.wait()

    async def beside(message: Any, ctx: Context) -> None:
        ctx.set_state("beside", True)

    async def heard(request: Any, answer: Any, ctx: Context) -> None:
        await ctx.yield_output(f"{request['about']}: {answer}")

    async def take(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        boss_saw.append(request.source_event.request_id)
        await agree(request, ctx)

    child = inner("x>y x>z", {"y": (slowly, heard), "z": beside})
    builder = WorkflowBuilder(name="w").register("show", Shows)
    builder.register("boss", lambda: Answers("boss", take))
    node = WorkflowExecutor(child, "s")
    builder.set_start_executor(node).add_edge(node, "boss").add_edge("boss", node)
    workflow = builder.add_edge(node, "show").build()

    first = Engine(store, [workflow])
    await first.__aenter__()
    await first.start(workflow, "order", run_id="r")
    await gate.arrived.wait()
    await saved(store, "wait/q")
    await forsaken(first)
    assert boss_saw == []
    async with Engine(store, [workflow]) as second:
        assert await (await second.open("r")).result() == ["order: True"]
    assert boss_saw == ["q"]


async def test_an_inner_question_that_a_repeat_does_not_ask_is_withdrawn(store: Any) -> None:
    """The store never knew it, so it is not asked about it."""
    gate = Gate()

    async def ask(message: Any, ctx: Context) -> None:
        if ctx.attempt == 0:
            await ctx.request_info("?", bool, request_id="q")
            await gate.wait()
        await ctx.yield_output("another way")

    child = inner("x>y x>z", {"y": ask, "z": give})
    builder = WorkflowBuilder(name="w").register("show", Shows).register("boss", Answers)
    node = WorkflowExecutor(child, "s")
    builder.set_start_executor(node).add_edge(node, "boss").add_edge("boss", node)
    workflow = builder.add_edge(node, "show").build()

    first = Engine(store, [workflow])
    await first.__aenter__()
    await first.start(workflow, "m", run_id="r")
    await gate.arrived.wait()
    await saved(store, "wait/q")
    await forsaken(first)
    async with Engine(store, [workflow]) as second:
        run = await second.open("r")
        assert sorted(await run.result()) == ["another way", "m"]
        assert await run.waits(status=None) == ()


async def test_an_engine_takes_sub_workflows_from_factories_only(store: Any) -> None:
    """Instances inside serve one run at a time too; the error gives their paths."""
    workflow = outer("s>", {"s": inner("x>")()}, name="w")
    async with Engine(store, [workflow]) as engine:
        with pytest.raises(DefinitionError, match="one run at a time: s/x"):
            await engine.start(workflow, "x")


async def test_many_runs_of_one_workflow_do_not_meet_inside(store: Any) -> None:
    """Each has its own inner executors and state."""

    async def note(message: Any, ctx: Context) -> None:
        ctx.append_state("seen", message)
        await ctx.send_message(message)

    async def end(message: Any, ctx: Context) -> None:
        await ctx.yield_output(ctx.get_state("seen"))

    child = inner("x>y", {"x": note, "y": end})
    node = WorkflowExecutor(child, "s", allow_direct_output=True)
    workflow = WorkflowBuilder(name="w", start_executor=node).build()
    async with Engine(store, [workflow]) as engine:
        runs = [await engine.start(workflow, f"m{n}", run_id=f"r{n}") for n in range(5)]
        assert [await run.result() for run in runs] == [[[f"m{n}"]] for n in range(5)]


async def test_types_that_an_inner_workflow_registered_can_be_kept(place: Any) -> None:
    """Under the names it gave them."""

    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

    async def send(message: Any, ctx: Context) -> None:
        await ctx.send_message(Point(message))

    async def end(message: Any, ctx: Context) -> None:
        await ctx.yield_output(message.x)

    def made() -> Workflow:
        child = inner("x>y", {"x": send, "y": end})()
        child.register_type(Point, "point.v1", to=lambda p: p.x, make=Point)
        return outer("s>b", {"s": child, "b": give}, name="w")

    await made().run(7, checkpoint_storage=place)
    kept = await ids(place)
    result = await made().run(checkpoint_id=kept[1], checkpoint_storage=place)
    assert result.get_outputs() == [7]
