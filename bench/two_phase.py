# SPDX-License-Identifier: Apache-2.0
"""W8: runs are paused and saved here, then loaded, answered and ended by a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.harness import Bench, tree_bytes
from bench.keeping import opened
from holdfast.persistence.store import Store

#: Where the second process finds the store of the first.
FOLDER = "BENCH_LOAD_FROM"

Part = Callable[[Store], Awaitable[None]]


async def two_phase(bench: Bench, program: str, save: Part, load: Part) -> None:
    """Save n runs, then load them in another process; the row is about the saving."""
    second = os.environ.get(FOLDER)
    if second is not None:
        await _timed(bench, Path(second), load)
        return
    folder = bench.root / "kept"
    folder.mkdir()
    stored = await _timed(bench, folder, save)
    resumed = _second_process(bench, program, folder)
    bench.extra |= {
        "resume_wall_us": resumed["wall_us"],
        "resume_cpu_us": resumed["cpu_us"],
        "bytes_per_run": round(stored / bench.n),
    }


async def _timed(bench: Bench, folder: Path, part: Part) -> int:
    async def once(_: Path) -> None:
        store = opened(bench.place, folder)
        await store.open()
        bench.start()
        await part(store)
        bench.stop()
        await store.close()

    await bench.repeat(once, warm=0, reps=1)
    return tree_bytes(folder)


def _second_process(bench: Bench, program: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.cell", program, "W8", str(bench.n), bench.place]
    env = {**os.environ, FOLDER: str(folder)}
    ended = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, text=True)
    row: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return row
