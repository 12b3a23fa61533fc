# SPDX-License-Identifier: Apache-2.0
"""Whole runs, event by event and checkpoint by checkpoint: two nodes, a fork, a join, a failure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import InMemoryCheckpointStorage, MemoryStore, Workflow, WorkflowCheckpoint
from holdfast.errors import WorkflowCheckpointException, WorkflowConvergenceException
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import (
    Context,
    Do,
    builder,
    events_of,
    forward,
    give,
    words,
)


def flying(checkpoint: WorkflowCheckpoint) -> dict[str, Any]:
    """What is in flight in a checkpoint: what each node is to take, and what joins hold."""
    due = [json.loads(part) for name, part in checkpoint.parts.items() if name.startswith("due/")]
    joins = {
        name.removeprefix("gather/"): json.loads(part)
        for name, part in checkpoint.parts.items()
        if name.startswith("gather/")
    }
    return {**{each["n"]: each["v"] for each in due}, **joins}


async def chain(storage: Any) -> list[tuple[int, dict[str, Any], bool]]:
    """The checkpoints: completed supersteps, what is in flight, whether its parent is the last."""
    listed = await storage.list_checkpoints()
    parents = [None, *(one.checkpoint_id for one in listed)]
    return [
        (one.iteration_count, flying(one), one.previous_checkpoint_id == parent)
        for one, parent in zip(listed, parents, strict=False)
    ]


def two_nodes() -> Workflow:
    """A sends upper-case, b yields."""

    async def shout(message: str, ctx: Context) -> None:
        await ctx.send_message(message.upper())

    return builder("a>b", {"a": shout, "b": give}, name="two").build()


async def test_two_nodes_event_by_event() -> None:
    """And a checkpoint before the first superstep and after each."""
    storage = InMemoryCheckpointStorage()
    events = await events_of(two_nodes(), "hi", checkpoint_storage=storage)

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
    assert await chain(storage) == [(0, {"a": "hi"}, True), (1, {"b": "HI"}, True), (2, {}, True)]


@pytest.mark.parametrize(
    ("number", "steps", "outputs", "more"),
    [(0, [1, 2], ["HI"], 2), (1, [2], ["HI"], 1), (2, [], ["HI"], 0)],
)
async def test_two_nodes_resumed_from_each_checkpoint(
    number: int, steps: list[int], outputs: list[str], more: int
) -> None:
    """Only what is left runs; new checkpoints follow the one restored; a finished run is idle."""
    storage = InMemoryCheckpointStorage()
    await two_nodes().run("hi", checkpoint_storage=storage)
    chosen = (await storage.list_checkpoints())[number]
    result = await two_nodes().run(checkpoint_id=chosen.checkpoint_id, checkpoint_storage=storage)
    listed = await storage.list_checkpoints()

    assert [e.iteration for e in result if e.type == "superstep_started"] == steps
    assert result.get_outputs() == outputs
    assert len(listed) == 3 + more
    if more:
        assert listed[3].previous_checkpoint_id == chosen.checkpoint_id


async def test_a_fork_superstep_by_superstep() -> None:
    """start->b, b->c, b->end: [start], [b], [c, end]; four checkpoints."""
    storage = InMemoryCheckpointStorage()
    workflow = builder("start>b b>c b>end", {"c": give, "end": give}, name="fork").build()
    events = await events_of(workflow, "x", checkpoint_storage=storage)

    activated = [
        e.completion_info.activated_executors for e in events if e.type == "superstep_completed"
    ]
    assert activated == [("start",), ("b",), ("c", "end")]
    in_flight = [(count, sorted(due)) for count, due, _ in await chain(storage)]
    assert in_flight == [(0, ["start"]), (1, ["b"]), (2, ["c", "end"]), (3, [])]


def unequal_depths() -> Workflow:
    """s->{a, b}; b->c; {a, c} into g, which yields the list."""

    def tells(name: str) -> Callable[..., Any]:
        async def tell(message: Any, ctx: Context) -> None:
            await ctx.send_message(f"from {name}")

        return tell

    works = {name: tells(name) for name in "abc"}
    new = builder("s>a s>b b>c", works, name="depths").register("g", lambda: Do("g", give))
    return new.add_fan_in_edges(["a", "c"], "g").build()


async def test_a_join_of_unequal_depths_holds_what_came_early() -> None:
    """In the checkpoints between; the target is called once, with both."""
    storage = InMemoryCheckpointStorage()
    result = await unequal_depths().run("x", checkpoint_storage=storage)

    assert result.get_outputs() == [["from a", "from c"]]
    assert await chain(storage) == [
        (0, {"s": "x"}, True),
        (1, {"a": "x", "b": "x"}, True),
        (2, {"c": "from b", "a+c->g": [["a", "from a"]]}, True),
        (3, {"g": ["from a", "from c"]}, True),
        (4, {}, True),
    ]


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_half_filled_join_survives_a_restart(number: int, place: Any) -> None:
    """From any checkpoint, wherever it is kept, a new object calls the target once, with both."""
    await unequal_depths().run("x", checkpoint_storage=place)
    chosen = (await place.list_checkpoint_ids())[number]
    result = await unequal_depths().run(checkpoint_id=chosen, checkpoint_storage=place)

    assert result.get_outputs() == [["from a", "from c"]]
    assert [e.executor_id for e in result if e.type == "executor_invoked"].count("g") == 1


async def test_a_large_message_to_several_survives_a_restart(place: Any) -> None:
    """It is kept once, and each of them has it."""

    async def measure(message: Any, ctx: Context) -> None:
        await ctx.yield_output((ctx.attempt, len(message[0])))

    def wide() -> Workflow:
        new = builder("s>", {}, name="wide")
        for name in "abc":
            new.register(name, lambda name=name: Do(name, measure))
        return new.add_fan_out_edges("s", ["a", "b", "c"]).build()

    await wide().run(["x" * 5000], checkpoint_storage=place)
    chosen = (await place.list_checkpoint_ids())[1]
    result = await wide().run(checkpoint_id=chosen, checkpoint_storage=place)

    assert [size for _, size in result.get_outputs()] == [5000, 5000, 5000]


class Failing:
    """s->{a ok, b fails, c slow} into g; every call is noted."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.is_mended = False
        self.others_began = asyncio.Event()
        self.c_was_cancelled = False

    async def a(self, message: Any, ctx: Context) -> None:
        self.calls.append("a")
        await ctx.send_message("a")

    async def b(self, message: Any, ctx: Context) -> None:
        self.calls.append("b")
        await self.others_began.wait()
        if not self.is_mended:
            raise ConnectionError("b is down")
        await ctx.send_message("b")

    async def c(self, message: Any, ctx: Context) -> None:
        self.calls.append("c")
        self.others_began.set()
        if not self.is_mended:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.c_was_cancelled = True
                raise
        await ctx.send_message("c")

    async def g(self, message: Any, ctx: Context) -> None:
        self.calls.append("g")
        await ctx.yield_output(message)

    def build(self) -> Workflow:
        works = {"a": self.a, "b": self.b, "c": self.c}
        new = builder("s>", works, name="failing")
        for name in "abcg":
            work = getattr(self, name)
            new.register(name, lambda name=name, work=work: Do(name, work))
        new.add_fan_out_edges("s", ["a", "b", "c"])
        return new.add_fan_in_edges(["a", "b", "c"], "g").build()


