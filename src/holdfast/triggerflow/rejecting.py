# SPDX-License-Identifier: Apache-2.0
"""What comes from outside to a run that takes nothing more: ignored, and said so."""

from __future__ import annotations

from holdfast.machine.run import Run
from holdfast.runtime.callers import warn_at_caller


def is_taken(run: Run, event: str) -> bool:
    """Whether the run takes a signal from outside; if not, its sender is warned."""
    if run.lifecycle == "open":
        return True
    text = f"ignored event {event!r}: the execution is {run.lifecycle}"
    warn_at_caller(text, RuntimeWarning)
    return False
