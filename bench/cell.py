# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.cell PROGRAM WORKLOAD N PLACE`: one cell, one JSON line."""

from __future__ import annotations

import argparse

from bench.harness import measure, show


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("workload")
    parser.add_argument("n", type=int)
    parser.add_argument("place")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--warm", type=int, default=1)
    given = parser.parse_args()
    row = measure(
        given.program, given.workload, given.n, given.place, reps=given.reps, warm=given.warm
    )
    show(row)


if __name__ == "__main__":
    main()
