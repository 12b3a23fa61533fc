# SPDX-License-Identifier: Apache-2.0
"""The random kills: what they report, and that they see what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def kill(journey: str, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Hunt in a process without threads, which it forks."""
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.testing.kills", journey, str(folder), *more],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_an_end_that_tells_of_the_kills_is_reported_with_its_command(tmp_path: Path) -> None:
    """The report names the trial, keeps its folder, and says what repeats it."""
    code, found = kill("tests.soak.wrong:counting", tmp_path / "kills", "--kills", "12")
    assert code == 1
    text = next(text for text in found["failures"] if "ended as" in text)
    number = text.split(":")[0].removeprefix("trial ")
    assert f"--seed 1 --trial {number}" in text
    assert (tmp_path / "kills" / number / "runs.db").exists()
    assert any((tmp_path / "kills").iterdir())


def test_finished_work_that_begins_again_is_reported(tmp_path: Path) -> None:
    """The store held the first step as finished, and another process did it again."""
    code, found = kill("tests.soak.wrong:doing_again", tmp_path / "kills", "--kills", "12")
    assert code == 1
    assert any("finished work began again: ['first:0']" in text for text in found["failures"])
    assert found["redone"] > 0


def test_one_trial_of_a_seed_can_be_made_again(tmp_path: Path) -> None:
    """Only that trial is made, and what went well leaves nothing behind."""
    more = ("--seed", "7", "--trial", "3", "--place", "files")
    code, found = kill("tests.soak.journeys:files", tmp_path / "kills", *more)
    assert (code, found["failures"]) == (0, [])
    assert found["kills"] <= 4
    assert list((tmp_path / "kills").iterdir()) == []
