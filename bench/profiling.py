# SPDX-License-Identifier: Apache-2.0
"""`python -m bench profile flow W2 1000 none`: where the time of one cell goes."""

from __future__ import annotations

import argparse
import cProfile
import pstats

from bench.cells import FRONTS
from bench.harness import measure


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
    profile = cProfile.Profile()
    profile.enable()
    row = measure(
        FRONTS[given.front], given.workload, given.n, given.place, reps=given.reps, warm=1
    )
    profile.disable()
    print(row)
    pstats.Stats(profile).sort_stats(given.sort).print_stats(given.lines)
    return 0
