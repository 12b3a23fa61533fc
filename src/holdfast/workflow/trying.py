# SPDX-License-Identifier: Apache-2.0
"""Handlers of executors that are called again, or have a timeout, and what watchers hear of it."""

from __future__ import annotations

from typing import Any

from holdfast.definition.retry import ONCE, Tries
from holdfast.machine.effects import Retrying
from holdfast.runtime.timeouts import TimedCall
from holdfast.workflow.call import HandlerCall
from holdfast.workflow.events import ExecutorRetryEvent
from holdfast.workflow.executor import Executor
from holdfast.workflow.handlers import HandlerSpec


def of(spec: HandlerSpec, executor: Executor) -> Tries:
    """How often and how long a handler is called: what it says itself, else its executor."""
    if executor.tries is ONCE:
        return spec.tries
    return spec.tries.over(executor.tries)


async def timed(call: HandlerCall, timeout_s: float, arguments: tuple[Any, ...]) -> None:
    """Call a handler that has a timeout. Raises: HandlerTimeout, what the handler raises."""
    spec = call.spec
    within = TimedCall(call.graph.live, call.delivery, call.give_up)
    if spec.is_sync:
        await within.in_thread(timeout_s, spec.function, *arguments)
    else:
        await within.of(timeout_s, spec.function(*arguments))


def retrying(effect: Retrying) -> ExecutorRetryEvent:
    """The event that says that a handler failed and is called again."""
    return ExecutorRetryEvent(
        effect.delivery.node,
        effect.error,
        failures=effect.failures,
        runs_again_at=effect.again_at or None,
    )
