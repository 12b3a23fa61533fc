# SPDX-License-Identifier: Apache-2.0
"""Letting the work of a run end before the run does, within the time that its closer gives."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterable

from holdfast.errors import CloseTimeout
from holdfast.triggerflow.running import FlowRun

#: Handlers that were cancelled by a close get this long to settle.
GRACE_S = 0.5


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
        names = ", ".join(_names(flow, live.interrupted))
        text = f"close: handlers that were cancelled did not end: {names}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)


def _names(flow: FlowRun, numbers: Iterable[int]) -> list[str]:
    deliveries = flow.run.deliveries
    return sorted({deliveries[number].node for number in numbers if number in deliveries})


async def _halt(flow: FlowRun) -> None:
    """Cancel what still runs."""
    live = flow.live
    names = ", ".join(_names(flow, live.running))
    text = f"close: {len(live.running)} handlers were still running and are cancelled: {names}"
    warnings.warn(text, RuntimeWarning, stacklevel=2)
    try:
        await asyncio.wait_for(live.halt(), GRACE_S)
    except TimeoutError:
        still = _names(flow, live.running)
        raise CloseTimeout(
            f"handlers ignored cancellation: {', '.join(still)}",
            run_id=flow.run.run_id,
            handlers=tuple(still),
        ) from None
