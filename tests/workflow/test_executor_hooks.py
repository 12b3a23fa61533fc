# SPDX-License-Identifier: Apache-2.0
"""What executors hold between messages: asked for at checkpoints, given back at a restore."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Executor, MemoryStore, Workflow, WorkflowBuilder, WorkflowContext, handler
from holdfast.errors import WorkflowCheckpointException
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import Context, Do, Remembers, build, forward, sends, words

LOG: list[str] = []


class Holds(Executor):
    """Collects messages; every style of hook, each noted in LOG."""

    checkpoint_fields = ("third",)

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.first: list[str] = []
        self.second: list[str] = []
        self.third: list[str] = []

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str, Any]) -> None:
        for held in (self.first, self.second, self.third):
            held.append(message)
        await ctx.yield_output((list(self.first), list(self.second), list(self.third)))
        await ctx.send_message(message + "'")

    async def on_checkpointing(self, context: Any) -> None:
        LOG.append(f"{self.id} checkpointing")
        await context.queue_state_update("messages", self.first)
        await context.queue_state_update("gone", None)

    async def on_checkpoint_save(self) -> dict[str, Any]:
        LOG.append(f"{self.id} save")
        return {"second": self.second}

    async def on_checkpoint_restore(self, state: dict[str, Any]) -> None:
        LOG.append(f"{self.id} restore {self.third}")
        self.second = state["second"]

    async def on_checkpoint_restored(self, context: Any) -> None:
        LOG.append(f"{self.id} restored {self.second}")
        self.first = await context.read_state("messages")
        assert await context.read_state("gone", "default") == "default"


class Silent(Executor):
    @handler
    async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(message)


def holding(**how: Any) -> Workflow:
    """A chain a, b, c: the outer two hold something."""
    a, b, c = Holds("a"), Silent("b"), Holds("c")
    builder = WorkflowBuilder(start_executor=a, name="holding", **how)
    return builder.add_chain([a, b, c]).build()


@pytest.fixture(autouse=True)
def _clean_log() -> None:
    LOG.clear()


async def test_the_first_checkpoint_asks_all_and_later_ones_those_that_ran(place: Any) -> None:
    """In the order of the graph; context first, then the dict. What has no hooks is not asked."""
    await holding(checkpoint_storage=place).run("x")

    assert LOG == [
        "a checkpointing",
        "a save",
        "c checkpointing",
        "c save",
        "a checkpointing",
        "a save",
        "c checkpointing",
        "c save",
    ]


async def test_nobody_is_asked_without_checkpoints() -> None:
    """Hooks cost nothing in memory."""
    await holding().run("x")

    assert LOG == []


async def test_what_was_held_is_given_back(place: Any) -> None:
    """Fields, then the dict, then the context; before any handler runs."""
    await holding(checkpoint_storage=place).run("x")
    kept = await place.list_checkpoints()
    LOG.clear()
    other = holding()
    result = await other.run(checkpoint_id=kept[2].checkpoint_id, checkpoint_storage=place)

    assert LOG[:4] == ["a restore ['x']", "a restored ['x']", "c restore []", "c restored []"]
    assert result.get_outputs()[-1] == (["x'"], ["x'"], ["x'"])
    a = other.executors["a"]
    assert isinstance(a, Holds)
    assert (a.first, a.second, a.third) == (["x"], ["x"], ["x"])


async def test_the_same_object_is_rewound(place: Any) -> None:
    """Instances hold again what they held then."""
    workflow = holding(checkpoint_storage=place)
    await workflow.run("x")
    kept = await place.list_checkpoints()
    result = await workflow.run(checkpoint_id=kept[0].checkpoint_id)

    assert result.get_outputs()[-2:] == [(["x"],) * 3, (["x'"],) * 3]


async def test_state_is_taken_before_the_next_message_of_the_executor() -> None:
    """A crash between two messages of one executor gives back what it held after the first."""
    store = MemoryStore()
    stopped = asyncio.Event()

    async def second_hangs(message: Any, ctx: Context) -> None:
        if message == 2:
            stopped.set()
            await asyncio.Event().wait()

    def make(work: Any) -> Workflow:
        return build(
            "a>b",
            {"a": sends(1, 2), "b": work},
            kind=Remembers,
            name="w",
            checkpoint_storage=store,
        )

    running = asyncio.create_task(make(second_hangs).run("x", run_id="r"))
    await stopped.wait()
    running.cancel()
    await asyncio.wait({running})
    last = (await store.list_checkpoint_ids())[-1]
    other = make(forward)
    await other.run(checkpoint_id=last)

    b = other.executors["b"]
    assert isinstance(b, Do)
    assert b.seen == [1, 2]


class Breaks(Executor):
    """Its hooks raise where they are told to."""

    breaks = ""

    def __init__(self) -> None:
        super().__init__("a")

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
        type(self).breaks = type(self).breaks.removeprefix("later ")

    async def on_checkpoint_save(self) -> Any:
        if self.breaks == "save":
            raise ValueError("cannot tell")
        return {"list": []} if self.breaks != "shape" else {1: 2}

    async def on_checkpointing(self, context: Any) -> None:
        if self.breaks == "context":
            raise ValueError("cannot tell")
        if self.breaks == "value":
            await context.queue_state_update("k", object())

    async def on_checkpoint_restore(self, state: dict[str, Any]) -> None:
        if self.breaks == "restore":
            raise ValueError("cannot take")


@pytest.mark.parametrize("when", ["", "later "], ids=["entry", "superstep"])
@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("save", "cannot tell"),
        ("context", "cannot tell"),
        ("shape", "text keys"),
        ("value", "state of executor a"),
    ],
)
async def test_a_hook_that_fails_fails_the_run(when: str, where: str, text: str) -> None:
    """A checkpoint without it would be a false promise."""
    workflow = WorkflowBuilder(start_executor=Breaks(), checkpoint_storage=MemoryStore()).build()
    Breaks.breaks = when + where
    with pytest.raises(WorkflowCheckpointException, match=text) as caught:
        await workflow.run("x")
    assert workflow.status is WorkflowRunState.FAILED
    assert "superstep_completed 1" not in words(caught.value.workflow_result)

    Breaks.breaks = ""
    assert (await workflow.run("x")).get_final_state() is WorkflowRunState.IDLE


async def test_a_restore_hook_that_fails_leaves_the_run_as_it_was() -> None:
    """Its executors are brought back before they run again."""
    store = MemoryStore()
    workflow = WorkflowBuilder(start_executor=Breaks(), checkpoint_storage=store).build()
    Breaks.breaks = ""
    await workflow.run("x")
    run_id, last = workflow.run_id, workflow.get_last_checkpoint_id()
    Breaks.breaks = "restore"
    with pytest.raises(WorkflowCheckpointException, match="cannot take"):
        await workflow.run(checkpoint_id=f"{run_id}@1")
    Breaks.breaks = ""

    assert (workflow.run_id, workflow.get_last_checkpoint_id()) == (run_id, last)
    result = await workflow.run(checkpoint_id=f"{run_id}@1")
    assert words(result)[-1] == "superstep_completed 1"


class Volatile(Holds):
    volatile = True


async def test_a_volatile_executor_is_asked_every_time() -> None:
    """Although none of its handlers ran."""
    a, b, c = Silent("a"), Silent("b"), Volatile("c")
    builder = WorkflowBuilder(start_executor=a, checkpoint_storage=MemoryStore())
    await builder.add_chain([a, b, c]).build().run("x")

    assert LOG.count("c save") == 4


async def test_what_did_not_change_is_not_written_again(store: Any) -> None:
    """The delta of a superstep holds only what its executors hold."""
    a, b = Holds("a"), Holds("b")
    a.first = ["y" * 1000]
    workflow = WorkflowBuilder(start_executor=a, checkpoint_storage=store).add_chain([a, b]).build()
    await workflow.run("x")
    rows = (await store.checkpoints(run_id=workflow.run_id)).items

    assert rows[1].size_bytes > 1000
    assert rows[2].size_bytes < 1000
