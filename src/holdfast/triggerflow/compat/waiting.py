# SPDX-License-Identifier: Apache-2.0
"""`wait_for_result=`, an argument of starts that has no meaning any more."""

from __future__ import annotations

from typing import Any

from holdfast.triggerflow.compat.deprecation import warn_once
from holdfast.triggerflow.unset import UNSET


def ignore_wait(start: str, passed: Any) -> None:
    """Warn if the argument was passed. start: which call takes it."""
    if passed is not UNSET:
        warn_once(
            f"{start}(wait_for_result=...)",
            "it is ignored; auto_close decides what the call waits for",
        )
