# SPDX-License-Identifier: Apache-2.0
"""Where the runs of a state machine are kept: in memory, or in a file that is opened anew."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from holdfast import MemoryStore, SQLiteStore
from holdfast.machine import snapshot
from holdfast.machine.run import Run
from holdfast.persistence.parts import merge
from holdfast.persistence.store import Store, Stored
from tests.model.worker import Gate, Worker

T = TypeVar("T")


def record_of(stored: Stored, plan: Any, codec: Any) -> Run:
    """The record that a store holds, as the machines read it."""
    parts = merge(stored.anchor, stored.deltas)
    run = snapshot.restore(stored.row.run_id, stored.row.head.front, plan, parts, codec)
    snapshot.rebind(run, codec)
    return run


class Place:
    """One store over many workers. kind: "memory" or "sqlite"."""

    def __init__(self, kind: str) -> None:
        self.folder = tempfile.TemporaryDirectory() if kind == "sqlite" else None
        self.memory = MemoryStore()
        self.written: list[tuple[int, str]] = []
        self.gates: list[Gate] = []

    def worker(self, wall: float) -> Worker:
        """A new worker; in a file, with a connection of its own."""
        gate = Gate(self._opened(), self.written)
        gate.living = self._is_alive
        self.gates.append(gate)
        return Worker(gate, wall, keeps=self.folder is not None)

    def _opened(self) -> Store:
        if self.folder is None:
            return self.memory
        return SQLiteStore(Path(self.folder.name) / "runs.db", durability="relaxed")

    def _is_alive(self, owner: str) -> bool:
        return not any(gate.is_dead for gate in self.gates if owner in gate.enrolled)

    def read(self, call: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        """Ask the store, as somebody who opens it now."""

        async def reading() -> T:
            store = self._opened()
            try:
                return await call(store)
            finally:
                if self.folder is not None:
                    await store.close()

        return asyncio.run(reading())

    def flaws(self) -> list[str]:
        """What the file itself says is wrong with it, and numbers that were given twice."""
        numbers = [seq for seq, _ in self.written]
        found = [] if len(set(numbers)) == len(numbers) else [f"a number came twice: {numbers}"]
        if self.folder is not None:
            database = sqlite3.connect(Path(self.folder.name) / "runs.db")
            with database:
                said = database.execute("PRAGMA quick_check").fetchone()[0]
            database.close()
            if said != "ok":
                found.append(said)
        return found

    def leave(self) -> None:
        """Nothing is left of it."""
        if self.folder is not None:
            self.folder.cleanup()
