# SPDX-License-Identifier: Apache-2.0
"""The example of going back does what it says, run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_wrong_approval_is_looked_at_tried_otherwise_and_taken_back() -> None:
    """The fork changes nothing of its run; the rewound run ends another way."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.going_back"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "paid: 240",
        "~ status: waiting -> completed",
        "+ paid: 240",
        "- question approve: answered",
        "without the fee: 250",
        "paid in the end: 0",
        "3 asked -",
        "4 answered ann",
        "8 rewound -",
        "8 asked -",
        "8 answered bob",
    ]
