# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint that cannot be saved means, and what a checkpoint says of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    CheckpointManager,
    Engine,
    FileCheckpointStorage,
    InMemoryCheckpointStorage,
    MemoryStore,
    Workflow,
    WorkflowCheckpoint,
)
from holdfast.errors import DefinitionError, WorkflowCheckpointException
from tests.workflow.graphs import Context, build, events_of, give, warnings_of


class Fails(InMemoryCheckpointStorage):
    """Fails at the calls of `save` that are named, counted from 1; 0 is every one."""

    def __init__(self, *at: int, error: type[Exception] = OSError) -> None:
        super().__init__()
        self.at = at
        self.error = error
        self.calls = 0

    async def save(self, checkpoint: WorkflowCheckpoint) -> str:
        self.calls += 1
        if self.calls in self.at or 0 in self.at:
            raise self.error("no space")
        return await super().save(checkpoint)


async def both(message: Any, ctx: Context) -> None:
    """Yield the message and send it on."""
    await ctx.yield_output(message)
    await ctx.send_message(message + "'")


def chain(**how: Any) -> Workflow:
    """A -> b -> c; each yields."""
    return build("a>b b>c", {"a": both, "b": both, "c": give}, name="chain", **how)


async def test_a_run_fails_by_default_when_durability_is_lost() -> None:
    """Never a run that looks durable and is not."""
    with pytest.raises(WorkflowCheckpointException, match="no space"):
        await chain(checkpoint_storage=Fails(0)).run("x")


@pytest.mark.parametrize("error", [OSError, WorkflowCheckpointException])
@pytest.mark.parametrize("at", range(1, 5))
async def test_a_warning_lets_the_run_go_on(at: int, error: type[Exception]) -> None:
    """Told in an event that names the superstep; the others are a chain without the lost one."""
    storage = Fails(at, error=error)
    workflow = chain(checkpoint_storage=storage, on_checkpoint_error="warn")
    events = await events_of(workflow, "x")
    kept = await storage.list_checkpoints()

    assert [e.data for e in events if e.type == "output"] == ["x", "x'", "x''"]
    (warning,) = warnings_of(events)
    assert f"superstep {at - 1} could not be saved" in warning
    assert "no space" in warning
    counts = [one.iteration_count for one in kept]
    assert counts == [n for n in range(4) if n != at - 1]
    ids = [one.checkpoint_id for one in kept]
    assert [one.previous_checkpoint_id for one in kept] == [None, *ids[:-1]]
    told = [e.completion_info.checkpoint for e in events if e.type == "superstep_completed"]
    assert [info is None for info in told] == [n == at - 1 for n in range(1, 4)]


async def test_a_run_goes_on_from_the_checkpoints_that_were_not_lost() -> None:
    """What was lost runs again; a warning is told for what is lost then, too."""
    storage = Fails(3)
    await chain(checkpoint_storage=storage, on_checkpoint_error="warn").run("x")
    kept = await storage.list_checkpoints()
    storage.at = (0,)
    again = chain(checkpoint_storage=storage, on_checkpoint_error="warn")
    result = await again.run(checkpoint_id=kept[1].checkpoint_id)

    assert result.get_outputs() == ["x", "x'", "x''"]
    assert [e.executor_id for e in result if e.type == "executor_invoked"] == ["b", "c"]
    assert len(warnings_of(result)) == 2


async def test_a_store_cannot_be_told_to_go_on() -> None:
    """What a store does not take has not happened; that is refused before anything begins."""
    workflow = chain(on_checkpoint_error="warn")
    for place in (MemoryStore(), CheckpointManager(MemoryStore())):
        with pytest.raises(DefinitionError, match="for checkpoint storages"):
            workflow.run("x", checkpoint_storage=place)
        with pytest.raises(DefinitionError, match="for checkpoint storages"):
            await workflow.start("x", checkpoint_manager=place)
    async with Engine("memory://", [workflow]) as engine:
        with pytest.raises(DefinitionError, match="for checkpoint storages"):
            await engine.start(workflow, "x")


