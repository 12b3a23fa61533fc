# SPDX-License-Identifier: Apache-2.0
"""The published page about checkpoints, block by block: only the line that imports is another.

Its blocks for Python stand here as they are. Those for another language stand here line by line in
Python names.
"""

from __future__ import annotations

from typing import Any

from holdfast import (
    CheckpointInfo,
    CheckpointManager,
    Executor,
    InMemoryCheckpointStorage,
    InProcessExecution,
    SuperStepCompletedEvent,
    Workflow,
    WorkflowBuilder,
    WorkflowCompletedEvent,
    WorkflowContext,
    handler,
)


class Passes(Executor):
    """One of the executors that the page speaks of and does not show."""

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str, str]) -> None:
        if self.id in ("c", "end"):
            await ctx.yield_output(f"{self.id} {message}")
        await ctx.send_message(message)


class Loops(Executor):
    """Takes several supersteps, so that there is a sixth checkpoint."""

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str, str]) -> None:
        rest = message[1:]
        if rest:
            await ctx.send_message(rest)
        else:
            await ctx.yield_output("done")


def loop() -> Workflow:
    """Two executors that hand a text back and forth until it is used up."""
    ping, pong = Loops("ping"), Loops("pong")
    return WorkflowBuilder(start_executor=ping).add_edge(ping, pong).add_edge(pong, ping).build()


async def test_enabling_checkpoints_and_reading_them_from_the_storage() -> None:
    """The block that builds with a storage, streams, and lists without arguments."""
    start_executor, executor_b = Passes("start"), Passes("b")
    executor_c, end_executor = Passes("c"), Passes("end")
    input = "hi"  # noqa: A001

    # Create a checkpoint storage to manage checkpoints
    # There are different implementations of CheckpointStorage, such as InMemoryCheckpointStorage and FileCheckpointStorage.  # noqa: E501
    checkpoint_storage = InMemoryCheckpointStorage()

    # Build a workflow with checkpointing enabled
    builder = WorkflowBuilder()
    builder.set_start_executor(start_executor)
    builder.add_edge(start_executor, executor_b)
    builder.add_edge(executor_b, executor_c)
    builder.add_edge(executor_b, end_executor)
    workflow = builder.with_checkpointing(checkpoint_storage).build()

    # Run the workflow
    async for event in workflow.run_streaming(input):  # noqa: B007
        ...

    # Access checkpoints from the storage
    checkpoints = await checkpoint_storage.list_checkpoints()

    assert event.type == "status"
    assert [one.iteration_count for one in checkpoints] == [0, 1, 2, 3]
    in_flight = [one.metadata["kind"] for one in checkpoints]
    assert in_flight == ["entry", "superstep", "superstep", "superstep"]


async def test_going_back_on_the_same_workflow_instance() -> None:
    """The block that goes on from the sixth checkpoint."""
    checkpoint_storage = InMemoryCheckpointStorage()
    ping, pong = Loops("ping"), Loops("pong")
    builder = WorkflowBuilder(start_executor=ping).add_edge(ping, pong).add_edge(pong, ping)
    workflow = builder.with_checkpointing(checkpoint_storage).build()
    await workflow.run("abcdefg")
    checkpoints = await checkpoint_storage.list_checkpoints()
    seen = []

    # Assume we want to resume from the 6th checkpoint
    saved_checkpoint = checkpoints[5]
    async for event in workflow.run_stream_from_checkpoint(saved_checkpoint.checkpoint_id):
        seen.append(event)  # noqa: PERF401

    assert [e.iteration for e in seen if e.type == "superstep_started"] == [6, 7]
    assert [e.data for e in seen if e.type == "output"] == ["done"]


async def test_rehydrating_into_a_new_workflow_instance() -> None:
    """The block that builds a workflow without checkpointing and tells it where to read."""
    checkpoint_storage = InMemoryCheckpointStorage()
    first = WorkflowBuilder(start_executor=Passes("start"))
    first.add_chain(["start", Passes("b"), Passes("c"), Passes("d"), Passes("e"), Passes("end")])
    await first.with_checkpointing(checkpoint_storage).build().run("hi")
    checkpoints = await checkpoint_storage.list_checkpoints()
    start_executor, executor_b, executor_c = Passes("start"), Passes("b"), Passes("c")
    executor_d, executor_e, end_executor = Passes("d"), Passes("e"), Passes("end")
    seen = []

    builder = WorkflowBuilder()
    builder.set_start_executor(start_executor)
    builder.add_edge(start_executor, executor_b)
    builder.add_edge(executor_b, executor_c)
    builder.add_edge(executor_c, executor_d)
    builder.add_edge(executor_d, executor_e)
    builder.add_edge(executor_e, end_executor)

    # This workflow instance doesn't require checkpointing enabled.
    workflow = builder.build()

    # Assume we want to resume from the 6th checkpoint
    saved_checkpoint = checkpoints[5]
    async for event in workflow.run_stream_from_checkpoint(
        saved_checkpoint.checkpoint_id,
        checkpoint_storage,
    ):
        seen.append(event)  # noqa: PERF401

    assert [e.executor_id for e in seen if e.type == "executor_invoked"] == ["end"]
    assert [e.data for e in seen if e.type == "output"] == ["end hi"]


