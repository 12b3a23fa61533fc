# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after a power loss, for files that are written in one folder.

While `PowerLoss` is entered it watches what is synced, renamed and removed in the folder, and
after each such call draws what the disk could hold had the power failed then. A file system
promises little: bytes are there once the file was synced, names once the folder was; whatever else
happened may be there, may be torn, or may not be there.
"""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Image:
    """One folder as it may be found. at: the call after which the power failed, and what was lost.

    files: their bytes by name.
    """

    at: str
    files: dict[str, bytes]

    def write(self, folder: Path) -> None:
        """Make it a folder."""
        folder.mkdir(parents=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)


class PowerLoss:
    """Watches a folder. images: what was drawn since they were taken last.

    Names are patched in the module `os`, for the whole process: for tests alone.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.images: list[Image] = []
        self._rng = rng
        self._names: dict[str, int] = {}
        self._synced: dict[int, bytes] = {}
        self._pins: dict[int, int] = {}
        self._real: dict[str, Callable[..., Any]] = {}

    def __enter__(self) -> Self:
        self._names = self._now()
        self._synced = {inode: self._bytes(inode) for inode in self._names.values()}
        for name in ("replace", "rename", "unlink", "remove"):
            self._patch(name, self._watched(name))
        self._patch("fsync", self._fsync)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)
        for handle in self._pins.values():
            os.close(handle)

    def take(self) -> list[Image]:
        """What was drawn so far, and what the disk may hold right now."""
        self._draw("between two calls")
        images, self.images = self.images, []
        return images

    def _patch(self, name: str, call: Callable[..., Any]) -> None:
        self._real[name] = getattr(os, name)
        setattr(os, name, call)

    def _watched(self, name: str) -> Callable[..., Any]:
        def call(path: Any, *more: Any, **how: Any) -> Any:
            is_ours = Path(os.fspath(path)).parent == self.folder
            if is_ours:
                self._draw(f"before {name}")
            result = self._real[name](path, *more, **how)
            if is_ours:
                self._draw(f"after {name}")
            return result

        return call

    def _fsync(self, handle: int) -> None:
        facts = os.fstat(handle)
        self._real["fsync"](handle)
        if not stat.S_ISDIR(facts.st_mode):
            self._now()
            if facts.st_ino in self._pins:
                self._synced[facts.st_ino] = self._bytes(facts.st_ino)
                self._draw("after the sync of a file")
        elif facts.st_ino == self.folder.stat().st_ino:
            self._names = self._now()
            self._draw("after the sync of the folder")

    def _now(self) -> dict[str, int]:
        """The names as the running system shows them; every file is held, so no number returns."""
        found: dict[str, int] = {}
        for entry in os.scandir(self.folder):
            inode = entry.stat(follow_symlinks=False).st_ino
            if inode not in self._pins:
                self._pins[inode] = os.open(entry.path, os.O_RDONLY)
            found[entry.name] = inode
        return found

    def _bytes(self, inode: int) -> bytes:
        handle = self._pins[inode]
        return os.pread(handle, os.fstat(handle).st_size, 0)

    def _draw(self, at: str) -> None:
        before, now = self._names, self._now()
        self._add(f"{at}, nothing else is there", before, torn=True)
        self._add(f"{at}, every name is there, bytes are torn", now, torn=True)
        self._add(f"{at}, all is there", now, torn=False)
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) == now.get(name):
                continue
            one = dict(before)
            one.pop(name, None)
            if name in now:
                one[name] = now[name]
            self._add(f"{at}, of the names only {name}", one, torn=True)

    def _add(self, at: str, names: dict[str, int], *, torn: bool) -> None:
        files = {name: self._found(inode, torn=torn) for name, inode in names.items()}
        self.images.append(Image(at, files))

    def _found(self, inode: int, *, torn: bool) -> bytes:
        """The bytes of a file; torn: what was not synced is there in part, or as something else."""
        data = self._bytes(inode)
        if not torn or data == self._synced.get(inode):
            return data
        kept = self._rng.randint(0, len(data))
        zeros = self._rng.choice((0, len(data) - kept))
        return (
            self._synced.get(inode, b"") if self._rng.random() < 0.3 else data[:kept] + bytes(zeros)
        )