@pytest.mark.parametrize("how", [{"on_checkpoint_error": "ignore"}, {"strict": True}])
def test_a_choice_that_cannot_be_meant_is_refused(how: dict[str, Any]) -> None:
    """Another word; or warnings where warnings are errors."""
    with pytest.raises(DefinitionError, match="on_checkpoint_error"):
        chain(**{"on_checkpoint_error": "warn", **how})


async def test_a_checkpoint_says_what_had_been_yielded(place: Any) -> None:
    """By any object of the same graph; nothing runs, and no checkpoint is written."""
    await chain(checkpoint_storage=place).run("x")
    kept = await place.list_checkpoint_ids()
    other = chain()
    found = [await other.get_checkpoint_outputs(name, place) for name in kept]

    assert found == [[], ["x"], ["x", "x'"], ["x", "x'", "x''"]]
    assert await place.list_checkpoint_ids() == kept
    assert other.run_id is None
    bound = chain(checkpoint_storage=place)
    assert await bound.get_checkpoint_outputs(kept[1]) == ["x"]


async def test_asking_for_outputs_leaves_a_run_to_its_owner() -> None:
    """A run that another engine carries can be looked at."""
    store = MemoryStore()
    workflow = chain()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        assert await run.result() == ["x", "x'", "x''"]
        epoch = (await store.row("r")).epoch
        latest = (await store.list_checkpoint_ids())[-1]
        assert await workflow.get_checkpoint_outputs(latest, store) == ["x", "x'", "x''"]
        assert (await store.row("r")).epoch == epoch


async def test_outputs_of_what_is_no_checkpoint_are_refused(place: Any) -> None:
    """An unknown id, and no place to look."""
    await chain(checkpoint_storage=place).run("x", run_id="r")
    for unknown in ("r@77", "r", "nobody@1", "../r"):
        with pytest.raises(WorkflowCheckpointException):
            await chain().get_checkpoint_outputs(unknown, place)
    with pytest.raises(DefinitionError, match="needs a checkpoint storage"):
        await chain().get_checkpoint_outputs("r@1")


async def test_resuming_a_finished_run_yields_its_outputs_and_runs_nothing(place: Any) -> None:
    """No handler, no superstep, no checkpoint; by a call and by a handle."""
    await chain(checkpoint_storage=place).run("x")
    kept = await place.list_checkpoints()
    result = await chain().run(checkpoint_id=kept[-1].checkpoint_id, checkpoint_storage=place)
    handle = await chain().resume(kept[-1].info, checkpoint_manager=place)
    await handle.until_idle()

    assert result.get_outputs() == handle.outputs == ["x", "x'", "x''"]
    assert not [e for e in result if e.type.startswith(("superstep", "executor"))]
    assert await place.list_checkpoint_ids() == [one.checkpoint_id for one in kept]


@pytest.mark.parametrize("damage", ["header", "parts"])
async def test_a_damaged_newest_checkpoint_never_takes_a_run_back(
    tmp_path: Path, damage: str
) -> None:
    """Going on with a run by its id is refused: the checkpoint before is not the run as it is."""
    files = FileCheckpointStorage(tmp_path)
    await chain(checkpoint_storage=files).run("x", run_id="r")
    newest = (await files.list_checkpoint_ids())[-1]
    path = tmp_path / f"{newest}.json"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"chain"', '"chaim"') if damage == "header" else text[:-40])
    with pytest.raises(WorkflowCheckpointException):
        await chain(checkpoint_storage=files).run(resume=True, run_id="r")
    with pytest.raises(WorkflowCheckpointException):
        await CheckpointManager(files).latest("r")
    path.unlink()
    result = await chain(checkpoint_storage=files).run(resume=True, run_id="r")

    assert [e.executor_id for e in result if e.type == "executor_invoked"] == ["c"]
