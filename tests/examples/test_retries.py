# SPDX-License-Identifier: Apache-2.0
"""The example of retries does what it says, run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_calls_are_counted_over_two_engines() -> None:
    """Two failures in the first one, the answer in the second."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.retries"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "call 1: down",
        "call 2: slow",
        "due: True",
        "call 3: 42",
        "answer: 42",
    ]
