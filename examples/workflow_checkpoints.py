# SPDX-License-Identifier: Apache-2.0
"""A workflow with checkpoints: run it, list them, go on from one, in this object and in a new one.

Run it as `python -m examples.workflow_checkpoints`.
"""

from __future__ import annotations

import asyncio

from holdfast import (
    Executor,
    InMemoryCheckpointStorage,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowOutputEvent,
    handler,
)


class Start(Executor):
    """Splits a text into words."""

    @handler
    async def split(self, text: str, ctx: WorkflowContext[list[str]]) -> None:
        """Send the words on."""
        await ctx.send_message(text.split())


class Count(Executor):
    """Counts words, and remembers every count in its checkpoints."""

    checkpoint_fields = ("counts",)

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.counts: list[int] = []

    @handler
    async def count(self, words: list[str], ctx: WorkflowContext[str]) -> None:
        """Send what was counted."""
        self.counts.append(len(words))
        await ctx.send_message(f"{len(words)} words in text {len(self.counts)}")


class End(Executor):
    """Yields what it is sent."""

    @handler
    async def finish(self, text: str, ctx: WorkflowContext[str, str]) -> None:
        """Yield it under this executor's name."""
        await ctx.yield_output(f"{self.id}: {text}")


def build(checkpoint_storage: InMemoryCheckpointStorage | None = None) -> Workflow:
    """The graph start -> b, b -> c, b -> end; with a storage, every superstep is saved."""
    start_executor, executor_b = Start("start"), Count("b")
    executor_c, end_executor = End("c"), End("end")
    builder = WorkflowBuilder()
    builder.set_start_executor(start_executor)
    builder.add_edge(start_executor, executor_b)
    builder.add_edge(executor_b, executor_c)
    builder.add_edge(executor_b, end_executor)
    if checkpoint_storage is None:
        return builder.build()
    return builder.with_checkpointing(checkpoint_storage).build()


async def main() -> None:
    """Run once, then twice more from the second checkpoint."""
    checkpoint_storage = InMemoryCheckpointStorage()
    workflow = build(checkpoint_storage)
    async for event in workflow.run_streaming("finished work stays finished"):
        if isinstance(event, WorkflowOutputEvent):
            print("first run:", event.data)

    checkpoints = await checkpoint_storage.list_checkpoints()
    for number, checkpoint in enumerate(checkpoints):
        kind, done = checkpoint.metadata["kind"], checkpoint.iteration_count
        print(f"checkpoint {number}: {kind}, {done} supersteps done")

    saved_checkpoint = checkpoints[1]
    async for event in workflow.run_stream_from_checkpoint(saved_checkpoint.checkpoint_id):
        if isinstance(event, WorkflowOutputEvent):
            print("same object:", event.data)

    # A new object needs no checkpointing of its own: it is told where to read.
    fresh_workflow = build()
    async for event in fresh_workflow.run_stream_from_checkpoint(
        saved_checkpoint.checkpoint_id,
        checkpoint_storage,
    ):
        if isinstance(event, WorkflowOutputEvent):
            print("new object:", event.data)


if __name__ == "__main__":
    asyncio.run(main())