async def test_a_failure_before_a_join() -> None:
    """The slow one is cancelled; two checkpoints; what had ended is not called again."""
    failing, store = Failing(), MemoryStore()
    with pytest.raises(ConnectionError, match="b is down") as caught:
        await failing.build().run("x", checkpoint_storage=store)

    assert failing.c_was_cancelled
    assert words(caught.value.workflow_result)[-3:] == [
        "executor_failed b",
        "failed",
        "status FAILED",
    ]
    checkpoints = await store.list_checkpoints()
    assert [one.iteration_count for one in checkpoints] == [0, 1]

    failing.is_mended = True
    again = failing.build()
    last = checkpoints[-1].checkpoint_id
    result = await again.run(checkpoint_id=last, checkpoint_storage=store)
    assert result.get_outputs() == [["a", "b", "c"]]
    assert sorted(failing.calls) == ["a", "b", "b", "c", "c", "g"]


async def test_a_limit_step_by_step() -> None:
    """Three supersteps, the entry and three checkpoints, then the error."""

    async def count(message: int, ctx: Context) -> None:
        await ctx.send_message(message + 1)

    storage = InMemoryCheckpointStorage()
    workflow = builder("a>a", {"a": count}, name="count", max_iterations=3).build()
    with pytest.raises(WorkflowConvergenceException) as caught:
        await workflow.run(0, checkpoint_storage=storage)

    started = [e for e in caught.value.workflow_result if e.type == "superstep_started"]
    assert [event.iteration for event in started] == [1, 2, 3]
    assert workflow.status is WorkflowRunState.FAILED
    assert await chain(storage) == [(n, {"a": n}, True) for n in range(4)]


