# SPDX-License-Identifier: Apache-2.0
"""Durable sleep: when it ends is saved before it begins, so a repeat waits for the rest only.

It follows the wall clock as deadlines do: one that was set, or a machine that slept, is noticed
after `LONGEST_S` at the latest, and moves the end by as much as it jumped.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from holdfast.machine import layout, ledger, steps
from holdfast.machine.run import Run
from holdfast.runtime.live import LiveRun
from holdfast.runtime.permits import apart
from holdfast.runtime.steps import Caller, key_digest
from holdfast.runtime.timers import Deadline, time_at, until


async def sleep(caller: Caller, time: Deadline, key: str | None) -> None:
    """Wait for so long since the first attempt began to, without a permit meanwhile.

    Raises: DefinitionError for a time that is none; StepRefused; StoreError.
    """
    host, delivery, _ = caller
    live, run = host.live, host.run
    ends_at = time_at(time, live.clock.now(), "sleep")
    digest = _digest(time) if key is None else key_digest(key, "sleep")
    caller.check_open("sleep")
    index = steps.begin(run, delivery, "sleep", "", digest)
    entry = steps.entry_of(run, delivery, index)
    if not entry.done:
        ledger.came(run, delivery.id, index, ends_at)
        if live.saver is not None:
            await live.advance([], here=False)
    elif entry.outcome > live.clock.now():
        await _came_back(live, run)
    await apart(host.held_permits, until(live.clock, entry.outcome))


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
