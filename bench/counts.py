# SPDX-License-Identifier: Apache-2.0
"""Counts for each unit of work that no machine changes: `python -m bench counts`.

Turns and callbacks of the event loop, tasks, deep copies (nested ones too) and hops to a thread
pool, in the timed part of a workload; commits to the store beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import asyncio.base_events
import concurrent.futures
import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bench import report
from bench.cells import FRONTS
from bench.harness import Bench, workloads_of

COUNTED = ("turns", "callbacks", "tasks", "deepcopies", "hops", "appends")

CELLS = (
    ("W1", 100, "none"),
    ("W2", 1000, "none"),
    ("W3", 100, "none"),
    ("W4", 100, "memory"),
    ("W4L", 100, "memory"),
    ("W4L", 100, "relaxed"),
    ("W5", 100, "relaxed"),
)


class Tally:
    """Counts calls while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.found = dict.fromkeys(COUNTED, 0)

    def watch(self, owner: Any, name: str, key: str) -> None:
        """Count the calls of owner.name from now on, for as long as the process lives."""
        original = getattr(owner, name)

        def counted(*args: Any, **more: Any) -> Any:
            if self.on:
                self.found[key] += 1
            return original(*args, **more)

        setattr(owner, name, counted)


class Counting(Bench):
    """A bench whose timed part is counted instead."""

    tally: Tally

    def start(self) -> None:
        self.tally.found = dict.fromkeys(COUNTED, 0)
        self.tally.on = True

    def stop(self) -> None:
        self.tally.on = False


def _watching() -> Tally:
    from holdfast.persistence.stores.memory import MemoryStore  # noqa: PLC0415
    from holdfast.persistence.stores.sqlite import SQLiteStore  # noqa: PLC0415

    tally = Tally()
    tally.watch(asyncio.base_events.BaseEventLoop, "_run_once", "turns")
    tally.watch(asyncio.events.Handle, "_run", "callbacks")
    tally.watch(asyncio.base_events.BaseEventLoop, "create_task", "tasks")
    tally.watch(copy, "deepcopy", "deepcopies")
    tally.watch(concurrent.futures.ThreadPoolExecutor, "submit", "hops")
    for store in (MemoryStore, SQLiteStore):
        tally.watch(store, "append", "appends")
    return tally


async def _counted(
    tally: Tally, program: str, workload: str, n: int, place: str
) -> dict[str, float]:
    root = Path(tempfile.mkdtemp(prefix="counts-"))
    bench = Counting(n, place, root, reps=1, warm=1)
    bench.tally = tally
    try:
        await workloads_of(program)[workload](bench)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return {key: count / bench.units for key, count in tally.found.items()}


def main(arguments: list[str]) -> int:
    """Count for both fronts and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench counts", description=__doc__)
    parser.add_argument("--only", help="workloads, such as W1,W4L")
    chosen = parser.parse_args(arguments).only
    tally = _watching()
    lines: list[tuple[str, ...]] = []
    for workload, n, place in CELLS:
        if chosen and workload not in chosen.split(","):
            continue
        for front, program in FRONTS.items():
            found = asyncio.run(_counted(tally, program, workload, n, place))
            figures = [f"{found[key]:.2f}" for key in COUNTED]
            lines.append((f"{workload} {n:,}", front, report.WHERE[place], *figures))
    print(report.table(("for each unit", "who", "where", *COUNTED), lines))
    return 0
