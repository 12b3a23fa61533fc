# SPDX-License-Identifier: Apache-2.0
"""The example of an approval over three processes does what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "triggerflow_approval.py"


def run(*words: str) -> str:
    """One process of the example."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_approval_goes_on_in_the_next_process(tmp_path: Path):
    """Asked in one, shown in the second, answered in the third."""
    path = str(tmp_path / "run.json")

    assert "waiting for decision" in run("ask", path)
    assert "decision: approval of {'ticket': 'T-1024', 'amount': 480}" in run("show", path)
    assert "T-1024: {'approved': True, 'by': 'a person'}" in run("answer", path, "yes")
