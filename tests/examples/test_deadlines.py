# SPDX-License-Identifier: Apache-2.0
"""The example of a deadline does what it says, run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_default_stands_though_no_process_was_there() -> None:
    """Asked in one engine, decided by the deadline in another."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.deadlines"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "asked: boss",
        "decided: {'approved': False, 'by': 'nobody'}",
    ]
