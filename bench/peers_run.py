# SPDX-License-Identifier: Apache-2.0
"""Other libraries, each in an environment of its own below one folder DIR.

DIR/burr: `pip install "burr[tracking]" aiosqlite`. DIR/agent-framework-core: `pip install
agent-framework-core`. DIR/langgraph: `pip install langgraph langgraph-checkpoint-sqlite`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.cells import PLACES, QUICK_SIZES, SIZES, Cell

#: Name -> (folder of the environment, program).
PEERS = {
    "burr": ("burr", "bench.peers.burr"),
    "agent-framework": ("agent-framework-core", "bench.peers.agent_framework"),
    "langgraph": ("langgraph", "bench.peers.langgraph"),
}
WORKLOADS = ("W1", "W2", "W3", "W4L", "W5", "W7")


def of_peers(folder: Path, workloads: Sequence[str], *, quick: bool) -> list[Cell]:
    """The cells of every library whose environment is in the folder."""
    sizes = QUICK_SIZES if quick else SIZES
    found: list[Cell] = []
    for who, (environment, program) in PEERS.items():
        python = (folder / environment / "bin" / "python").absolute()
        if not python.exists():
            continue
        for workload in workloads:
            if workload not in WORKLOADS:
                continue
            place = "own" if workload in PLACES else "none"
            found += [
                Cell(who, program, workload, n, place, str(python), optional=True)
                for n in sizes[workload]
            ]
    return found
