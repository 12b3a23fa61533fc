# SPDX-License-Identifier: Apache-2.0
"""When a time of a record has come: a deadline settles its wait, a failed delivery runs again.

Settling in a store is the same compare-and-set as an answer's, so a race of the two has one
winner, whichever processes they come from. A run in memory is settled in its record.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from holdfast.errors import StoreError, WaitError
from holdfast.machine import timers
from holdfast.machine.effects import CameDue, Effect, Expired
from holdfast.persistence.store import Settlement, Store, WaitRow
from holdfast.runtime import inbox
from holdfast.runtime.live import LiveRun
from holdfast.runtime.timers import AGAIN_S

LOG = logging.getLogger("holdfast.timers")


async def keep_time(
    live: LiveRun,
    now: float,
    hear: Callable[[], Awaitable[None]],
    then: Callable[[], list[Effect]] = list,
) -> None:
    """Act on every time of the record that has come by *now*, and wait for the next one.

    hear: takes in what was posted for a kept run. then: what follows in a run that is not.
    A store that fails is tried again after a while: nothing was lost by waiting.
    Raises: the failed save that ended the run here.
    """
    due = timers.due(live.run, now)
    if due:
        try:
            effects: list[Effect] = []
            if any(timer.what == timers.WAIT for timer in due):
                effects = await settle_due(live, now)
                if inbox.store_of(live) is not None:
                    await hear()
                effects.extend(then() if effects else ())
            effects.extend(call_due(live, now))
            if effects:
                await live.advance(effects, here=False)
        except StoreError as error:
            if live.dead is not None:
                raise
            LOG.warning("run %s: its deadlines wait for the store: %s", live.run.run_id, error)
    live.arm(soonest_s=AGAIN_S if timers.due(live.run, now) else 0.0)


async def settle_due(live: LiveRun, now: float) -> list[Effect]:
    """Settle what has come. Returns what follows where the record alone decides.

    What a store decided is in the run's inbox.
    """
    effects: list[Effect] = []
    store = inbox.store_of(live)
    for timer in timers.due(live.run, now):
        wait = live.run.waits.get(timer.key) if timer.what == timers.WAIT else None
        if wait is None or wait.answered:
            continue
        if store is None or wait.via:
            effects.extend(live.front.step(live.run, Expired(wait.id, now)))
        else:
            await expire(store, live.run.run_id, wait.id, now, wait.default_data)
    return effects


def call_due(live: LiveRun, now: float) -> list[Effect]:
    """The deliveries that failed and whose time has come to be called again."""
    effects: list[Effect] = []
    run = live.run
    for timer in timers.due(run, now):
        if timer.what == timers.RETRY:
            delivery = run.deliveries.get(int(timer.key))
            if delivery is None:
                timers.drop(run, timers.RETRY, timer.key)
            else:
                effects.extend(live.front.step(run, CameDue(delivery)))
    return effects


async def expire(
    store: Store, run_id: str, wait_id: str, now: float, default: bytes | None
) -> WaitRow | None:
    """Settle a stored wait by its deadline; None if something else was quicker."""
    try:
        settlement = Settlement(status="expired", at=now, value=default)
        return await store.settle(run_id, wait_id, settlement)
    except WaitError:
        # Settled already, or the commit that opens it is under way and this is tried again.
        return None
