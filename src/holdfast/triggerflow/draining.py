# SPDX-License-Identifier: Apache-2.0
"""Letting the work of a run end before the run does, within the time that its closer gives."""

from __future__ import annotations

import asyncio

from holdfast.errors import CloseTimeout
from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.halting import GRACE_S, names_of
from holdfast.triggerflow.running import FlowRun


async def drain(flow: FlowRun, timeout_s: float | None) -> None:
    """Return when nothing is under way; what is late is cancelled, with a RuntimeWarning.

    Raises: CloseTimeout naming the handlers that go on anyway.
    """
    live = flow.live
    if timeout_s is None:
        await live.until_quiet()
    else:
        try:
            async with asyncio.timeout(timeout_s) as limit:
                await live.until_quiet()
        except TimeoutError:
            if not limit.expired():
                raise
            await _halt(flow)
            return
    if live.interrupted:
        names = ", ".join(names_of(flow.run, live.interrupted))
        text = f"close: handlers that were cancelled did not end: {names}"
        warn_at_caller(text, RuntimeWarning)


async def _halt(flow: FlowRun) -> None:
    """Cancel what still runs."""
    live = flow.live
    late = {*live.running, *live.postponed()}
    names = ", ".join(names_of(flow.run, late))
    text = f"close: {len(late)} handlers were still running and are cancelled: {names}"
    warn_at_caller(text, RuntimeWarning)
    still = await halted(flow)
    if still:
        raise CloseTimeout(
            f"handlers ignored cancellation: {', '.join(still)}",
            run_id=flow.run.run_id,
            handlers=still,
        )


async def halted(flow: FlowRun) -> tuple[str, ...]:
    """Cancel every handler and give it time to settle; returns those that go on anyway."""
    try:
        await asyncio.wait_for(flow.live.halt(), GRACE_S)
    except TimeoutError:
        return names_of(flow.run, flow.live.running)
    return ()
