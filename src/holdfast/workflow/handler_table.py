# SPDX-License-Identifier: Apache-2.0
"""The handlers of one executor class, in the order in which they are asked.

Choosing the handler for a message is a look-up by the message's class, with a test of the value
only where a type asks for it (`list[int]`, `Literal["x"]`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from holdfast.workflow.handlers import HandlerSpec
from holdfast.workflow.typing_match import (
    Test,
    flatten_union,
    known_by_class,
    matcher,
    narrower,
    shell,
)

Choice = tuple[HandlerSpec, Test | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One member of the union that a handler takes."""

    spec: HandlerSpec
    forms: tuple[Any, ...]
    tests: tuple[Test, ...]


class HandlerTable:
    """The handlers of one executor class, the most specific first.

    A subclass comes before its base, a concrete type before Any and object; what is unrelated
    stays in the order of declaration. A union takes part with each of its members.
    """

    __slots__ = ("_by_class", "_messages", "_responses", "specs")

    def __init__(self, specs: Iterable[HandlerSpec]) -> None:
        self.specs = tuple(specs)
        self._messages = _ordered(spec for spec in self.specs if spec.kind == "message")
        self._responses = _ordered(spec for spec in self.specs if spec.kind == "response")
        self._by_class: dict[type, tuple[Choice, ...]] = {}

    def find(self, message: object) -> HandlerSpec | None:
        """Give the handler for a message, None if it has no taker."""
        kind = message.__class__
        choices = self._by_class.get(kind)
        if choices is None:
            choices = self._by_class[kind] = self._choices(kind)
        for spec, test in choices:
            if test is None or test(message):
                return spec
        return None

    def find_response(self, request: object, response: object) -> HandlerSpec | None:
        """Give the handler for an answer to a request, None if it has no taker."""
        for entry in self._responses:
            of_request, of_response = entry.tests
            if of_request(request) and of_response(response):
                return entry.spec
        return None

    def message_specs(self) -> list[HandlerSpec]:
        """Give the handlers of messages in the order of declaration."""
        return [spec for spec in self.specs if spec.kind == "message"]

    def response_specs(self) -> list[HandlerSpec]:
        """Give the handlers of answers in the order of declaration."""
        return [spec for spec in self.specs if spec.kind == "response"]

    def problem(self) -> str | None:
        """Tell why no executor can be made with these handlers, None if one can."""
        if not self.message_specs():
            return "has no @handler"
        seen: dict[Any, str] = {}
        for spec in self.specs:
            key = (spec.kind, spec.message_type, spec.response_type)
            if key in seen:
                what = _type_name(spec.message_type)
                return f"has two handlers for {what}: {seen[key]} and {spec.name}"
            seen[key] = spec.name
        return None

    def _choices(self, kind: type) -> tuple[Choice, ...]:
        """Give what may take a message of this class; a sure taker ends the list."""
        choices: list[Choice] = []
        for entry in self._messages:
            form = entry.forms[0]
            if not any(issubclass(kind, outer) for outer in shell(form)):
                continue
            if known_by_class(form):
                choices.append((entry.spec, None))
                break
            choices.append((entry.spec, entry.tests[0]))
        return tuple(choices)


def _ordered(specs: Iterable[HandlerSpec]) -> tuple[_Entry, ...]:
    """Give an entry for each member of each declared type, narrower ones before wider ones."""
    waiting = [entry for spec in specs for entry in _entries(spec)]
    ordered: list[_Entry] = []
    while waiting:
        free = (n for n, e in enumerate(waiting) if not any(_is_narrower(o, e) for o in waiting))
        # Pairs of types may be narrower than each other in a ring; then declaration decides.
        ordered.append(waiting.pop(next(free, 0)))
    return tuple(ordered)


def _entries(spec: HandlerSpec) -> list[_Entry]:
    combinations: list[tuple[Any, ...]]
    if spec.kind == "message":
        combinations = [(form,) for form in _members(spec.message_type)]
    else:
        combinations = [
            (request, response)
            for request in _members(spec.message_type)
            for response in _members(spec.response_type)
        ]
    return [_Entry(spec, forms, tuple(map(matcher, forms))) for forms in combinations]


def _members(form: Any) -> tuple[Any, ...]:
    return flatten_union(form) or (form,)


def _is_narrower(one: _Entry, other: _Entry) -> bool:
    """Tell whether one goes first: narrower in a place, and wider in none."""
    better = [narrower(a, b) for a, b in zip(one.forms, other.forms, strict=True)]
    worse = [narrower(b, a) for a, b in zip(one.forms, other.forms, strict=True)]
    return any(better) and not any(worse)


def _type_name(form: Any) -> str:
    return form.__name__ if isinstance(form, type) else repr(form)
