# SPDX-License-Identifier: Apache-2.0
"""Whether a handler that raised is called again, and when."""

from __future__ import annotations

from holdfast.definition.retry import Retry
from holdfast.errors import InternalError, OwnershipLost, RunBusy, StepRefused
from holdfast.machine.effects import Faltered
from holdfast.machine.run import Delivery
from holdfast.runtime.live import LiveRun

#: What the run itself is told by: another call could only be told the same.
NEVER = (InternalError, OwnershipLost, RunBusy, StepRefused)


def is_taken(retry: Retry, error: BaseException, failures: int) -> bool:
    """Whether another call follows this failure, which is one of so many.

    What ends a program, a cancellation among it, is never tried again. If the function that is
    asked raises itself, the failure counts, with a note of that.
    """
    if not isinstance(error, Exception) or isinstance(error, NEVER) or failures >= retry.attempts:
        return False
    try:
        return retry.takes(error)
    except Exception as problem:
        error.add_note(f"retry: on= raised {type(problem).__name__}: {problem}")
        return False


def faltered(
    live: LiveRun, delivery: Delivery, error: BaseException, retry: Retry
) -> Faltered | None:
    """The failure, if another call follows it; None if it counts."""
    failures = delivery.failures + 1
    if not is_taken(retry, error, failures):
        return None
    if live.errors is not None:
        live.errors.pop(delivery.id, None)
    wait_s = retry.wait_s(failures)
    again_at = live.clock.now() + wait_s if wait_s else 0.0
    return Faltered(delivery, f"{type(error).__name__}: {error}", again_at)
