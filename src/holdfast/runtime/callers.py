# SPDX-License-Identifier: Apache-2.0
"""Whose call this is: the line of somebody else's code that a warning should point at."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Final

from holdfast.runtime.portal import CALLER, blocking

#: Not a caller: this package, and what runs coroutines and threads for it.
_SKIPPED: Final = frozenset({__name__.partition(".")[0], "asyncio", "concurrent", "threading"})


def warn_at_caller(text: str, category: type[Warning]) -> None:
    """Warn at the line that called into this package, also through a blocking twin."""
    frame = _outside(sys._getframe(1)) or _blocked()  # noqa: SLF001 - how a caller is found
    if frame is None:
        warnings.warn(text, category, stacklevel=2)
        return
    warnings.warn_explicit(
        text,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__", "<unknown>"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _outside(frame: FrameType | None) -> FrameType | None:
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _SKIPPED:
            return frame
        frame = frame.f_back
    return None


def _blocked() -> FrameType | None:
    """The caller in the thread that waits in `blocking` for the work under way, if one still does.

    Work that outlives the call remembers the thread too, so the thread is looked at first.
    """
    frame = sys._current_frames().get(CALLER.get())  # noqa: SLF001 - another thread's frame
    while frame is not None:
        if frame.f_code is blocking.__code__:
            return _outside(frame)
        frame = frame.f_back
    return None
