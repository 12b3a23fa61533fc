# SPDX-License-Identifier: Apache-2.0
"""Times one cell in its own process: a workload of one program, with one size, in one place.

Standard library only. A program is a module whose `WORKLOADS` maps a name ("W1") to an async
function taking a `Bench`; the function asserts that the result is right.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

#: What W5 appends and W8 keeps: 1,008 characters.
ITEM_BYTES = 1008
_KB = "x" * 1000

Workload = Callable[["Bench"], Awaitable[None]]


def item(number: int) -> str:
    """A text of ITEM_BYTES characters, another for each number."""
    return f"{number:08d}" + _KB


def resident_mb() -> float:
    """The memory that this process holds now."""
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return int(fields[1]) * resource.getpagesize() / 2**20


def tree_bytes(folder: Path) -> int:
    """The size of every file below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Bench:
    """One cell as its workload sees it.

    place: where a durable run is kept ("memory", "fsync", "relaxed"), or "none". root: a scratch
    folder. extra: figures of the workload's own, written into the row.
    """

    def __init__(self, n: int, place: str, root: Path, *, reps: int = 3, warm: int = 1) -> None:
        self.n = n
        self.place = place
        self.root = root
        self.reps = reps
        self.warm = warm
        self.units = n
        self.extra: dict[str, Any] = {}
        self.walls: list[float] = []
        self.cpus: list[float] = []
        self.bytes: list[int] = []
        self._wall = self._cpu = 0.0
        self._from_wall = self._from_cpu = 0.0

    def start(self) -> None:
        """The timed part begins."""
        self._from_cpu = time.process_time()
        self._from_wall = time.perf_counter()

    def stop(self) -> None:
        """The timed part ends; CPU time is that of all threads."""
        self._wall += time.perf_counter() - self._from_wall
        self._cpu += time.process_time() - self._from_cpu

    async def repeat(
        self,
        once: Callable[[Path], Awaitable[None]],
        *,
        units: int | None = None,
        warm: int | None = None,
        reps: int | None = None,
    ) -> None:
        """Call once(folder) some times; it brackets its timed part with start() and stop()."""
        if units is not None:
            self.units = units
        warm = self.warm if warm is None else warm
        reps = self.reps if reps is None else reps
        for turn in range(warm + reps):
            folder = Path(tempfile.mkdtemp(dir=self.root))
            gc.collect()
            self._wall = self._cpu = 0.0
            await once(folder)
            if turn >= warm:
                self.walls.append(self._wall)
                self.cpus.append(self._cpu)
                self.bytes.append(tree_bytes(folder))
            shutil.rmtree(folder, ignore_errors=True)

    def row(self) -> dict[str, Any]:
        """The medians over the repetitions, in microseconds for one unit."""
        wall = statistics.median(self.walls) / self.units * 1e6
        cpu = statistics.median(self.cpus) / self.units * 1e6
        return {
            "wall_us": round(wall, 3),
            "cpu_us": round(cpu, 3),
            "units": self.units,
            "bytes": int(statistics.median(self.bytes)),
            **self.extra,
        }


def workloads_of(program: str) -> dict[str, Workload]:
    """The workloads of a program, by name."""
    logging.disable(logging.WARNING)  # some libraries warn about every checkpoint they take
    found: dict[str, Workload] = importlib.import_module(program).WORKLOADS
    return found


def measure(program: str, workload: str, n: int, place: str, **how: int) -> dict[str, Any]:
    """Run one cell here and give its row; {"skip": why} when the program has no such workload."""
    function = workloads_of(program).get(workload)
    if function is None:
        return {"skip": "no such workload"}
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    bench = Bench(n, place, root, **how)
    try:
        asyncio.run(_awaited(function, bench))
        return bench.row()
    finally:
        shutil.rmtree(root, ignore_errors=True)


async def _awaited(function: Workload, bench: Bench) -> None:
    await function(bench)


def show(row: dict[str, Any]) -> None:
    """Print a row as the last line of the process."""
    print(json.dumps(row), flush=True)
