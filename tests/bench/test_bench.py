# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run and their results are right; how fast they are is no test's business."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.budgets import Judged
from bench.cells import Cell
from bench.rounds import Results

ROOT = Path(__file__).resolve().parents[2]


def test_a_quick_run_measures_every_cell_of_both_fronts(tmp_path: Path) -> None:
    """`python -m bench --quick` ends well: every workload asserts its own result."""
    rows = tmp_path / "rows.json"
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", str(rows)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    cells = json.loads(rows.read_text("utf-8"))["cells"]
    measured = {(c["who"], c["workload"], c["place"]) for c in cells}
    for front in ("flow", "workflow"):
        assert {(front, w, "none") for w in ("W1", "W2", "W3")} <= measured
        for workload in ("W4L", "W5"):
            assert {(front, workload, p) for p in ("memory", "relaxed", "fsync")} <= measured


def test_a_spread_is_the_median_with_the_least_and_the_most() -> None:
    """A figure over the rounds says how far the rounds lie apart."""
    cell = Cell("flow", "bench.flow_front", "W1", 100, "none")
    results = Results({cell: [{"wall_us": 3.0}, {"wall_us": 9.0}, {"wall_us": 1.0}]})

    spread = results.spread(cell, "wall_us")

    assert spread is not None
    assert (spread.middle, spread.least, spread.most) == (3.0, 1.0, 9.0)
    assert results.middle("flow", "W1", "wall_us", n=100) == 3.0
    assert results.middle("flow", "W1", "wall_us", n=1000) is None


def test_a_budget_is_kept_up_to_and_with_its_limit() -> None:
    """A figure equal to what is allowed is within."""
    assert Judged("x", "flow", 2.0, 2.0).verdict == "within"
    assert Judged("x", "flow", 2.01, 2.0).verdict == "over"
