# SPDX-License-Identifier: Apache-2.0
"""Documents become runs of a store: saves of flows, checkpoints of workflows; or nothing does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Engine, InMemoryCheckpointStorage, MemoryStore, TriggerFlow
from holdfast.errors import (
    Damaged,
    DefinitionError,
    DefinitionNotFound,
    HoldfastError,
    InvalidId,
    MigrationFailed,
    NotASave,
    ResourcesNotReady,
    RunExists,
    WorkflowCheckpointException,
    WorkflowGraphChanged,
    WrongDefinition,
)
from holdfast.workflow import WorkflowCheckpoint
from tests.runtime import changes
from tests.runtime.test_checking import ended
from tests.runtime.test_stored_migrations import flow, to_cents, workflow

FLOW = changes.flow_of(changes.ask, changes.finish)
GRAPH = changes.graph_of(changes.FRONT, changes.ASK, changes.TELL)


async def flow_save(build: Callable[[], Any] = FLOW) -> dict[str, Any]:
    """A save of a flow's run that waits for an answer."""
    execution = build().create_execution(auto_close=False)
    await execution.async_start("in")
    saved: dict[str, Any] = execution.save()
    return saved


async def checkpoint(build: Callable[[], Any] = GRAPH) -> WorkflowCheckpoint:
    """The newest checkpoint of a workflow's run that waits for an answer."""
    storage = InMemoryCheckpointStorage()
    await build().run("in", checkpoint_storage=storage)
    found = await storage.get_latest()
    assert found is not None
    return found


@pytest.mark.parametrize("shape", ["value", "dict", "text", "bytes"])
async def test_a_checkpoint_of_a_workflow_is_adopted_as_a_run_of_its_own(shape: str) -> None:
    """In every shape that it has; it goes on under its own id, and is answered once."""
    saved = await checkpoint()
    given: Any = {
        "value": lambda: saved,
        "dict": saved.to_dict,
        "text": lambda: json.dumps(saved.to_dict()),
        "bytes": lambda: json.dumps(saved.to_dict()).encode(),
    }[shape]()
    store = MemoryStore()
    async with Engine(store, [GRAPH()]) as engine:
        run = await engine.adopt(given, run_id="copy")
        assert run.run_id == "copy" != saved.run_id
        assert [wait.wait_id for wait in await run.waits()] == ["q"]
        assert len(await store.list_checkpoint_ids(run_id="copy")) == 1
    async with Engine(store, [GRAPH()]) as engine:
        run = await engine.open("copy")
        await run.answer("q", "yes")
        assert await run.result() == ["yes"]
        await ended(run)


async def test_work_that_was_under_way_in_a_checkpoint_goes_on() -> None:
    """From the barrier that the checkpoint was taken at."""
    storage = InMemoryCheckpointStorage()
    plain = changes.graph_of(changes.FRONT, changes.MORE, changes.TELL)
    await plain().run("in", checkpoint_storage=storage)
    for saved in await storage.list_checkpoints():
        async with Engine("memory://", [plain()]) as engine:
            run = await engine.adopt(saved)
            assert await run.result() == ["in"]


async def test_documents_of_older_versions_are_migrated_on_the_way() -> None:
    """Both fronts, by the migrations of whoever adopts them."""
    for build, saved in (
        (flow, await flow_save(lambda: flow("1"))),
        (workflow, await checkpoint(lambda: workflow("1"))),
    ):
        today = build("2", v1_v2=to_cents)
        async with Engine("memory://", [today]) as engine:
            run = await engine.adopt(saved)
            (told,) = await engine.check(today)
            assert (told.version, told.verdict) == ("2", "same")
            await run.answer("q", "yes")
            found = await run.result()
            assert (found[0] if isinstance(found, list) else found)["cents"] == 1200


def cut(saved: Any) -> Any:
    """A save of which a part is missing."""
    return {**saved, "body": {}}


def made_up(saved: WorkflowCheckpoint) -> Any:
    """A checkpoint whose record is none."""
    return {**saved.to_dict(), "parts": {"due/1": {"n": 3}}}