async def collected(
    workflow: Workflow, input: str, checkpoint_manager: CheckpointManager
) -> tuple[Any, list[CheckpointInfo]]:
    """The block that captures checkpoints from the events of a run."""
    # List to store checkpoint info for later use
    checkpoints: list[CheckpointInfo] = []

    # Run the workflow with checkpointing enabled
    checkpointed_run = await InProcessExecution.stream(workflow, input, checkpoint_manager)
    async for evt in checkpointed_run.run.watch_stream():
        if isinstance(evt, SuperStepCompletedEvent):
            # Access the checkpoint and store it
            checkpoint = evt.completion_info.checkpoint if evt.completion_info else None
            if checkpoint is not None:
                checkpoints.append(checkpoint)
    return checkpointed_run, checkpoints


async def test_capturing_checkpoints_from_events() -> None:
    """A manager made without arguments; each superstep's event names its checkpoint."""
    # Create a checkpoint manager to manage checkpoints
    checkpoint_manager = CheckpointManager()
    checkpointed_run, checkpoints = await collected(loop(), "abcdefg", checkpoint_manager)

    assert len(checkpoints) == 7
    assert {type(one) for one in checkpoints} == {CheckpointInfo}
    assert {one.run_id for one in checkpoints} == {checkpointed_run.run_id}
    entry, *rest = await checkpoint_manager.index(checkpointed_run.run_id)
    assert rest == checkpoints
    assert (await checkpoint_manager.lookup(entry)).metadata["kind"] == "entry"


async def test_restoring_into_the_same_run(capsys: Any) -> None:
    """The block that puts the run back to its sixth checkpoint and watches on."""
    checkpoint_manager = CheckpointManager()
    checkpointed_run, checkpoints = await collected(loop(), "abcdefg", checkpoint_manager)
    seen = []

    # Assume we want to resume from the 6th checkpoint
    saved_checkpoint = checkpoints[5]
    # Note that we are restoring the state directly to the same run instance.
    await checkpointed_run.restore_checkpoint(saved_checkpoint)
    async for evt in checkpointed_run.run.watch_stream():
        seen.append(evt)
        if isinstance(evt, WorkflowCompletedEvent):
            print(f"Workflow completed with result: {evt.data}")  # noqa: T201

    assert capsys.readouterr().out == "Workflow completed with result: done\n"
    assert [e.iteration for e in seen if e.type == "superstep_started"] == [7]


async def test_rehydrating_into_a_new_run(capsys: Any) -> None:
    """The block that resumes another workflow object from the same checkpoint."""
    checkpoint_manager = CheckpointManager()
    _, checkpoints = await collected(loop(), "abcdefg", checkpoint_manager)
    new_workflow = loop()

    # Assume we want to resume from the 6th checkpoint
    saved_checkpoint = checkpoints[5]
    new_checkpointed_run = await InProcessExecution.resume_stream(
        new_workflow, saved_checkpoint, checkpoint_manager
    )
    async for evt in new_checkpointed_run.run.watch_stream():
        if isinstance(evt, WorkflowCompletedEvent):
            print(f"Workflow completed with result: {evt.data}")  # noqa: T201

    assert capsys.readouterr().out == "Workflow completed with result: done\n"


class CustomExecutor(Executor):
    """The executor of the page, which keeps its messages."""

    STATE_KEY = "CustomExecutorState"

    def __init__(self) -> None:
        super().__init__("CustomExecutor")
        self.messages: list[str] = []

    @handler
    async def handle(self, message: str, context: WorkflowContext[str]) -> None:
        self.messages.append(message)
        # Executor logic...

    async def on_checkpointing(self, context: Any) -> None:
        return await context.queue_state_update(self.STATE_KEY, self.messages)

    async def on_checkpoint_restored(self, context: Any) -> None:
        self.messages = await context.read_state(self.STATE_KEY)


async def test_saving_and_restoring_what_an_executor_holds() -> None:
    """The two hooks of the page, one after the other, in two objects."""
    manager = CheckpointManager()
    first = CustomExecutor()
    run = await InProcessExecution.run(WorkflowBuilder(start_executor=first).build(), "hi", manager)
    entry, after = run.checkpoints

    for info, expected in ((entry, ["hi"]), (after, ["hi"])):
        custom = CustomExecutor()
        custom.messages = ["something else"]
        await InProcessExecution.resume(
            WorkflowBuilder(start_executor=custom).build(), info, manager
        )
        assert custom.messages == expected
