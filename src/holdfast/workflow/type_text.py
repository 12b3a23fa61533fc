# SPDX-License-Identifier: Apache-2.0
"""Types as text, and back: dotted names, unions and generics, for events that cross processes.

A name is looked up among modules that are loaded, or in a mapping that the caller gives. Nothing
is ever imported because a text says so.
"""

from __future__ import annotations

import ast
import re
import sys
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from holdfast.workflow.typing_match import is_union

_TOKEN = re.compile(r"\s*(?:(?P<name>[^\W\d][\w.]*)|(?P<mark>\.\.\.|[\[\],|]))")


def type_text(form: Any) -> str:
    """The text of a type form: "builtins.int", "builtins.list[app.Order]", "A | None".

    Raises: TypeError for what has no name that could be looked up: a local class, a variable.
    """
    if form is Any:
        return "typing.Any"
    if form is None or form is type(None):
        return "None"
    if form is Ellipsis:
        return "..."
    if is_union(form):
        return " | ".join(type_text(member) for member in get_args(form))
    origin = get_origin(form)
    if origin is Literal:
        return f"typing.Literal{list(get_args(form))!r}"
    if origin is not None:
        return f"{type_text(origin)}[{', '.join(type_text(one) for one in get_args(form))}]"
    if isinstance(form, type) and "<" not in form.__qualname__:
        return f"{form.__module__}.{form.__qualname__}"
    raise TypeError(f"{form!r} has no name under which another process could find it")


def type_of_text(text: str, known: Mapping[str, Any] | None = None) -> Any:
    """The type form of a text. known: names that the caller resolves, before anything else.

    Raises: TypeError for a name that no loaded module has, or for no text of a type.
    """
    if not isinstance(text, str):
        raise TypeError(f"a type is told as text; found {type(text).__name__}")
    if known is not None and text in known:
        return known[text]
    if text.startswith("typing.Literal["):
        return _literal(text)
    reader = _Reader(text, known or {})
    form = reader.union()
    reader.end()
    return form


def _literal(text: str) -> Any:
    try:
        values = ast.literal_eval(text.removeprefix("typing.Literal"))
        return Literal[tuple(values)]
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise _unreadable(text) from error


class _Reader:
    """Reads `name`, `name[a, b]` and `a | b`, left to right."""

    def __init__(self, text: str, known: Mapping[str, Any]) -> None:
        self._text = text
        self._known = known
        self._place = 0

    def _next(self) -> tuple[str, bool]:
        """The word at hand and whether it is a name; "" at the end."""
        if not self._text[self._place :].strip():
            return "", False
        match = _TOKEN.match(self._text, self._place)
        if match is None:
            raise _unreadable(self._text)
        return match.group().strip(), match.group("name") is not None

    def _take(self) -> tuple[str, bool]:
        word, is_name = self._next()
        match = _TOKEN.match(self._text, self._place)
        self._place = len(self._text) if match is None else match.end()
        return word, is_name

    def union(self) -> Any:
        """One or several forms joined by bars."""
        members = [self._form()]
        while self._next()[0] == "|":
            self._take()
            members.append(self._form())
        return members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 - built

    def _form(self) -> Any:
        word, is_name = self._take()
        if word == "...":
            return Ellipsis
        if not is_name:
            raise _unreadable(self._text)
        form = _found(word, self._known)
        if self._next()[0] != "[":
            return form
        self._take()
        arguments = [self.union()]
        while self._next()[0] == ",":
            self._take()
            arguments.append(self.union())
        if self._take()[0] != "]":
            raise _unreadable(self._text)
        try:
            return types.GenericAlias(form, tuple(arguments))
        except TypeError as error:
            raise _unreadable(self._text) from error

    def end(self) -> None:
        """Raises: TypeError if anything is left."""
        if self._next()[0]:
            raise _unreadable(self._text)


def _found(name: str, known: Mapping[str, Any]) -> Any:
    if name in known:
        return known[name]
    if name == "None":
        return None
    if name == "typing.Any":
        return Any
    parts = name.split(".")
    for split in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:split]))
        if module is None:
            continue
        found: Any = module
        for part in parts[split:]:
            found = vars(found).get(part) if isinstance(found, type | types.ModuleType) else None
        if isinstance(found, type):
            return found
    raise TypeError(
        f"no loaded module has a type {name[:80]!r}: import it first, or name it in types="
    )


def _unreadable(text: str) -> TypeError:
    return TypeError(f"{text[:80]!r} is no text of a type")
