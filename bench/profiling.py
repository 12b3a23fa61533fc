# SPDX-License-Identifier: Apache-2.0
"""`python -m bench profile flow W2 1000 none`: where the time of one cell goes.

Only the timed part is profiled, and only the thread of the event loop; the profiler makes small
functions look dearer than they are.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import shutil
import tempfile
from pathlib import Path

from bench.cells import FRONTS
from bench.harness import Bench, workloads_of


class Profiling(Bench):
    """A bench whose timed part is profiled instead."""

    profile: cProfile.Profile

    def start(self) -> None:
        self.profile.enable()

    def stop(self) -> None:
        self.profile.disable()


def main(arguments: list[str]) -> int:
    """Profile one cell in this process and print its dearest functions."""
    parser = argparse.ArgumentParser(prog="python -m bench profile", description=__doc__)
    parser.add_argument("front", choices=FRONTS)
    parser.add_argument("workload")
    parser.add_argument("n", type=int)
    parser.add_argument("place")
    parser.add_argument("--reps", type=int, default=20)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--sort", default="tottime")
    given = parser.parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="profile-"))
    bench = Profiling(given.n, given.place, root, reps=given.reps, warm=0)
    bench.profile = cProfile.Profile()
    try:
        asyncio.run(_profiled(bench, FRONTS[given.front], given.workload))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    pstats.Stats(bench.profile).sort_stats(given.sort).print_stats(given.lines)
    return 0


async def _profiled(bench: Bench, program: str, workload: str) -> None:
    await workloads_of(program)[workload](bench)
