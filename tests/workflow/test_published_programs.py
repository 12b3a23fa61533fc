# SPDX-License-Identifier: Apache-2.0
"""Programs as they were published: only the line that imports is another."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from examples import workflow_checkpoints
from holdfast import (
    Executor,
    FileCheckpointStorage,
    InMemoryCheckpointStorage,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from holdfast.workflow import SuperStepCompletedEvent, WorkflowCompletedEvent


class Passes(Executor):
    @handler
    async def take(self, message: str, ctx: WorkflowContext[str, str]) -> None:
        await ctx.yield_output(f"{self.id} {message}")
        await ctx.send_message(message)


def executors() -> tuple[Passes, Passes, Passes, Passes]:
    """Those that the program speaks of."""
    return Passes("start"), Passes("b"), Passes("c"), Passes("end")


@pytest.mark.parametrize("place", ["memory", "files"])
async def test_the_program_about_checkpoints_runs(place: str, tmp_path: Path) -> None:
    """Build with a storage, stream, list without arguments, go on in this object and a new one."""
    start_executor, executor_b, executor_c, end_executor = executors()
    checkpoint_storage: Any = (
        InMemoryCheckpointStorage() if place == "memory" else FileCheckpointStorage(tmp_path)
    )

    builder = WorkflowBuilder()
    builder.set_start_executor(start_executor)
    builder.add_edge(start_executor, executor_b)
    builder.add_edge(executor_b, executor_c)
    builder.add_edge(executor_b, end_executor)
    workflow = builder.with_checkpointing(checkpoint_storage).build()

    # Run the workflow
    async for event in workflow.run_streaming("hi"):
        assert event.type

    # Access checkpoints from the storage
    checkpoints = await checkpoint_storage.list_checkpoints()
    assert [c.iteration_count for c in checkpoints] == [0, 1, 2, 3]

    saved_checkpoint = checkpoints[2]
    outputs = set()
    async for event in workflow.run_stream_from_checkpoint(saved_checkpoint.checkpoint_id):
        if isinstance(event, WorkflowCompletedEvent):
            outputs.add(event.data)
    assert sorted(outputs) == ["c hi", "end hi"]

    start_executor, executor_b, executor_c, end_executor = executors()
    builder = WorkflowBuilder()
    builder.set_start_executor(start_executor)
    builder.add_edge(start_executor, executor_b)
    builder.add_edge(executor_b, executor_c)
    builder.add_edge(executor_b, end_executor)

    # This workflow instance doesn't require checkpointing enabled.
    workflow = builder.build()
    infos = []
    async for event in workflow.run_stream_from_checkpoint(
        saved_checkpoint.checkpoint_id,
        checkpoint_storage,
    ):
        if isinstance(event, SuperStepCompletedEvent):
            assert event.completion_info is not None
            infos.append(event.completion_info.checkpoint)
    assert [info.run_id for info in infos if info] == [saved_checkpoint.run_id]


async def test_the_other_names_are_methods_like_any() -> None:
    """Collecting ones and those for answers."""
    storage = InMemoryCheckpointStorage()
    workflow = WorkflowBuilder(start_executor=Passes("a"), checkpoint_storage=storage).build()
    streamed = [event.type async for event in workflow.run_stream("x")]
    first = (await storage.list_checkpoints())[0].checkpoint_id
    collected = await workflow.run_from_checkpoint(first)

    assert "output" in streamed
    assert collected.get_outputs() == ["a x"]
    builder = WorkflowBuilder().set_start_executor(Passes("a")).set_max_iterations(3)
    assert builder.build().max_iterations == 3


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what its text says."""
    asyncio.run(workflow_checkpoints.main())
    lines = capsys.readouterr().out.splitlines()

    assert lines == [
        "first run: c: 4 words in text 1",
        "first run: end: 4 words in text 1",
        "checkpoint 0: entry, 0 supersteps done",
        "checkpoint 1: superstep, 1 supersteps done",
        "checkpoint 2: superstep, 2 supersteps done",
        "checkpoint 3: superstep, 3 supersteps done",
        "same object: c: 4 words in text 1",
        "same object: end: 4 words in text 1",
        "new object: c: 4 words in text 1",
        "new object: end: 4 words in text 1",
    ]
