# SPDX-License-Identifier: Apache-2.0
"""Durable sleep: when it ends is saved before it begins, so a repeat waits for the rest only.

It follows the wall clock as deadlines do: one that was set, or a machine that slept, is noticed
after `LONGEST_S` at the latest, and moves the end by as much as it jumped.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from holdfast.machine import layout, ledger, steps
from holdfast.machine.run import Delivery, Run
from holdfast.runtime.clock import Clock
from holdfast.runtime.live import LiveRun
from holdfast.runtime.permits import apart
from holdfast.runtime.steps import Host, check_open, key_digest
from holdfast.runtime.timers import Alarm, Deadline, time_at


async def sleep(host: Host, delivery: Delivery, time: Deadline, key: str | None) -> None:
    """Wait for so long since the first attempt began to, without a permit meanwhile.

    Raises: DefinitionError for a time that is none; StepRefused; StoreError.
    """
    live, run = host.live, host.run
    ends_at = time_at(time, live.clock.now(), "sleep")
    digest = _digest(time) if key is None else key_digest(key, "sleep")
    check_open(host, delivery, "sleep")
    index = steps.begin(run, delivery, "sleep", "", digest)
    entry = steps.entry_of(run, delivery, index)
    if not entry.done:
        ledger.came(run, delivery.id, index, ends_at)
        if live.saver is not None:
            await live.advance([], here=False)
    elif entry.outcome > live.clock.now():
        await _came_back(live, run)
    await apart(host.held_permits, _until(live.clock, entry.outcome))


async def _came_back(live: LiveRun, run: Run) -> None:
    """Say that the handler got as far as its sleep again: so it is not what its owners died of.

    Otherwise a run that sleeps for weeks would be set aside after a few processes were killed.
    """
    saver = live.saver
    if saver is not None and saver.begun is not None:
        saver.begun = None
        layout.mark_head(run)
        await live.advance([], here=False)


def _digest(time: Deadline) -> str:
    """Of a time as the caller gave it: a repeat is known by it."""
    if isinstance(time, datetime):
        text = f"at:{time.timestamp()}"
    else:
        text = f"for:{time.total_seconds() if isinstance(time, timedelta) else float(time)}"
    return ledger.digest_of(text.encode()) or ""


async def _until(clock: Clock, ends_at: float) -> None:
    """Return once the wall clock says so, as far as it goes evenly."""
    if clock.now() >= ends_at:
        return
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring(now: float) -> None:
        if now < ends_at:
            alarm.set(ends_at)
        elif not over.done():
            over.set_result(None)

    alarm = Alarm(clock, ring)
    alarm.set(ends_at)
    try:
        await over
    finally:
        alarm.stop()
