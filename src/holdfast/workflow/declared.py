# SPDX-License-Identifier: Apache-2.0
"""Whether a value is of a type that a handler declared: asked for all that it sends and yields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from holdfast.workflow.typing_match import Test, known_by_class, matcher, shell


class Declared:
    """The types that a handler may send, or yield; a look-up by class where the class decides."""

    __slots__ = ("_known", "_types")

    def __init__(self, types: Iterable[Any]) -> None:
        self._types = tuple(types)
        self._known: dict[type, bool | tuple[Test, ...]] = {}

    def allows(self, value: object) -> bool:
        """Tell whether the value is of one of them."""
        kind = value.__class__
        verdict = self._known.get(kind)
        if verdict is None:
            verdict = self._known[kind] = self._verdict(kind)
        if verdict is True or verdict is False:
            return verdict
        return any(test(value) for test in verdict)

    def _verdict(self, kind: type) -> bool | tuple[Test, ...]:
        """Yes, no, or what decides about each value of the class."""
        near = [form for form in self._types if any(issubclass(kind, s) for s in shell(form))]
        if any(known_by_class(form) for form in near):
            return True
        return tuple(matcher(form) for form in near) or False
