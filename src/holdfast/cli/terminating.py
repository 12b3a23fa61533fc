# SPDX-License-Identifier: Apache-2.0
"""SIGTERM while a run is carried: what is under way ends, the run is given up, 143 is the code."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final

import click

from holdfast import Engine
from holdfast.errors import EngineStopped, SignalsUnavailable
from holdfast.runtime.draining import DRAIN_S

#: 128 and the number of the signal, as a shell says it.
TERMINATED: Final = 143

grace_option = click.option(
    "--grace",
    "grace_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=DRAIN_S,
    show_default=True,
    help="So long steps under way may go on after SIGTERM.",
)


async def carried(engine: Engine, work: Coroutine[Any, Any, None], grace_s: float) -> int:
    """Do the work; once SIGTERM comes, drain instead. Returns the exit code."""
    working = asyncio.ensure_future(work)
    try:
        drained = engine.drain_on(signal.SIGTERM, timeout_s=grace_s)
    except SignalsUnavailable:
        # This system has no such signal: it ends processes as Ctrl-C does, or without a word.
        await working
        return 0
    try:
        both: tuple[asyncio.Future[Any], ...] = (working, drained)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if working.done() and not isinstance(working.exception(), EngineStopped):
            return _ended(working)
        if not any(left.due for left in await drained):
            # The run has ended, or only waits: there is something to show.
            await asyncio.wait({working})
            return _ended(working)
    finally:
        working.cancel()
        await asyncio.wait({working})
    click.echo("terminated: what had finished is kept", err=True)
    return TERMINATED


def _ended(working: asyncio.Future[None]) -> int:
    working.result()
    return 0
