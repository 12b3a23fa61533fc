# SPDX-License-Identifier: Apache-2.0
"""A run held by a handle: watched, put back to a checkpoint, taken up by another object.

Run it::

    python examples/checkpoint_manager.py

A text goes through three readers, each of which keeps what it has read. The run is watched and its
checkpoints are collected from its events. Then it is put back to the second one, and at last a
workflow built anew takes the run up from there.
"""

from __future__ import annotations

import asyncio

from holdfast import (
    CheckpointInfo,
    CheckpointManager,
    Executor,
    SuperStepCompletedEvent,
    Workflow,
    WorkflowBuilder,
    WorkflowCompletedEvent,
    WorkflowContext,
    handler,
)
from holdfast.workflow import StreamingRun


class Reader(Executor):
    """Reads one word, remembers it, and passes the rest on."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.words: list[str] = []

    @handler
    async def read(self, text: str, ctx: WorkflowContext[str, str]) -> None:
        """Take a text."""
        word, _, rest = text.partition(" ")
        self.words.append(word)
        if rest:
            await ctx.send_message(rest)
        else:
            await ctx.yield_output(f"{self.id} read the last word: {word}")

    async def on_checkpointing(self, context: WorkflowContext) -> None:
        """Hand over what is to be kept."""
        await context.queue_state_update("words", self.words)

    async def on_checkpoint_restored(self, context: WorkflowContext) -> None:
        """Take back what was kept."""
        self.words = await context.read_state("words")


def build() -> Workflow:
    """Three readers in a row."""
    readers = [Reader("first"), Reader("second"), Reader("third")]
    return WorkflowBuilder(name="readers", start_executor=readers[0]).add_chain(readers).build()


async def watch(run: StreamingRun) -> list[CheckpointInfo]:
    """Print what a run yields; give the checkpoints it took."""
    checkpoints = []
    async for event in run.watch_stream():
        if isinstance(event, SuperStepCompletedEvent) and event.completion_info:
            checkpoint = event.completion_info.checkpoint
            if checkpoint is not None:
                checkpoints.append(checkpoint)
        elif isinstance(event, WorkflowCompletedEvent):
            print(event.data)
    return checkpoints


async def main() -> list[str]:
    """Run, go back, and go on elsewhere."""
    manager = CheckpointManager()
    run = await build().start("one two three", checkpoint_manager=manager)
    checkpoints = await watch(run)
    print(f"{len(checkpoints)} supersteps, {len(run.checkpoints)} checkpoints with the entry")

    await run.restore_checkpoint(checkpoints[1])
    print("put back after the second superstep")
    await watch(run)

    elsewhere = await build().resume(checkpoints[1], checkpoint_manager=manager)
    print("taken up by an object built anew")
    await watch(elsewhere)

    branches = await manager.index(run.run_id, with_parent=checkpoints[1])
    print(f"{len(branches)} checkpoints follow that one: nothing was deleted")
    return elsewhere.outputs


if __name__ == "__main__":
    asyncio.run(main())
