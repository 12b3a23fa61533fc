# SPDX-License-Identifier: Apache-2.0
"""Layers of the soak that other suites do: drawn values, documents, models, seeds, kill points."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.soak.found import Found

ROOT = Path(__file__).parents[2]
PROGRAMS = "tests.simulation.programs:program"
CRASHES = "tests.runtime.test_crashes"


def modelled(tests: tuple[str, ...], amount: int, seed: int, folder: Path) -> Found:
    """Tests of state machines: so many runs of each."""
    passed, said = _tested(tests, seed, folder)
    return Found(amount * passed) if passed else Found(amount, [said])


def drawn(tests: tuple[str, ...], amount: int, seed: int, folder: Path) -> Found:
    """Tests whose amount `tests.amounts` says; a failure is told as pytest tells it."""
    passed, said = _tested(tests, seed, folder)
    return Found(amount) if passed else Found(amount, [said])


def _tested(tests: tuple[str, ...], seed: int, folder: Path) -> tuple[int, str]:
    """How many tests passed, 0 if one did not, and what was said of it."""
    base = folder / "pytest"
    options = ("-q", "-x", "-p", "no:cacheprovider", f"--basetemp={base}")
    done = _run("pytest", *options, f"--hypothesis-seed={seed}", *tests)
    passed = re.search(r"(\d+) passed", done.stdout)
    if done.returncode == 0 and passed is not None:
        return int(passed[1]), ""
    return 0, f"pytest {' '.join(tests)}:\n{done.stdout[-4000:]}"


def seeds(amount: int, seed: int, folder: Path) -> Found:
    """Simulations of the seeds that follow the given one."""
    done = _run("holdfast.testing.simulate", PROGRAMS, "--seeds", f"{seed}:{seed + amount}")
    said = re.search(r"(\d+) seeds, (\d+) failed", done.stdout)
    if said is None:
        return Found(failures=[done.stdout[-2000:] + done.stderr[-2000:]])
    failed = int(said[2])
    return Found(int(said[1]), [done.stdout[-4000:]] * bool(failed))


def kill_points(amount: int, seed: int, folder: Path) -> Found:
    """Every journey of the crash tests, killed before and after each store operation."""
    with ThreadPoolExecutor(2) as pool:
        whole = Found(facts={"repeats of work in flight": 0})
        for found in pool.map(lambda name: _explored(name, folder), _journeys()):
            whole.add(found)
    return whole


def _journeys() -> list[str]:
    """The journeys that the test names."""
    from tests.runtime import test_crashes

    test: Any = test_crashes.test_a_run_killed_at_any_store_operation_ends_like_an_undisturbed_one
    (mark,) = (one for one in test.pytestmark if one.name == "parametrize")
    return [one if ":" in one else f"tests.runtime.journeys:{one}" for one in mark.args[1]]


def _explored(journey: str, folder: Path) -> Found:
    done = _run("holdfast.testing.crash", journey, str(folder / journey.rpartition(":")[2]))
    if not done.stdout:
        return Found(failures=[f"{journey}: {done.stderr[-2000:]}"])
    said = json.loads(done.stdout)
    failures = [f"{journey}: {text}" for text in said["failures"]]
    return Found(said["kills"], failures, {"repeats of work in flight": said["repeats"]})


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