async def test_the_object_is_as_good_as_new_after_every_kind_of_stop() -> None:
    """A failure, the limit, a stream that was left: the next message begins a new run."""

    async def moody(message: Any, ctx: Context) -> None:
        if message == "fail":
            raise ValueError(message)
        if message == "loop":
            await ctx.send_message(message)
        await ctx.yield_output(message)

    workflow = builder("a>a", {"a": moody}, max_iterations=2).build()
    with pytest.raises(ValueError, match="fail"):
        await workflow.run("fail")
    assert (await workflow.run("one")).get_outputs() == ["one"]
    with pytest.raises(WorkflowConvergenceException):
        await workflow.run("loop")
    assert (await workflow.run("two")).get_outputs() == ["two"]
    async for event in workflow.run("three", stream=True):
        if event.type == "executor_invoked":
            break
    assert (await workflow.run("four")).get_outputs() == ["four"]


async def test_forwarding_to_nobody_is_not_a_superstep() -> None:
    """A last executor that sends ends the run, at exactly the limit too."""
    workflow = builder("a>b", {"b": forward}, max_iterations=2).build()
    result = await workflow.run("x")

    assert words(result)[-1] == "superstep_completed 2"
    assert not [e for e in result if e.type == "warning"]


async def test_a_half_filled_join_that_the_definition_lost_is_named() -> None:
    """Nothing would ever call its target: refused, with the name of what is gone."""
    storage = InMemoryCheckpointStorage()
    await unequal_depths().run("x", checkpoint_storage=storage)
    chosen = (await storage.list_checkpoints())[2]
    without = builder("s>a s>b b>c c>g", {"g": give}, name="depths").build()
    with pytest.raises(WorkflowCheckpointException, match=r"a\+c->g"):
        await without.run(checkpoint_id=chosen.checkpoint_id, checkpoint_storage=storage)


async def test_a_half_filled_join_goes_on_in_a_graph_that_grew() -> None:
    """All that the record needs is there; the change is told."""
    storage = InMemoryCheckpointStorage()
    await unequal_depths().run("x", checkpoint_storage=storage)
    chosen = (await storage.list_checkpoints())[2]

    async def tell(message: Any, ctx: Context) -> None:
        await ctx.send_message("from c")

    grown = builder("s>a s>b b>c s>new", {"c": tell}, name="depths")
    grown.register("g", lambda: Do("g", give)).add_fan_in_edges(["a", "c"], "g")
    result = await grown.build().run(checkpoint_id=chosen.checkpoint_id, checkpoint_storage=storage)

    assert result.get_outputs() == [["from a", "from c"]]
    assert [e.data for e in result if e.type == "warning"] == [
        "the definition has changed since this run was saved; all that the run needs is there"
    ]