FLOW_ERRORS = [
    pytest.param(cut, FLOW, Damaged, id="flow, cut"),
    pytest.param(lambda _saved: 3, FLOW, NotASave, id="flow, no document"),
    pytest.param(lambda _saved: "{}", FLOW, NotASave, id="flow, another document"),
    pytest.param(lambda saved: saved, changes.flow_of(changes.plain), WrongDefinition, id="gone"),
    pytest.param(lambda saved: saved, GRAPH, DefinitionError, id="flow, by a workflow"),
    pytest.param(lambda saved: saved, lambda: flow("2"), DefinitionNotFound, id="unknown"),
]
GRAPH_ERRORS = [
    pytest.param(made_up, GRAPH, WorkflowCheckpointException, id="workflow, made up"),
    pytest.param(
        lambda saved: {**saved.to_dict(), "parts": 3},
        GRAPH,
        WorkflowCheckpointException,
        id="workflow, no parts",
    ),
    pytest.param(
        lambda saved: json.dumps(saved.to_dict())[:-9],
        GRAPH,
        WorkflowCheckpointException,
        id="workflow, cut",
    ),
    pytest.param(
        lambda saved: saved, changes.graph_of(changes.FRONT), WorkflowGraphChanged, id="lost"
    ),
    pytest.param(lambda saved: saved, FLOW, DefinitionError, id="workflow, by a flow"),
]


@pytest.mark.parametrize(("change", "build", "error"), [*FLOW_ERRORS, *GRAPH_ERRORS])
async def test_a_document_that_is_refused_leaves_nothing_behind(
    change: Any, build: Any, error: type[HoldfastError], request: pytest.FixtureRequest
) -> None:
    """A typed error, no run in the store, and the engine goes on."""
    is_graph = request.node.callspec.id in {one.id for one in GRAPH_ERRORS}
    saved: Any = await checkpoint() if is_graph else await flow_save()
    today = build()
    async with Engine("memory://", [today]) as engine:
        with pytest.raises(error):
            await engine.adopt(change(saved))
        assert await engine.runs() == ()
        await (await engine.start(today, "in")).until_idle()


async def test_a_migration_that_fails_adopts_nothing() -> None:
    """The error of the migration comes out, for a workflow as the cause."""
    for build, saved in (
        (flow, await flow_save(lambda: flow("1"))),
        (workflow, await checkpoint(lambda: workflow("1"))),
    ):
        async with Engine("memory://", [build("2", v1_v2=lambda _doc: None)]) as engine:
            with pytest.raises(HoldfastError) as caught:
                await engine.adopt(saved)
            named = caught.value if build is flow else caught.value.__cause__
            assert isinstance(named, MigrationFailed)
            assert await engine.runs() == ()


async def test_an_id_in_use_is_refused_before_anything_is_called() -> None:
    """Not even with the same document: a copy is another run."""
    called: list[str] = []

    class Seen(changes.Asker):
        async def on_checkpoint_restore(self, state: dict[str, Any]) -> None:
            called.append("restore")

        async def on_checkpoint_save(self) -> dict[str, Any]:
            return {}

    graph = changes.graph_of(changes.FRONT, ("ask", Seen), changes.TELL)
    for build, saved in ((FLOW, await flow_save()), (graph, await checkpoint(graph))):
        async with Engine("memory://", [build()]) as engine:
            run = await engine.adopt(saved, run_id="r")
            called.clear()
            with pytest.raises(RunExists):
                await engine.adopt(saved, run_id="r")
            with pytest.raises(InvalidId):
                await engine.adopt(saved, run_id="../r")
            assert called == []
            await run.answer("q", "yes")
            await run.result()


async def test_a_resource_that_cannot_be_had_adopts_nothing() -> None:
    """A resolver that gives nothing keeps the run from going on, here as at a load."""

    def build() -> TriggerFlow[Any, Any, Any]:
        made: TriggerFlow[Any, Any, Any] = FLOW()
        made.declare_resource_requirement("db", resolver=lambda _context: None)
        return made

    saved = await flow_save(build)
    async with Engine("memory://", [build()]) as engine:
        with pytest.raises(ResourcesNotReady):
            await engine.adopt(saved)
        assert await engine.runs() == ()


async def test_a_changed_definition_adopts_with_a_warning() -> None:
    """As it would load: all that the run needs is there."""
    for build, saved in (
        (changes.flow_of(changes.ask, changes.plain, changes.finish), await flow_save()),
        (
            changes.graph_of(changes.FRONT, changes.ASK, changes.MORE, changes.TELL),
            await checkpoint(),
        ),
    ):
        async with Engine("memory://", [build()]) as engine:
            with pytest.warns(RuntimeWarning, match="has changed"):
                run = await engine.adopt(saved)
            assert (await run.row()).fingerprint == build().fingerprint
            await run.answer("q", "yes")
            await run.result()
