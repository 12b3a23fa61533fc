# SPDX-License-Identifier: Apache-2.0
"""The approval example: asked in one process, answered in another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _play(*arguments: str) -> str:
    """Run the example in a process of its own, as its page says."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "triggerflow_approval.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_question_asked_in_one_process_is_answered_in_another(tmp_path: Path) -> None:
    """The saved file carries the run over; the answer decides how it ends."""
    saved = tmp_path / "saved.json"
    assert "it works" in _play("ask", str(saved))
    assert _play("answer", str(saved), "yes") == "sent: True\n"
    assert _play("answer", str(saved), "no") == "sent: False\n"
