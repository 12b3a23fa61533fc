# SPDX-License-Identifier: Apache-2.0
"""Stopping the handlers of a run, with an end to the patience for those that will not stop."""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections.abc import Iterable

from holdfast.errors import RunError
from holdfast.machine.run import Delivery, Run
from holdfast.runtime.live import LiveRun

#: Handlers that were cancelled get this long to settle.
GRACE_S = 0.5


def names_of(run: Run, numbers: Iterable[int]) -> tuple[str, ...]:
    """The nodes of these deliveries, each once."""
    found = {run.deliveries[number].node for number in numbers if number in run.deliveries}
    return tuple(sorted(found))


def hold_back(live: LiveRun) -> None:
    """From now on nothing begins but what a handler under way waits for, which is part of it."""
    live.holds_back = functools.partial(_is_new, live)


def turn_away(live: LiveRun, delivery: Delivery) -> None:
    """What had to wait before it could begin is not to begin any more: it stays due."""
    if live.holds_back is not None and live.holds_back(delivery):
        live.stop((delivery.id,))
        raise asyncio.CancelledError


async def run_out(live: LiveRun) -> None:
    """Hold back what has not begun, and return when nothing of the run is under way."""
    hold_back(live)
    while live.dead is None and (live.tasks or live.running):
        await live.settled()
        if live.running and not live.tasks:
            # Those are handlers in the tasks of callers, which then go on to other things.
            live.gone = asyncio.get_running_loop().create_future()
            try:
                await live.gone
            finally:
                live.gone = None


def _is_new(live: LiveRun, delivery: Delivery) -> bool:
    """Whether no handler under way waits for this delivery."""
    waited = live.waiters is not None and delivery.group in live.waiters
    if not waited or delivery.group in (live.detached or ()):
        return True
    group = live.run.groups.get(delivery.group)
    return group is None or group.emitter not in live.running


async def halt_within(live: LiveRun) -> tuple[str, ...]:
    """Cancel every handler under way; deliveries stay due. Leaves behind what ignores it.

    Returns the names of handlers that go on anyway, and warns of them: the run in memory has then
    ended, so whatever they still do reaches neither the record nor the store. A handler in the
    task of the caller itself cannot be left.
    """
    try:
        async with asyncio.timeout(GRACE_S):
            await live.halt()
    except TimeoutError:
        names = names_of(live.run, live.running)
        text = f"handlers ignored cancellation and were left behind: {', '.join(names)}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
        live.die(RunError(text, run_id=live.run.run_id, hint="Let them react to cancellation."))
        return names
    return ()
