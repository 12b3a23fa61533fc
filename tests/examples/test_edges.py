# SPDX-License-Identifier: Apache-2.0
"""The examples of edges do what they say, run as modules as a reader would run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from examples.edges import (
    chain,
    condition,
    fan_out_fan_in,
    multi_selection,
    self_loop,
    switch_case,
)
from examples.edges.fan_out_fan_in import Offer

ROOT = Path(__file__).parents[2]

BEST = "the best offer: Offer(supplier='south', price=36)"
ANSWERS = ["discarded mail of spammer", "alert: urgent: fire", "answered ann", "answered bob"]
HALVED = ["48 halved until it is odd: 3", "0 halved until it is odd: stopped after 20 supersteps"]

#: Module, what its main returns, and the lines that a reader sees.
OUTCOMES = [
    (condition, ["paid 20", "queued 900"], ["paid 20", "queued 900"]),
    (fan_out_fan_in, [Offer("south", 36)], [BEST]),
    (switch_case, ANSWERS, ANSWERS),
    (
        multi_selection,
        ["mail: it rains", "letter: it rains"],
        ["mail: it rains", "letter: it rains"],
    ),
    (chain, [5], ["words: 5"]),
    (self_loop, [3, "stopped after 20 supersteps"], HALVED),
]


@pytest.mark.parametrize(
    ("example", "expected", "lines"), OUTCOMES, ids=lambda one: getattr(one, "__name__", "")
)
async def test_an_example_of_an_edge_gives_what_it_promises(
    example: Any, expected: list[Any], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And prints it so that a reader knows what it is."""
    assert await example.main() == expected
    assert capsys.readouterr().out.splitlines() == lines


def test_every_example_of_an_edge_is_tested() -> None:
    """One for each kind of edge."""
    files = {path.stem for path in (ROOT / "examples" / "edges").glob("*.py")} - {"__init__"}

    assert files == {module.__name__.rpartition(".")[2] for module, *_ in OUTCOMES}


def test_an_example_runs_as_a_module() -> None:
    """As its docstring says."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.edges.switch_case"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "answered bob" in done.stdout
