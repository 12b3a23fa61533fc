# SPDX-License-Identifier: Apache-2.0
"""Handlers that end in ways no handler should: the process, and the record, survive them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FRONTS = ("flow", "sync", "workflow")
RAISED = {
    "SystemExit": "SystemExit: 3",
    "KeyboardInterrupt": "KeyboardInterrupt: ",
    "GeneratorExit": "GeneratorExit",
    "BaseException": "BaseException: of its own",
    "StopIteration": "raised StopIteration",
}


def live(front: str, how: str, path: Path) -> tuple[int, list[Any]]:
    """One process to its end; its status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.deadly", front, how, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        timeout=60,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("how", RAISED)
def test_whatever_a_handler_raises_parks_it_and_ends_no_process(
    front: str, how: str, tmp_path: Path
) -> None:
    """The store names what was raised and the node; a retry goes on, and the engine closes."""
    status, said = live(front, how, tmp_path / "runs.db")
    assert status == 0
    (state, error, nodes), end, closing_s = said
    assert (state, nodes) == ("parked", ["bad"])
    assert RAISED[how] in error
    assert end in ({"end": 1}, [{"end": 1}])
    assert closing_s < 1.5


@pytest.mark.parametrize("front", FRONTS)
def test_a_handler_that_ends_its_process_runs_again_in_the_next(front: str, tmp_path: Path) -> None:
    """Nothing could be recorded; the next process goes on from what was."""
    assert live(front, "os._exit", tmp_path / "runs.db") == (3, [])
    status, said = live(front, "os._exit", tmp_path / "runs.db")
    assert status == 0
    assert said[1] in ({"end": 1}, [{"end": 1}])


@pytest.mark.parametrize("front", FRONTS)
def test_an_engine_closes_over_a_handler_that_stays_and_the_next_process_has_its_run(
    front: str, tmp_path: Path
) -> None:
    """Well within a second and a half; the handler is named if it runs on in the loop."""
    status, said = live(front, "stays", tmp_path / "runs.db")
    assert status == 0
    ((closing_s, told),) = said
    assert closing_s < 1.5
    assert [text for text in told if "left behind: bad" in text] or front == "sync"
    assert live(front, "os._exit", tmp_path / "runs.db")[0] in (0, 3)
