# SPDX-License-Identifier: Apache-2.0
"""After too many owners died at one run: set its work aside, and leave the rest to a person."""

from __future__ import annotations

from holdfast.errors import OwnersDied
from holdfast.machine import poison
from holdfast.machine.run import PARKED
from holdfast.runtime.live import LiveRun

#: So many owners may die in a row without any progress of the run.
MOST_DEATHS = 3


async def parked(live: LiveRun) -> bool:
    """Park what is due of a run that was just taken over, if it is to go on no more by itself.

    Returns whether anything was parked; nothing of it may be started then. It is down when this
    returns. Raises: StoreError, and the run in memory is dead.
    """
    saver = live.saver
    if saver is None or saver.deaths < MOST_DEATHS or not live.run.live:
        return False
    deaths, saver.deaths = saver.deaths, 0
    text = (
        f"{deaths} owners in a row died, or stood still, while this was under way; "
        "it is not tried again by itself"
    )
    error = OwnersDied(text, run_id=live.run.run_id, deaths=deaths)
    said = f"{type(error).__name__}: {text}"
    numbers, effects = poison.park_due(live.run, live.front.step, said, live.clock.now())
    if not numbers:
        return False
    if live.errors is None:
        live.errors = {}
    live.errors.update(
        (number, error) for number in numbers if live.run.deliveries[number].status == PARKED
    )
    await live.advance(effects, here=False)
    return True
