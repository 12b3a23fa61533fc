# SPDX-License-Identifier: Apache-2.0
"""Stores for the durable workloads, by the name of the place."""

from __future__ import annotations

from pathlib import Path

from holdfast import MemoryStore, SQLiteStore
from holdfast.persistence.store import Store


def opened(place: str, folder: Path) -> Store:
    """A new store: "memory", "fsync" (survives power loss) or "relaxed" (a killed process)."""
    if place == "memory":
        return MemoryStore()
    if place == "fsync":
        return SQLiteStore(folder / "runs.db", durability="fsync")
    if place == "relaxed":
        return SQLiteStore(folder / "runs.db", durability="relaxed")
    raise ValueError(f"no such place: {place}")
