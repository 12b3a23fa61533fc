# SPDX-License-Identifier: Apache-2.0
"""The few choices that hold for a whole process, under dotted names; read when they are used."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, MutableMapping
from typing import Any, Final

#: Whether calls of deprecated names warn. False-like: see `is_on`.
SHOW_DEPRECATIONS: Final = "runtime.show_deprecation_warnings"

_DEFAULTS: Final[dict[str, Any]] = {SHOW_DEPRECATIONS: True}
_OFF: Final = frozenset({"0", "false", "no", "off", "disable", "disabled"})


class Settings(MutableMapping[str, Any]):
    """A value set here wins over the environment, which wins over the default.

    The variable of "runtime.show_deprecation_warnings" is HOLDFAST_SHOW_DEPRECATION_WARNINGS: the
    last part of the name. A name that does not exist is a KeyError, so a slip is not lost.
    """

    def __init__(self) -> None:
        self._set: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Any:
        _check(name)
        with self._lock:
            if name in self._set:
                return self._set[name]
        return os.environ.get(_variable(name), _DEFAULTS[name])

    def __setitem__(self, name: str, value: Any) -> None:
        _check(name)
        with self._lock:
            self._set[name] = value

    def __delitem__(self, name: str) -> None:
        """Forget what was set: the environment or the default holds again."""
        _check(name)
        with self._lock:
            self._set.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(_DEFAULTS)

    def __len__(self) -> int:
        return len(_DEFAULTS)

    def reset(self) -> None:
        """Forget everything that was set."""
        with self._lock:
            self._set.clear()

    def is_on(self, name: str) -> bool:
        """Whether a choice is on: anything but False, 0, or a text such as "no" or "off"."""
        value = self[name]
        if isinstance(value, str):
            return value.strip().lower() not in _OFF
        return bool(value)


def _check(name: str) -> None:
    if name not in _DEFAULTS:
        known = ", ".join(_DEFAULTS)
        raise KeyError(f"no setting is named {name!r}; known: {known}")


def _variable(name: str) -> str:
    return f"HOLDFAST_{name.rpartition('.')[2].upper()}"


#: The settings of this process.
settings = Settings()
