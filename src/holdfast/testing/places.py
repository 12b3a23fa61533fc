# SPDX-License-Identifier: Apache-2.0
"""Where a journey is kept while its process is killed, and what is to be read there afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from holdfast.errors import RunNotFound
from holdfast.persistence.parts import Part, merge
from holdfast.persistence.storages.files import FileCheckpointStorage
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.testing.invariants import due_in, problems_of, steps_done_in

#: Each is also the name that a command line takes.
PlaceName = Literal["fsync", "relaxed", "files"]
PLACES: tuple[PlaceName, ...] = ("fsync", "relaxed", "files")

#: The run id of every journey.
RUN_ID = "run"


@dataclass(frozen=True)
class Held:
    """Labels of the deliveries kept as unfinished, and keys of their steps that are done."""

    due: set[str]
    steps: set[str]


class Place(Protocol):
    """One folder with one journey in it."""

    def open(self) -> Any:
        """What the journey is given: a store, or a checkpoint storage."""

    async def close(self, opened: Any) -> None:
        """Let it go."""

    async def held(self) -> Held | None:
        """What is kept of the run; None if no run is there.

        Raises: whatever says that what is there cannot be read, or cannot be.
        """

    def litter(self) -> list[str]:
        """Files that nobody needs any more, which should not be there."""


def place(name: PlaceName, folder: Path) -> Place:
    """The place of this name in a folder."""
    if name == "files":
        return FilePlace(folder)
    return SQLitePlace(folder, name)


def _held_in(parts: Mapping[str, Part]) -> Held:
    return Held(due_in(parts), set(steps_done_in(parts)))


class SQLitePlace:
    """A database file."""

    def __init__(self, folder: Path, durability: Literal["fsync", "relaxed"]) -> None:
        self._folder = folder
        self._path = folder / "runs.db"
        self._durability = durability

    def open(self) -> SQLiteStore:
        """The store in it."""
        return SQLiteStore(self._path, durability=self._durability)

    async def close(self, opened: SQLiteStore) -> None:
        """End its threads."""
        await opened.close()

    async def held(self) -> Held | None:
        """What the journal holds, once SQLite has found the file sound."""
        if not self._path.exists():
            return None
        store = self.open()
        try:
            stored = await store.read(RUN_ID)
            problems = await problems_of(store, RUN_ID)
        except RunNotFound:
            return None
        finally:
            await store.close()
        self._check(problems)
        return _held_in(merge(stored.anchor, stored.deltas))

    def _check(self, problems: list[str]) -> None:
        con = sqlite3.connect(self._path)
        try:
            (said,) = con.execute("PRAGMA quick_check").fetchone()
        finally:
            con.close()
        if said != "ok" or problems:
            raise AssertionError(f"quick_check says {said}; {problems}")

    def litter(self) -> list[str]:
        """A log beside a database that nobody has open, and locks of owners that are gone."""
        kept = (self._path.name, "runs.db.owners", "log")
        found = [one.name for one in self._folder.iterdir() if one.name not in kept]
        return found + [f"lock {one.name}" for one in self._folder.glob("runs.db.owners/*")]


class FilePlace:
    """A folder of checkpoint files. It keeps supersteps: one under way repeats whole."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "checkpoints"

    def open(self) -> FileCheckpointStorage:
        """The storage in it."""
        return FileCheckpointStorage(self._path)

    async def close(self, opened: FileCheckpointStorage) -> None:
        """It holds nothing open."""

    async def held(self) -> Held | None:
        """The messages that the newest checkpoint holds."""
        if not self._path.exists():
            return None
        newest = await self.open().get_latest()
        return None if newest is None else _held_in(newest.parts)

    def litter(self) -> list[str]:
        """Halves of files."""
        return [one.name for one in self._path.iterdir() if one.suffix == ".tmp"]
