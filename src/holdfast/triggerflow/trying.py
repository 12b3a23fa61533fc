# SPDX-License-Identifier: Apache-2.0
"""Handlers of flows that are called again, or have a timeout, and what watchers hear of it."""

from __future__ import annotations

from typing import Any

from holdfast.machine.effects import Input, Retrying
from holdfast.machine.run import Delivery, Run
from holdfast.runtime.live import LiveRun
from holdfast.runtime.retrying import faltered
from holdfast.runtime.timeouts import TimedCall
from holdfast.triggerflow.chunk import Handler
from holdfast.triggerflow.signal import signal_of


async def timed(live: LiveRun, delivery: Delivery, handler: Handler, data: Any) -> Any:
    """Call a handler that has a timeout. Raises: HandlerTimeout, what the handler raises."""
    timeout_s = handler.tries.timeout_s
    assert timeout_s is not None
    call = TimedCall(live, delivery, data.give_up)
    if handler.is_async:
        return await call.of(timeout_s, handler.function(data))
    return await call.in_thread(timeout_s, handler.function, data)


def again(
    live: LiveRun, handler: Handler | None, delivery: Delivery, error: BaseException
) -> Input | None:
    """The failure of a handler, if another call follows it; no handler: of a sub-flow's node."""
    if handler is None or handler.tries.retry is None:
        return None
    return faltered(live, delivery, error, handler.tries.retry)


def retrying(run: Run, effect: Retrying) -> dict[str, Any]:
    """The stream item that says that a handler failed and is called again."""
    delivery = effect.delivery
    return {
        "type": "retry",
        "action": "schedule",
        "node": delivery.node,
        "failures": effect.failures,
        "error": effect.error,
        "runs_again_at": effect.again_at or None,
        "signal": signal_of(run, delivery).to_dict(),
    }
