# SPDX-License-Identifier: Apache-2.0
"""Disks that are full at every point of a run: real ENOSPC, a limit on files, a limit on pages.

The run meets its limit in one process; the caller is told a typed error, no handler begins after
the write that failed, and what was kept before is whole. Then there is room, and a fresh process
brings the run to the end of an undisturbed one.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from holdfast import Engine, FileCheckpointStorage, SQLiteStore
from holdfast.errors import HoldfastError, StoreError
from holdfast.persistence.store import Claim, Commit, RunHead, Store
from holdfast.testing.crash import Log
from holdfast.testing.places import PlaceName, place
from holdfast.testing.processes import Child, Children, Line
from tests.soak import journeys
from tests.soak.found import Found

PLENTY_BYTES = 64_000_000
PAGE_BYTES = 4096
_CLONE_NEWNS = 0x20000
_MS_REMOUNT = 32
_MS_PRIVATE_RECURSIVE = (1 << 18) | (1 << 14)


async def little(store: Store, log: Log) -> Any:
    """The chain with little in its state, so that every write is some part of the whole."""
    flow = journeys.chain_flow(log, ballast="x" * 5000)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        end = await run.result()
    return [end["seen"], len(end["ballast"])]


class WatchedLog(Log):
    """Notes which handlers begin after a write has failed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failed = False
        self.late: list[str] = []

    def begin(self, node: str, payload: Any) -> None:
        """A handler begins."""
        super().begin(node, payload)
        if self.failed:
            self.late.append(node)


class WatchedStore(SQLiteStore):
    """Tells a log when a commit has failed."""

    log: WatchedLog

    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """The first commit."""
        try:
            return await super().open_run(head, commit, owner)
        except StoreError:
            self.log.failed = True
            raise

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """Every other commit."""
        try:
            return await super().append(claim, commit, after=after)
        except StoreError:
            self.log.failed = True
            raise


class WatchedFiles(FileCheckpointStorage):
    """The same for a folder of checkpoints."""

    log: WatchedLog

    async def save(self, checkpoint: Any) -> str:
        """A checkpoint."""
        try:
            return await super().save(checkpoint)
        except HoldfastError:
            self.log.failed = True
            raise


def paged(limit: int) -> type[sqlite3.Connection]:
    """Connections to a database that may have no more pages than fit into so many bytes."""

    class Paged(sqlite3.Connection):
        def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
            if sql == "PRAGMA temp_store = MEMORY":
                super().execute(f"PRAGMA max_page_count = {max(limit // PAGE_BYTES, 1)}")
            return super().execute(sql, *more)

    return Paged


class Disk:
    """One way in which a disk is full. where: what is kept on it."""

    def __init__(self, where: PlaceName) -> None:
        self.where = where
        self.journey = journeys.files if where == "files" else little

    def size(self, folder: Path) -> int:
        """What a whole run needs of what is limited."""
        raise NotImplementedError

    def small(self, folder: Path, limit: int) -> None:
        """Before the run: so much, and no more."""

    def limited(self, limit: int) -> None:
        """The same, inside its process."""

    def roomy(self, folder: Path) -> None:
        """Afterwards: as much as anybody wants."""

    def gone(self, folder: Path) -> None:
        """In the end."""

    def opened(self, folder: Path, log: WatchedLog, limit: int) -> Any:
        """What the journey is given in the process that has no room."""
        found: Any
        if self.where == "files":
            found = WatchedFiles(folder / "checkpoints")
        else:
            found = WatchedStore(
                folder / "runs.db", durability=self.where, factory=self.factory(limit)
            )
        found.log = log
        return found

    def factory(self, limit: int) -> type[sqlite3.Connection]:
        """The connections of that store."""
        return sqlite3.Connection


def _files(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]


class Pages(Disk):
    """SQLite says SQLITE_FULL by itself."""

    def size(self, folder: Path) -> int:
        """The database at its end."""
        return (folder / "runs.db").stat().st_size

    def factory(self, limit: int) -> type[sqlite3.Connection]:
        """Connections with so few pages."""
        return paged(limit)


