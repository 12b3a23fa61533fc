# SPDX-License-Identifier: Apache-2.0
"""The base of every error that holdfast raises."""

from __future__ import annotations

from typing import ClassVar


class HoldfastError(Exception):
    """The base of every error that holdfast raises on purpose.

    code: stable, for programs. hint: what to do next, for people. facts: what was found, by name;
    each fact is an attribute too.
    """

    code: ClassVar[str] = "holdfast.error"
    hint: str = "Read the message; it names the place."

    def __init__(self, message: str, /, *, hint: str | None = None, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts
        if hint is not None:
            self.hint = hint
        for name, value in facts.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.facts)


def _rebuild(
    kind: type[HoldfastError], message: str, hint: str, facts: dict[str, object]
) -> HoldfastError:
    return kind(message, hint=hint, **facts)
