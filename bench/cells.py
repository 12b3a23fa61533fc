# SPDX-License-Identifier: Apache-2.0
"""What is measured: the cells of a run, and how one cell is run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.limits import LIMITS

ROOT = Path(__file__).resolve().parent.parent

#: A process that takes longer has failed.
MOST_S = 300.0

FRONTS = {"flow": "bench.flow_front", "workflow": "bench.workflow_front"}

#: Workload -> its sizes.
SIZES = {
    "W1": (100, 1000),
    "W2": (1000,),
    "W3": (100, 1000),
    "W4L": (100,),
    "W5": (100, 400, 1600),
    "W7": (1000,),
    "W8": (200,),
    "W9": (1,),
}
QUICK_SIZES = {
    "W1": (20,),
    "W2": (20,),
    "W3": (20,),
    "W4L": (5,),
    "W5": (5,),
    "W7": (20,),
    "W8": (3,),
    "W9": (1,),
}
ALWAYS = ("W1", "W2", "W3", "W4L", "W5")

UNITS = {"W3": "task", "W7": "run", "W8": "run", "W9": "process"}
PLACES: dict[str, tuple[str, ...]] = {
    "W4L": ("memory", "relaxed", "fsync"),
    "W5": ("memory", "relaxed", "fsync"),
    "W8": ("relaxed", "fsync"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that is measured. who: "limit", a front, or another library."""

    who: str
    program: str
    workload: str
    n: int
    place: str
    python: str = sys.executable
    optional: bool = False

    @property
    def title(self) -> str:
        """The cell in a word or two, for progress."""
        return f"{self.who} {self.workload} {self.n} {self.place}"


def of_limits(*, quick: bool) -> list[Cell]:
    """A cell for each limit of the machine."""
    return [
        Cell(
            "limit",
            "bench.limits",
            name,
            max(n // 50, 1000 if name == "child" else 10) if quick else n,
            "none",
        )
        for name, (n, _) in LIMITS.items()
    ]


def of_fronts(workloads: Sequence[str], fronts: Sequence[str], *, quick: bool) -> list[Cell]:
    """The cells of the library itself."""
    sizes = QUICK_SIZES if quick else SIZES
    return [
        Cell(front, FRONTS[front], workload, n, place)
        for workload in workloads
        for n in sizes[workload]
        for place in PLACES.get(workload, ("none",))
        for front in fronts
    ]


def run(cell: Cell, *, reps: int, warm: int) -> dict[str, Any]:
    """Measure a cell in a fresh process. {"skip": why} if it could not be."""
    command = [
        cell.python,
        "-m",
        "bench.cell",
        cell.program,
        cell.workload,
        str(cell.n),
        cell.place,
    ]
    command += ["--reps", str(reps), "--warm", str(warm)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    with tempfile.TemporaryDirectory(prefix="bench-cwd-") as folder:  # some libraries write there
        try:
            ended = subprocess.run(
                command,
                env=env,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=MOST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"skip": f"took over {MOST_S:g} s"}
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:]
        return {"skip": "failed: " + "".join(last)[:200]}
    row: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return row
