# SPDX-License-Identifier: Apache-2.0
"""What releases wrote is read for ever: each golden document goes on to the known end.

A failure here means that runs which wait in somebody's store do not go on after an upgrade. A
changed fingerprint is one too: warnings are errors, and engines leave such runs alone.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import Engine, InMemoryCheckpointStorage, TriggerFlow, WorkflowBuilder
from holdfast.runtime.engine import RunHandle
from holdfast.workflow import WorkflowCheckpoint
from tests.golden import definitions, make

HERE = Path(__file__).parent
FOLDERS = sorted(path for path in HERE.iterdir() if (path / "store.sql").exists())


@pytest.fixture(params=FOLDERS, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """What one release wrote."""
    found: Path = request.param
    return found


def read(path: Path) -> Any:
    """A document."""
    return json.loads(path.read_text("utf-8"))


async def ended(execution: Any) -> Any:
    """Answer what a run of the flow still asks."""
    await execution.async_continue_with("b", "yes to b")
    await execution.async_continue_with("frame-1:inner", "yes inside")
    return await execution.async_close()


async def test_a_flow_goes_on_from_its_save(folder: Path) -> None:
    """Loops, joins, sub-flows, questions and values of every kind are where they were."""
    execution = definitions.flow().create_execution(auto_close=False)
    execution.load(folder / "flow_save.json", strict=True)
    assert await ended(execution) == definitions.FLOW_END


async def test_a_flow_is_adopted_from_its_save(folder: Path) -> None:
    """By an engine, which ends it once nothing is open."""
    async with Engine("memory://", [definitions.flow()]) as engine:
        run = await engine.adopt(read(folder / "flow_save.json"))
        assert [wait.wait_id for wait in await run.waits()] == ["b", "frame-1:inner"]


async def test_a_workflow_goes_on_from_its_checkpoint(folder: Path) -> None:
    """Half-filled fan-in, shared state, what executors hold, questions at every depth."""
    storage = InMemoryCheckpointStorage()
    checkpoint = WorkflowCheckpoint.from_dict(read(folder / "graph_checkpoint.json"))
    await storage.save(checkpoint)
    workflow = definitions.graph()
    done = await workflow.run(
        checkpoint_id=checkpoint.checkpoint_id,
        checkpoint_storage=storage,
        responses={"asker": "yes", "deep": "deep yes"},
        on_graph_change="fail",
    )
    assert [*done.get_outputs()] == definitions.GRAPH_END


async def test_a_workflow_is_adopted_from_its_checkpoint(folder: Path) -> None:
    """As a run of a store, with the same end."""
    async with Engine("memory://", [definitions.graph()]) as engine:
        run = await engine.adopt(read(folder / "graph_checkpoint.json"))
        assert await answered(run) == definitions.GRAPH_END


async def answered(run: RunHandle) -> Any:
    """What a run of the workflow ends with."""
    await run.answer("asker", "yes")
    await run.answer("deep", "deep yes")
    return await run.result()


@pytest.fixture
def url(folder: Path, tmp_path: Path) -> Iterator[str]:
    """A store as that release left it."""
    con = sqlite3.connect(tmp_path / "runs.db")
    con.executescript((folder / "store.sql").read_text("utf-8"))
    con.close()
    yield f"sqlite:///{tmp_path / 'runs.db'}"
    definitions.RELEASED.clear()


async def test_every_run_of_a_store_goes_on(url: str) -> None:
    """Also the one that was stopped in the middle of a handler: what it sent is not sent again."""
    definitions.RELEASED.set()
    held = [definitions.flow(), definitions.graph(), definitions.holding()]
    async with Engine(url, held) as engine:
        for definition in held:
            assert all(row.verdict == "same" for row in await engine.check(definition))
        assert await (await engine.open("holding")).result() == definitions.HOLDING_END
        assert await answered(await engine.open("graph")) == definitions.GRAPH_END
    async with Engine(url, recover=False) as engine:
        opened = definitions.flow().create_execution(
            store=engine.store, run_id="flow", auto_close=False
        )
        assert await ended(opened) == definitions.FLOW_END
        assert engine.failures == {}


async def test_a_workflow_of_a_store_goes_back_to_its_checkpoints(url: str) -> None:
    """Every one of them is read, with the graph that wrote it."""
    async with Engine(url, recover=False) as engine:
        ids = await engine.store.list_checkpoint_ids(run_id="graph")
        assert len(ids) > 1
        for checkpoint_id in ids:
            outputs = await definitions.graph().get_checkpoint_outputs(
                checkpoint_id, checkpoint_storage=engine.store
            )
            assert outputs == definitions.GRAPH_END[: len(outputs)]


def test_blueprints_are_read_and_mean_the_same(folder: Path) -> None:
    """The fingerprint of what they build is that of the definition in code."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="another")
    for function in definitions.HANDLERS:
        flow.register_chunk_handler(function)
    flow.register_condition_handler(definitions.is_large)
    flow.load_blueprint(read(folder / "flow_blueprint.json"))
    assert flow.fingerprint == definitions.flow().fingerprint
    graph = definitions.graph()
    factories: dict[str, Any] = {**graph.plan.factories, **graph.plan.executors}
    factories["sub/deep"] = lambda: definitions.Asker("deep")
    built = WorkflowBuilder.from_blueprint(
        read(folder / "graph_blueprint.json"), executors=factories
    ).build()
    assert built.fingerprint == graph.fingerprint


def test_the_documents_are_small(folder: Path) -> None:
    """They are read by people too, when one of these tests fails."""
    assert all(path.stat().st_size < 20_000 for path in folder.iterdir())


def test_todays_code_still_writes_what_the_newest_folder_holds() -> None:
    """The same parts: a format that changed gets a folder of its own (`tests/golden/make.py`)."""
    kept = read(FOLDERS[-1] / "flow_save.json")
    now = asyncio.run(make.flow_save())
    assert (kept.keys(), kept["format"]) == (now.keys(), now["format"])
    assert kept["fingerprint"] == now["fingerprint"]
    assert kept["body"].keys() == now["body"].keys()
    before, today = read(FOLDERS[-1] / "graph_checkpoint.json"), asyncio.run(make.checkpoint())
    assert before.keys() == today.keys()
    assert before["graph_signature_hash"] == today["graph_signature_hash"]
    assert before["parts"].keys() == today["parts"].keys()
