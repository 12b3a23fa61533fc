# SPDX-License-Identifier: Apache-2.0
"""Every place that keeps checkpoints, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import FileCheckpointStorage, InMemoryCheckpointStorage, MemoryStore, SQLiteStore
from tests.workflow.graphs import OwnStorage

STORES = ("memory store", "sqlite")
STORAGES = ("in memory", "files", "own")


async def _place(kind: str, folder: Path) -> AsyncIterator[Any]:
    match kind:
        case "memory store":
            yield MemoryStore()
        case "sqlite":
            store = SQLiteStore(folder / "runs.db", durability="relaxed")
            yield store
            await store.close()
        case "in memory":
            yield InMemoryCheckpointStorage()
        case "files":
            yield FileCheckpointStorage(folder / "checkpoints")
        case _:
            yield OwnStorage()


@pytest.fixture(params=STORES + STORAGES)
async def place(request: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A store or a checkpoint storage of each kind."""
    async for one in _place(request.param, tmp_path):
        yield one


@pytest.fixture(params=STORES)
async def store(request: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A store of each kind."""
    async for one in _place(request.param, tmp_path):
        yield one
