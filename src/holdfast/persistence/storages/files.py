# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as files: one readable `<checkpoint_id>.json` each, in one folder.

A file is whole or absent: written under another name, synced, renamed, the folder synced. Order is
a number inside each file, given under a lock of the folder, because folders have no order and
clocks jump. All disk work happens off the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from holdfast.errors import WorkflowCheckpointException
from holdfast.persistence.checkpoint import (
    CheckpointSummary,
    WorkflowCheckpoint,
    all_but_last,
    no_run,
)
from holdfast.persistence.storages.checkpoint_file import (
    SUFFIX,
    ForeignFileError,
    Header,
    decode,
    encode,
    file_name,
    read_header,
)
from holdfast.persistence.types import allow_type

try:
    import fcntl
except ImportError:  # Windows: one process at a time
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

_logger = logging.getLogger("holdfast.persistence")

_LOCK = ".holdfast.lock"
_TEMPORARY = ".holdfast-"
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class FileCheckpointStorage:
    """Keeps checkpoints in a folder, which is made, for its owner only, by the first call.

    durability: "fsync" survives power loss; "none" leaves the moment of writing to the system.
    allowed_checkpoint_types: classes, or "module:qualname" of classes in modules that the program
    has imported. They are registered as by `register_type`; a file names no class by itself, and
    the classes that handlers of a workflow name need not be listed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Literal["fsync", "none"] = "fsync",
        allowed_checkpoint_types: Iterable[type | str] | None = None,
    ) -> None:
        if durability not in ("fsync", "none"):
            raise ValueError('durability: expected "fsync" or "none"')
        for one in allowed_checkpoint_types or ():
            allow_type(one)
        self.path = Path(path).absolute()
        self._sync = durability == "fsync"
        self._lock = threading.Lock()
        self._last: int | None = None
        self._headers: dict[str, tuple[tuple[int, int, int], Header]] = {}
        self._told: set[str] = set()

    async def save(self, checkpoint: WorkflowCheckpoint) -> str:
        """Write the checkpoint; the same id again takes the place of the one before, as the newest.

        Raises: WorkflowCheckpointException; then no file has changed.
        """
        return await asyncio.to_thread(self._save, checkpoint)

    async def load(self, checkpoint_id: str) -> WorkflowCheckpoint:
        """The checkpoint of this id. Raises: WorkflowCheckpointException."""
        return await asyncio.to_thread(self._load, checkpoint_id)

    async def list_checkpoints(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[WorkflowCheckpoint]:
        """Checkpoints in the order they were saved, the first *limit*, without damaged ones."""
        return await asyncio.to_thread(self._list, workflow_name, run_id, limit)

    async def list_checkpoint_ids(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Ids in the order they were saved, without reading any part."""
        found = await asyncio.to_thread(self._found, workflow_name, run_id)
        return [header.summary.checkpoint_id for header in found[:limit]]

    async def list_infos(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[CheckpointSummary]:
        """Ids, parents, steps, times and sizes of files, without reading any part."""
        found = await asyncio.to_thread(self._found, workflow_name, run_id)
        return [header.summary for header in found[:limit]]

    async def delete(self, checkpoint_id: str) -> bool:
        """Remove the file; False if there was none. Raises: WorkflowCheckpointException."""
        return await asyncio.to_thread(self._delete, checkpoint_id)

    async def prune(self, run_id: str, *, keep_last: int) -> int:
        """Remove all but the last *keep_last* files of a run. Returns how many were removed.

        A damaged file is not counted, and stays. Raises: WorkflowCheckpointException.
        """
        return await asyncio.to_thread(self._prune, run_id, keep_last)

    async def delete_run(self, run_id: str) -> None:
        """Remove every file of a run. Raises: RunNotFound if there is none."""
        if not await self.prune(run_id, keep_last=0):
            raise no_run(run_id)

    async def get_latest(
        self, workflow_name: str | None = None, *, run_id: str | None = None
    ) -> WorkflowCheckpoint | None:
        """The checkpoint saved last, or None.

        Raises: WorkflowCheckpointException if it is damaged, or if a file is damaged so far that
        nobody can say it is not the newest. An older one is never given instead.
        """
        return await asyncio.to_thread(self._latest, workflow_name, run_id)

    def _save(self, checkpoint: WorkflowCheckpoint) -> str:
        name = file_name(checkpoint.checkpoint_id)
        encode(checkpoint, 0)  # what cannot be written is refused before anything is touched
        with self._held(f"cannot save {name!r}") as lock:
            number = self._next_number(lock)
            self._replace(name, encode(checkpoint, number))
            self._headers.pop(name, None)
            self._told.discard(name)
            self._last = number
            os.pwrite(lock, b"%020d" % number, 0)
        return checkpoint.checkpoint_id

    def _next_number(self, lock: int) -> int:
        """One more than any number given.

        The count in the lock file is what other processes gave; after a power loss it may be old,
        but then every process begins by looking at the files.
        """
        count = os.pread(lock, 20, 0)
        return 1 + max(self._last or 0, int(count) if count.isdigit() else 0)

    def _replace(self, name: str, data: bytes) -> None:
        temporary = self.path / f"{_TEMPORARY}{uuid.uuid4().hex}.tmp"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                if self._sync:
                    os.fsync(file.fileno())
            temporary.replace(self.path / name)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        self._sync_folder()

    def _sync_folder(self) -> None:
        if self._sync and _HAS_LOCKS:
            handle = os.open(self.path, os.O_RDONLY | _SAFE)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _load(self, checkpoint_id: str) -> WorkflowCheckpoint:
        name = file_name(checkpoint_id)
        try:
            with self._opened(name) as handle, os.fdopen(handle, "rb", closefd=False) as file:
                return decode(file.read(), checkpoint_id)
        except FileNotFoundError as error:
            raise WorkflowCheckpointException(f"there is no {name!r} in the folder") from error
        except OSError as error:
            raise WorkflowCheckpointException(f"cannot read {name!r}: {error.strerror}") from error
        except WorkflowCheckpointException as error:
            raise WorkflowCheckpointException(f"{name!r}: {error}") from error

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        handle = os.open(self.path / name, os.O_RDONLY | _SAFE | getattr(os, "O_NONBLOCK", 0))
        try:
            yield handle
        finally:
            os.close(handle)

    def _list(
        self, workflow_name: str | None, run_id: str | None, limit: int | None
    ) -> list[WorkflowCheckpoint]:
        whole: list[WorkflowCheckpoint] = []
        for header in self._found(workflow_name, run_id):
            if limit is not None and len(whole) >= limit:
                break
            try:
                whole.append(self._load(header.summary.checkpoint_id))
            except WorkflowCheckpointException as error:
                self._tell_damaged(header.summary.checkpoint_id + SUFFIX, error)
        return whole

    def _latest(self, workflow_name: str | None, run_id: str | None) -> WorkflowCheckpoint | None:
        damaged: list[str] = []
        found = self._found(workflow_name, run_id, damaged)
        for name in damaged:
            owner, at, _ = name.removesuffix(SUFFIX).rpartition("@")
            if run_id is None or not at or owner == run_id:
                raise WorkflowCheckpointException(
                    f"{name!r} is damaged, and may be the newest checkpoint",
                    hint="Restore the file, or move it away to go on from the one before.",
                )
        return self._load(found[-1].summary.checkpoint_id) if found else None

    def _found(
        self, workflow_name: str | None, run_id: str | None, damaged: list[str] | None = None
    ) -> list[Header]:
        with self._held("cannot list the checkpoints"):
            headers = self._scan([] if damaged is None else damaged)
        return [
            header
            for header in headers
            if workflow_name in (None, header.summary.workflow_name)
            and run_id in (None, header.summary.run_id)
        ]

    def _scan(self, damaged: list[str]) -> list[Header]:
        """Every header in order; a file that did not change is not read again."""
        known, self._headers = self._headers, {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                if not entry.name.endswith(SUFFIX) or not entry.is_file(follow_symlinks=False):
                    continue
                facts = entry.stat(follow_symlinks=False)
                mark = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
                header = known[entry.name][1] if known.get(entry.name, (0,))[0] == mark else None
                try:
                    header = header or self._read_header(entry.name, facts.st_size)
                except (WorkflowCheckpointException, OSError) as error:
                    damaged.append(entry.name)
                    self._tell_damaged(entry.name, error)
                except ForeignFileError:
                    continue
                else:
                    self._headers[entry.name] = (mark, header)
        return sorted((header for _, header in self._headers.values()), key=lambda one: one.number)

    def _read_header(self, name: str, size_bytes: int) -> Header:
        with self._opened(name) as handle:
            header = read_header(lambda size: os.read(handle, size), size_bytes)
        if header.summary.checkpoint_id + SUFFIX != name:
            raise ForeignFileError  # a copy under another name
        return header

    def _delete(self, checkpoint_id: str) -> bool:
        name = file_name(checkpoint_id)
        with self._held(f"cannot delete {name!r}"):
            try:
                (self.path / name).unlink()
            except FileNotFoundError:
                return False
            self._sync_folder()
        return True

    def _prune(self, run_id: str, keep_last: int) -> int:
        with self._held(f"cannot prune run {run_id!r}"):
            of_run = [one for one in self._scan([]) if one.summary.run_id == run_id]
            dropped = all_but_last(of_run, keep_last)
            for header in dropped:
                (self.path / file_name(header.summary.checkpoint_id)).unlink(missing_ok=True)
            if dropped:
                self._sync_folder()
        return len(dropped)

    def _tell_damaged(self, name: str, error: Exception) -> None:
        if name not in self._told:
            self._told.add(name)
            _logger.warning("left out of lists: %s is damaged: %s", self.path / name, error)

    @contextmanager
    def _held(self, what: str) -> Iterator[int]:
        """The folder's lock, against threads and processes; what fails inside is ours to tell."""
        try:
            with self._lock:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | _SAFE, 0o600)
                try:
                    if _HAS_LOCKS:
                        fcntl.flock(handle, fcntl.LOCK_EX)
                    if self._last is None:
                        self._begin()
                    yield handle
                finally:
                    os.close(handle)
        except OSError as error:
            raise WorkflowCheckpointException(f"{what}: {error.strerror}") from error

    def _begin(self) -> None:
        """Sweep what a killed process left. Nobody writes now: writing needs the lock."""
        for left in self.path.glob(f"{_TEMPORARY}*.tmp"):
            left.unlink(missing_ok=True)
        headers = self._scan([])
        self._last = headers[-1].number if headers else 0