class Bytes(Disk):
    """No file may become larger: the write fails with EFBIG."""

    def size(self, folder: Path) -> int:
        """The largest file there was; the log beside the database is gone by now."""
        most = max(one.stat().st_size for one in _files(folder))
        return most * (1 if self.where == "files" else 5)

    def limited(self, limit: int) -> None:
        """For this process and its threads."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


class Mounted(Disk):
    """A file system of that size: the write fails with ENOSPC."""

    def size(self, folder: Path) -> int:
        """Everything there was, and what SQLite needs beside it for a while."""
        pages = sum(-(-one.stat().st_size // PAGE_BYTES) for one in _files(folder))
        return pages * PAGE_BYTES * (1 if self.where == "files" else 3)

    def small(self, folder: Path, limit: int) -> None:
        """Mount it."""
        _mount(folder, limit, 0)

    def roomy(self, folder: Path) -> None:
        """Make it larger."""
        _mount(folder, PLENTY_BYTES, _MS_REMOUNT)

    def gone(self, folder: Path) -> None:
        """Unmount it."""
        if _LIBC.umount2(os.fsencode(folder), 2):
            raise OSError(ctypes.get_errno(), "umount")


_LIBC = ctypes.CDLL(None, use_errno=True)


def _mount(folder: Path, size: int, flags: int) -> None:
    size = max(size, PAGE_BYTES)
    options = f"size={size}".encode()
    if _LIBC.mount(b"none", os.fsencode(folder), b"tmpfs", flags, options):
        raise OSError(ctypes.get_errno(), "mount")


def may_mount() -> bool:
    """Whether this process may have file systems of its own; from now on it has."""
    if not hasattr(_LIBC, "unshare") or _LIBC.unshare(_CLONE_NEWNS):
        return False
    return _LIBC.mount(b"none", b"/", None, _MS_PRIVATE_RECURSIVE, None) == 0


class Point:
    """One run that meets one limit."""

    def __init__(self, disk: Disk, folder: Path, expected: tuple[Any, Counter[str]]) -> None:
        self.disk = disk
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.end, self.once = expected
        self.was_told = ""

    def run(self, limit: int) -> list[str]:
        """Meet the limit, look, go on with room."""
        self.folder.mkdir(parents=True)
        self.disk.small(self.folder, limit)
        try:
            with Children() as children:
                told = self._word(children.fork(partial(self._live, limit)))
                full = self._word(children.fork(self._look))
                self.disk.roomy(self.folder)
                held = self._word(children.fork(self._look))
                before = self._begun()
                again = self._word(children.fork(partial(self._live, None)))
        finally:
            self.disk.gone(self.folder)
        return self._judge(told, full, held, again, before)

    def _word(self, child: Child) -> Any:
        word = child.hear()
        status = child.wait()
        return word if status == 0 else ["untyped", f"the process ended with {status}", []]

    def _live(self, limit: int | None, line: Line) -> None:
        async def live() -> Any:
            log = WatchedLog(self.log)
            where = place(self.disk.where, self.folder)
            opened = where.open() if limit is None else self.disk.opened(self.folder, log, limit)
            try:
                said = ["ended", await self.disk.journey(opened, log)]
            except HoldfastError as error:
                said = ["told", type(error).__name__]
            except Exception as error:
                said = ["untyped", f"{type(error).__name__}: {error}"]
            await asyncio.sleep(0.02)
            await where.close(opened)
            return [*said, log.late]

        if limit is not None:
            self.disk.limited(limit)
        line.say(asyncio.run(live()))

    def _look(self, line: Line) -> None:
        async def look() -> Any:
            held = await place(self.disk.where, self.folder).held()
            return ["held", None if held is None else sorted(held.due), []]

        try:
            line.say(asyncio.run(look()))
        except HoldfastError as error:
            line.say(["told", type(error).__name__, []])

    def _begun(self) -> Counter[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter(line for line in lines if not line.startswith("~"))

    def _judge(
        self, told: Any, full: Any, held: Any, again: Any, before: Counter[str]
    ) -> list[str]:
        problems = []
        self.was_told = told[1] if told[0] == "told" else ""
        if told[0] == "untyped" or (told[0] == "ended" and told[1] != self.end):
            problems.append(f"the caller got {told}")
        if told[2]:
            problems.append(f"began after the write that failed: {told[2]}")
        if full[0] == "untyped" or held[0] != "held":
            problems.append(f"what was kept cannot be read: {full}, with room {held}")
        if again[:2] != ["ended", self.end]:
            problems.append(f"with room again, the caller got {again}")
        finished = set() if held[1] is None else before.keys() - set(held[1])
        after = self._begun() - before
        if held[0] == "held" and (redone := finished & after.keys()):
            problems.append(f"finished work began again: {sorted(redone)}")
        if self._begun().keys() != self.once.keys():
            problems.append(f"never ran: {sorted(self.once.keys() - self._begun().keys())}")
        return problems


def disks(amount: int, seed: int, folder: Path) -> Found:
    """So many points, over all ways in which a disk is full."""
    kinds: list[Callable[[], Disk]] = [
        lambda: Pages("relaxed"),
        lambda: Bytes("fsync"),
        lambda: Bytes("files"),
    ]
    if may_mount():
        kinds += [lambda: Mounted("relaxed"), lambda: Mounted("files")]
    found = Found(facts={"by ENOSPC": 0, "told": 0, "enough room": 0})
    for number, kind in enumerate(kinds):
        disk = kind()
        name = f"{type(disk).__name__.lower()}-{disk.where}"
        share = amount // len(kinds) + (number < amount % len(kinds))
        found.add(_of_kind(disk, share, folder / name, name))
    return found


def _of_kind(disk: Disk, amount: int, folder: Path, name: str) -> Found:
    quiet = Point(disk, folder / "quiet", (None, Counter()))
    quiet.folder.mkdir(parents=True)
    with Children() as children:
        end = quiet._word(children.fork(partial(quiet._live, None)))[1]
    most = disk.size(quiet.folder)
    expected = (end, quiet._begun())
    found = Found()
    for number in range(amount):
        limit = most * (number + 1) // (amount + 1)
        one = Point(disk, folder / str(number), expected)
        problems = one.run(limit)
        told = bool(one.was_told)
        facts = {"by ENOSPC": told and isinstance(disk, Mounted), "told": told}
        found.add(
            Found(
                1,
                [f"{name}, {limit} bytes: {text} [{one.folder}]" for text in problems],
                {**facts, "enough room": not told},
            )
        )
        if not problems:
            shutil.rmtree(one.folder)
    return found
