# SPDX-License-Identifier: Apache-2.0
"""How a value inside a value is named: `state.order.items[3]`.

A place is made only when something is refused: each level of a walk adds its own step while the
refusal passes through it. Steps name positions, field names and keys that look like names; any
other key could be somebody's secret and is shown as `[?]`, an element of a set as `{}`.
"""

from __future__ import annotations

import re
from typing import Final

from holdfast.errors import DocumentError, TooLarge, ValueRefused

ELEMENT: Final = "{}"
UNNAMED: Final = "[?]"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_QUOTED = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,39}")


class Refusal(Exception):
    """Travels up a walk and collects the place; the walk's owner turns it into a public error.

    text: how the message goes on after the place. over: a limit was met, perhaps by a cycle.
    """

    def __init__(
        self,
        error: type[DocumentError],
        text: str,
        *,
        hint: str | None = None,
        over: bool = False,
        **facts: object,
    ) -> None:
        super().__init__()
        self.error = error
        self.text = text
        self.hint = hint
        self.over = over
        self.facts = facts
        self._steps: list[tuple[str, int]] = []

    def at(self, step: str, container: object = None) -> Refusal:
        """Add the step that leads from the container to what was refused."""
        self._steps.append((step, id(container)))
        return self

    def public(self, place: str) -> DocumentError:
        """The error that the caller sees, with `place` as the name of the whole value."""
        steps = self._steps[::-1]
        if self.over:
            closes = _cycle(steps)
            if closes is None:
                return self._error(place)
            where = place + _joined(steps[:closes])
            return ValueRefused(
                f"{where} refers back to what contains it",
                hint="Keep an id in place of the reference back.",
                place=where,
                type_name="cycle",
            )
        return self._error(place + _joined(steps))

    def _error(self, where: str) -> DocumentError:
        return self.error(f"{where} {self.text}", hint=self.hint, place=where, **self.facts)


def _cycle(steps: list[tuple[str, int]]) -> int | None:
    """How many steps lead to the first container that was met before."""
    met: set[int] = set()
    for number, (_, container) in enumerate(steps):
        if container in met:
            return number
        met.add(container)
    return None


def _joined(steps: list[tuple[str, int]]) -> str:
    return "".join(step for step, _ in steps)


def over_limit(text: str, limit: int, found: int) -> Refusal:
    """The refusal of a value that met a limit; a cycle is told from a large value by its steps."""
    return Refusal(TooLarge, text, over=True, limit=limit, found=found)


def key_step(key: object) -> str:
    """The step to the value under a key."""
    if type(key) is not str:
        return UNNAMED
    if _NAME.fullmatch(key):
        return f".{key}"
    return f"['{key}']" if _QUOTED.fullmatch(key) else UNNAMED


def index_step(index: int) -> str:
    """The step to an item of a list."""
    return f"[{index}]"


def type_name(cls: type) -> str:
    """A class as people know it: with its module unless it is a builtin."""
    name = cls.__qualname__
    return name if cls.__module__ == "builtins" else f"{cls.__module__}.{name}"
