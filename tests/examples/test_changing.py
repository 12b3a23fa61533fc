# SPDX-License-Identifier: Apache-2.0
"""The example of a changed flow does what it says, run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_changed_flow_is_checked_migrated_and_gone_on_with() -> None:
    """The careless change is told with the name that is gone; the careful one goes on."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.changing"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "R-7: cannot review",
        "R-7: migrates",
        "paid: 1200",
    ]
