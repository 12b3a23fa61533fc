# SPDX-License-Identifier: Apache-2.0
"""Checkpoints found by run, over whatever keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    CheckpointInfo,
    CheckpointManager,
    FileCheckpointStorage,
    InMemoryCheckpointStorage,
    MemoryStore,
    WorkflowCheckpoint,
)
from holdfast.errors import WorkflowCheckpointException
from tests.workflow.graphs import OwnStorage


def checkpoint(run_id: str, number: int, parent: str | None = None) -> WorkflowCheckpoint:
    """A checkpoint of a run."""
    return WorkflowCheckpoint(
        workflow_name="orders",
        graph_signature_hash="sha256:0",
        checkpoint_id=f"{run_id}@{number}",
        run_id=run_id,
        timestamp="2026-01-01T00:00:00+00:00",
        previous_checkpoint_id=parent,
        iteration_count=number,
        metadata={"kind": "superstep"},
        parts={"state": b'{"a":1}'},
    )


@pytest.fixture(params=["default", "memory", "files", "store", "own", "manager"])
def manager(request: Any, tmp_path: Path) -> CheckpointManager:
    """A manager over each kind of place."""
    match request.param:
        case "default":
            return CheckpointManager()
        case "memory":
            return CheckpointManager(InMemoryCheckpointStorage())
        case "files":
            return CheckpointManager(FileCheckpointStorage(tmp_path))
        case "store":
            return CheckpointManager(MemoryStore())
        case "own":
            return CheckpointManager(OwnStorage())
        case _:
            return CheckpointManager(CheckpointManager(MemoryStore()))


async def test_runs_are_told_apart(manager: CheckpointManager) -> None:
    """Two runs of one workflow: each has its own list, in the order of commits, and latest."""
    first = await manager.commit(checkpoint("A", 1))
    other = await manager.commit(checkpoint("B", 1))
    second = await manager.commit(checkpoint("A", 2, first.checkpoint_id))

    assert await manager.index("A") == [first, second]
    assert await manager.index("B") == [other]
    assert await manager.index("C") == []
    assert await manager.latest("A") == second
    assert await manager.latest("C") is None


async def test_branches_are_found_by_their_parent(manager: CheckpointManager) -> None:
    """Two checkpoints that follow the same one; and what follows none is not among them."""
    root = await manager.commit(checkpoint("A", 1))
    one = await manager.commit(checkpoint("A", 2, root.checkpoint_id))
    two = await manager.commit(checkpoint("A", 3, one.checkpoint_id))

    assert await manager.index("A", with_parent=root) == [one]
    assert await manager.index("A", one) == [two]
    assert await manager.index("A", two) == []


async def test_an_info_leads_back_to_its_checkpoint(manager: CheckpointManager) -> None:
    """Whole, and only for the run that it names."""
    info = await manager.commit(checkpoint("A", 1))
    found = await manager.lookup(info)

    assert (found.run_id, found.iteration_count) == ("A", 1)
    assert found.parts == {"state": b'{"a":1}'}
    assert found.info == info
    with pytest.raises(WorkflowCheckpointException, match="belongs to run 'A'"):
        await manager.lookup(CheckpointInfo("B", info.checkpoint_id))
    with pytest.raises(WorkflowCheckpointException):
        await manager.lookup(CheckpointInfo("A", "A@9"))
