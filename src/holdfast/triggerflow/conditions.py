# SPDX-License-Identifier: Apache-2.0
"""The conditions of a match: what a case asks, and how the cases of a value are judged.

A condition that is callable is called with the data of the run, any other value is compared with
the input. Only names and plain values can be written down: what else there is counts as unnamed,
is known by its place, and cannot be exported.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.triggerflow.chunk import same_function
from holdfast.triggerflow.place import short


@dataclass(frozen=True, slots=True)
class Condition:
    """What one case asks. key: what stands for it in ids. told: how a blueprint tells it.

    asks: the function to call, None to compare with the value.
    """

    key: str
    told: Mapping[str, Any]
    asks: Callable[..., Any] | None = None
    value: Any = None

    @property
    def identity(self) -> Any:
        """What tells it from others, as a key of a dict; None for what cannot be one."""
        found = ("asks", self.asks) if self.asks is not None else ("is", self.value)
        try:
            hash(found)
        except Exception:  # noqa: BLE001 - a user's __hash__ may raise anything
            return None
        return found

    def is_same(self, other: Condition) -> bool:
        """Whether two cases ask the same."""
        if self.asks is not None or other.asks is not None:
            return same_function(self.asks, other.asks)
        try:
            return bool(self.value == other.value)
        except Exception:  # noqa: BLE001 - a user's __eq__ may raise anything; then they differ
            return False

    async def holds(self, data: Any, value: Any) -> bool:
        """Whether the case takes the value: by truth, awaited if it has to be."""
        if self.asks is None:
            return bool(value == self.value)
        verdict = self.asks(data)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        return bool(verdict)


def of_function(function: Callable[..., Any], name: str | None, position: int) -> Condition:
    """The condition that a function is; without a name it is known by its position."""
    key = f"#{position}" if name is None else f"if:{short(name)}"
    return Condition(key, {"if": name}, asks=function)


def of_value(value: Any, position: int) -> Condition:
    """The condition that a value is."""
    if is_plain(value):
        return Condition(f"={short(json.dumps(value))}", {"is": value}, value=value)
    return Condition(f"#{position}", {"type": type(value).__name__}, value=value)


def is_plain(value: Any) -> bool:
    """Whether a value can be written into a blueprint as it is."""
    if isinstance(value, float):
        return type(value) is float and math.isfinite(value)
    return value is None or type(value) in {str, int, bool}


class Judge:
    """The handler of a match: judges the cases in order and returns the keys of those that hold.

    Sync conditions are called in place, so they must not block.
    """

    __slots__ = ("cases", "is_first_enough")

    def __init__(self, cases: tuple[Condition, ...], mode: str) -> None:
        self.cases = cases
        self.is_first_enough = mode == "hit_first"

    async def __call__(self, data: Any) -> list[str]:
        """The keys of the cases that take the input."""
        value = data.value
        data.is_judging = True
        found: list[str] = []
        for case in self.cases:
            if await case.holds(data, value):
                found.append(case.key)
                if self.is_first_enough:
                    break
        return found
