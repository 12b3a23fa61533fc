# SPDX-License-Identifier: Apache-2.0
"""What an example prints, run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def shown_by(module: str) -> list[str]:
    """The lines that a module of `examples` prints; it has to end well within a minute."""
    done = subprocess.run(
        [sys.executable, "-m", f"examples.{module}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()
