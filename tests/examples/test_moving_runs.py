# SPDX-License-Identifier: Apache-2.0
"""The examples that move a run from one process to another do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(example: str, *words: str) -> str:
    """One process of an example."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / example), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_run_goes_on_where_only_data_told_its_structure(tmp_path: Path) -> None:
    """Designed and begun in one process; the other has the handlers, the blueprint and the save."""
    folder = str(tmp_path)
    assert "asked about chair" in run("blueprints.py", "design", folder)
    told = run("blueprints.py", "work", folder, "yes")

    assert "orders: the run of orders is ready" in told
    assert "{'order': 'O-7', 'lines': ['pen: ok', 'chair: yes']}" in told


def test_each_process_brings_its_own_live_objects(tmp_path: Path) -> None:
    """Given in the first, missing in the second, opened by a resolver in the third."""
    path = str(tmp_path / "run.json")
    assert run("resources.py", "ask", path) == "saved; it needs ledger\n"
    assert run("resources.py", "show", path) == "missing_resources: ledger\n"
    told = run("resources.py", "answer", path, "yes")

    assert told == (
        "ready: ledger: its resolver has given the resource\nasked: a new chair\nanswered: yes\n"
    )
