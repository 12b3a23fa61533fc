# SPDX-License-Identifier: Apache-2.0
"""How often a handler is called before its failure counts, and for how long at most.

Neither is part of a definition's structure, so a run that waits meets a changed number of
attempts without complaint.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import DefinitionError

#: Which failures are tried again: types of exceptions, or what is asked about each.
On = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], Any]

_RETRY_KEYS = frozenset({"attempts", "backoff", "factor", "max_delay_s"})
_KEYS = frozenset({"retry", "timeout_s"})


@dataclass(frozen=True, slots=True)
class Retry:
    """Call a failing handler again, up to so many times in all.

    attempts: calls in all. backoff: seconds before the second call, then `factor` times as many
    before each further one, up to `max_delay_s`; or a tuple of waits, whose last one repeats.
    on: the exceptions that are worth another call, or a function that is asked about each.
    Raises: DefinitionError (a ValueError) that says what was expected.
    """

    attempts: int
    backoff: float | tuple[float, ...] = 0.0
    factor: float = 2.0
    max_delay_s: float | None = None
    on: On = Exception

    def __post_init__(self) -> None:
        attempts = self.attempts
        if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
            raise _unexpected("attempts", "a whole number of calls, at least 1", attempts)
        if isinstance(self.backoff, tuple):
            if not self.backoff or not all(_is_wait(wait) for wait in self.backoff):
                raise _unexpected("backoff", "a tuple of seconds, each at least 0", self.backoff)
            if len(self.backoff) >= max(attempts, 2):
                most = max(attempts - 1, 1)
                raise _unexpected("backoff", f"at most {most} waits between calls", self.backoff)
        elif not _is_wait(self.backoff):
            raise _unexpected("backoff", "at least 0 seconds, or a tuple of them", self.backoff)
        if not _is_wait(self.factor) or self.factor < 1:
            raise _unexpected("factor", "a number, at least 1", self.factor)
        if self.max_delay_s is not None and not _is_wait(self.max_delay_s):
            raise _unexpected("max_delay_s", "at least 0 seconds, or None", self.max_delay_s)
        if not _is_kind(self.on):
            raise _unexpected("on", "types of Exception, or a plain function of one", self.on)

    @property
    def is_for_all(self) -> bool:
        """Whether every Exception is tried again."""
        return self.on is Exception

    def takes(self, error: Exception) -> bool:
        """Whether such a failure is tried again. Raises: what a function given as `on` raises."""
        on = self.on
        if isinstance(on, (type, tuple)):
            return isinstance(error, on)
        return bool(on(error))

    def wait_s(self, failures: int) -> float:
        """The seconds before the next call, after so many failures."""
        if isinstance(self.backoff, tuple):
            wait = self.backoff[min(failures, len(self.backoff)) - 1]
        else:
            try:
                wait = self.backoff * self.factor ** (failures - 1)
            except OverflowError:
                wait = math.inf
        if self.max_delay_s is not None:
            wait = min(wait, self.max_delay_s)
        # A time further away than this could not be told from never.
        return min(float(wait), LONGEST_WAIT_S)

    def plain(self) -> dict[str, Any]:
        """What blueprints keep of it: everything but `on`, in its default."""
        backoff = list(self.backoff) if isinstance(self.backoff, tuple) else self.backoff
        made: dict[str, Any] = {"attempts": self.attempts, "backoff": backoff}
        if self.factor != 2.0:
            made["factor"] = self.factor
        if self.max_delay_s is not None:
            made["max_delay_s"] = self.max_delay_s
        return made


#: No wait between two calls is longer: a hundred years.
LONGEST_WAIT_S = 100 * 365.25 * 86400


@dataclass(frozen=True, slots=True)
class Tries:
    """How a handler is called: again after a failure, and for how long."""

    retry: Retry | None = None
    timeout_s: float | None = None

    def over(self, other: Tries) -> Tries:
        """These, and where they say nothing, the others."""
        retry = other.retry if self.retry is None else self.retry
        timeout_s = other.timeout_s if self.timeout_s is None else self.timeout_s
        return Tries(retry, timeout_s)

    def plain(self) -> dict[str, Any]:
        """Both as data, for blueprints."""
        made: dict[str, Any] = {}
        if self.retry is not None:
            made["retry"] = self.retry.plain()
        if self.timeout_s is not None:
            made["timeout_s"] = self.timeout_s
        return made


#: Once, and as long as it takes: what a handler has that says nothing.
ONCE = Tries()


def tries(retry: Any, timeout_s: Any) -> Tries:
    """What a declaration gave, checked; `ONCE` where it gave nothing. Raises: DefinitionError."""
    if retry is None and timeout_s is None:
        return ONCE
    if retry is not None and not isinstance(retry, Retry):
        raise DefinitionError(
            f"retry: expected a Retry; found {_brief(retry)}",
            hint="Write it as retry=Retry(3), or with a backoff: Retry(3, backoff=1.0).",
        )
    if timeout_s is not None and (not _is_wait(timeout_s) or timeout_s <= 0):
        raise DefinitionError(f"timeout_s: expected more than 0 seconds; found {_brief(timeout_s)}")
    return Tries(retry, None if timeout_s is None else float(timeout_s))


def read_tries(place: str, data: Any) -> Tries:
    """What `Tries.plain` wrote. Raises: TypeError for a wrong shape, DefinitionError."""
    found = _mapping(place, data, _KEYS)
    retry = None
    if found.get("retry") is not None:
        given = _mapping(f"{place}.retry", found["retry"], _RETRY_KEYS)
        backoff = given.get("backoff", 0.0)
        given["backoff"] = tuple(backoff) if isinstance(backoff, list) else backoff
        retry = Retry(**{"attempts": None, **given})
    return tries(retry, found.get("timeout_s"))


def _mapping(place: str, data: Any, known: frozenset[str]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise TypeError(f"blueprint {place}: expected a mapping; found {type(data).__name__}")
    strange = sorted(str(key)[:40] for key in data if key not in known)
    if strange:
        raise DefinitionError(
            f"blueprint {place}: expected {', '.join(sorted(known))}; found {strange[0]!r}"
        )
    return dict(data)


def _is_wait(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 <= value < math.inf


def _is_kind(on: Any) -> bool:
    if isinstance(on, type):
        return issubclass(on, Exception)
    if isinstance(on, tuple):
        return bool(on) and all(isinstance(one, type) and issubclass(one, Exception) for one in on)
    # What an async function gives would have to be awaited, and is true until then.
    return callable(on) and not inspect.iscoroutinefunction(on)


def _unexpected(name: str, expected: str, found: Any) -> DefinitionError:
    return DefinitionError(f"Retry: {name}: expected {expected}; found {_brief(found)}")


def _brief(value: Any) -> str:
    return repr(value)[:60]
