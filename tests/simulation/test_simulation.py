# SPDX-License-Identifier: Apache-2.0
"""Workers that share a store while everything goes wrong, one seed after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = "tests.simulation.programs:program"

#: Each showed a fault of its own once: a run that nobody took over again after a store error; one
#: that went idle and was never ended; a retry that met siblings on their way out; a start that was
#: taken over by its own engine; an answer to a parked handler, asked and applied twice.
REGRESSIONS = (45, 347, 616, 1203, 2507, 3079, 3650, 5797, 6871)


@pytest.mark.parametrize("first", range(0, 800, 200))
def test_every_seed_ends_like_an_undisturbed_run(first: int) -> None:
    """Kills, freezes, failed and lost store calls, jumping clocks: state and outputs are equal."""
    said = _simulate(f"{first}:{first + 200}")
    assert "200 seeds, 0 failed" in said


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_a_seed_that_failed_once_stays_mended_and_replays_alike(seed: int) -> None:
    """One seed gives one trace, so whatever fails can be run again."""
    assert "1 seeds, 0 failed" in _simulate(str(seed))


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
