# SPDX-License-Identifier: Apache-2.0
"""Fresh ids."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

FORKS = """
import os
from holdfast.runtime.clock import IDS, SystemIds
IDS.new()
for _ in range(3):
    if os.fork() == 0:
        os.write(1, f"{IDS.new()} {IDS.new()}\\n".encode())
        os._exit(0)
    os.wait()
print(IDS.new(), IDS.new())
"""


def test_forked_processes_give_no_id_twice() -> None:
    """A server that forks its workers has as many owners as workers."""
    said = subprocess.run(
        [sys.executable, "-c", FORKS],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        timeout=60,
        check=True,
    ).stdout.split()
    assert len(said) == 8
    assert len(set(said)) == 8
