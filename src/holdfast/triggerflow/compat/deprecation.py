# SPDX-License-Identifier: Apache-2.0
"""Warnings about deprecated names: once per process and name, at the line that calls it."""

from __future__ import annotations

import threading

from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.settings import SHOW_DEPRECATIONS, settings

_LOCK = threading.Lock()
_SHOWN: set[str] = set()


def warn_once(api: str, text: str) -> None:
    """Warn that *api* is deprecated, unless this process was told or wants no such warnings.

    While warnings are off nothing counts as told. A filter that turns the warning into an error
    raises it at every call.
    """
    if api in _SHOWN or not settings.is_on(SHOW_DEPRECATIONS):
        return
    with _LOCK:
        if api in _SHOWN:
            return
        _SHOWN.add(api)
    try:
        warn_at_caller(f"{api} is deprecated: {text}", DeprecationWarning)
    except BaseException:
        _SHOWN.discard(api)
        raise


def reset() -> None:
    """Forget what this process was told; for tests."""
    with _LOCK:
        _SHOWN.clear()
