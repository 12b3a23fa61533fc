# SPDX-License-Identifier: Apache-2.0
"""Workers that share a store while everything goes wrong, one seed after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.amounts import SEEDS
from tests.simulation.regressions import REGRESSIONS, Regression

ROOT = Path(__file__).parents[2]
PROGRAMS = "tests.simulation.programs:program"

#: A few that hold much at once: kills, freezes, lost answers and questions in blocks.
TRACED = (45, 616, 1203, 2507, 3650, 5797)


@pytest.mark.parametrize("first", range(0, SEEDS, 200))
def test_every_seed_ends_like_an_undisturbed_run(first: int) -> None:
    """Kills, freezes, failed and lost store calls, jumping clocks: state and outputs are equal."""
    said = _simulate(f"{first}:{first + 200}")
    assert "200 seeds, 0 failed" in said


@pytest.mark.parametrize("seed", TRACED)
def test_a_seed_gives_the_same_trace_each_time(seed: int) -> None:
    """Whatever fails can be run again, to the same line."""
    assert "1 seeds, 0 failed" in _simulate(str(seed))


@pytest.mark.parametrize("failed", REGRESSIONS, ids=lambda failed: f"{failed.seed}")
def test_a_seed_that_failed_once_does_so_no_more(failed: Regression) -> None:
    """The whole story again, and twice, to the same trace."""
    assert "1 seeds, 0 failed" in _simulate(str(failed.seed), failed.program)


def test_the_simulation_sees_a_handler_that_writes_differently_when_repeated() -> None:
    """A program whose end depends on how often it ran is reported with its seed."""
    said = _simulate("0:40", "tests.simulation.programs:forgetful")
    assert "state/0/tries ended as" in said
    assert "again: python -m holdfast.testing.simulate" in said


def _simulate(seeds: str, program: str = PROGRAMS) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.testing.simulate", program, "--seeds", seeds],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout
