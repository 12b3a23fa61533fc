# SPDX-License-Identifier: Apache-2.0
"""`python -m bench`: measure both fronts; `python -m bench counts`: count what needs no clock."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import cells, counts, peers_run, profiling, report, rounds
from bench.rounds import Results


def main(arguments: list[str]) -> int:
    """Measure, print, and write the raw rows if asked to. Never fails for a slow figure."""
    if arguments[:1] == ["counts"]:
        return counts.main(arguments[1:])
    if arguments[:1] == ["profile"]:
        return profiling.main(arguments[1:])
    given = _parser().parse_args(arguments)
    workloads = given.only.split(",") if given.only else list(cells.ALWAYS)
    fronts = given.fronts.split(",")
    chosen = cells.of_limits(quick=given.quick)
    chosen += cells.of_fronts(workloads, fronts, quick=given.quick)
    if given.peers is not None:
        chosen += peers_run.of_peers(given.peers, workloads, quick=given.quick)
    count = given.rounds or (1 if given.quick else 3)
    reps, warm = (1, 0) if given.quick else (3, 1)
    results = rounds.measured(chosen, rounds=count, reps=reps, warm=warm)
    report.show(results, count, judge=not given.quick)
    if given.json is not None:
        given.json.write_text(_as_json(results), "utf-8")
    return 1 if any(not cell.optional for cell in results.skipped) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--rounds", type=int, help="how often every cell is measured (3)")
    parser.add_argument("--only", help=f"workloads, of {','.join(cells.SIZES)}")
    parser.add_argument("--fronts", default="flow,workflow")
    parser.add_argument("--peers", type=Path, help="a folder of environments with other libraries")
    parser.add_argument("--json", type=Path, help="write the rows of every round here")
    return parser


def _as_json(results: Results) -> str:
    listed = [
        {"who": c.who, "workload": c.workload, "n": c.n, "place": c.place, "rounds": rows}
        for c, rows in results.rows.items()
    ]
    return json.dumps({"machine": report.machine(), "cells": listed}, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
