# SPDX-License-Identifier: Apache-2.0
"""How much is tried: a bounded share with every run of the tests, everything in a soak.

A soak is asked for with HOLDFAST_SOAK=1 in the environment; `make soak` does. What is drawn then is
new each time, and a failure prints what repeats it; without it, every run draws the same.
"""

from __future__ import annotations

import os

SOAK = os.environ.get("HOLDFAST_SOAK") == "1"
#: The part of each amount that a soak tries.
SCALE = float(os.environ.get("HOLDFAST_SCALE", "1"))


def _amount(*, bounded: int, soak: int) -> int:
    return max(round(soak * SCALE), 2) if SOAK else bounded


#: Nested values that go through the codec and back.
VALUES = _amount(bounded=600, soak=100_000)
#: Structured documents that somebody made to do harm, drawn from a seed.
HOSTILE_DOCUMENTS = _amount(bounded=1_000, soak=10_000)
#: Whole saves with a few random bytes changed.
BYTE_CHANGES = _amount(bounded=20_000, soak=100_000)
#: Seeds of the simulation.
SEEDS = _amount(bounded=800, soak=20_000)
#: Processes killed at a random moment, for each store.
KILLS = _amount(bounded=20, soak=1_000)
#: The same for a run of a thousand steps.
LONG_KILLS = _amount(bounded=2, soak=60)
#: Rounds in which several processes answer one question at once.
RACES = _amount(bounded=20, soak=1_000)
#: Rounds in which an owner is frozen, its run taken over, and thawed.
FREEZES = _amount(bounded=5, soak=200)
#: Runs that meet a full disk, each at another point.
FULL_DISKS = _amount(bounded=15, soak=400)
#: Wall clocks that are set wrong under a run.
CLOCK_JUMPS = _amount(bounded=12, soak=240)
#: Runs of each state machine against its model.
MODEL_EXAMPLES = _amount(bounded=15, soak=1_000)
