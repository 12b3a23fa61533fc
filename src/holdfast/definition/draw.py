# SPDX-License-Identifier: Apache-2.0
"""What pictures of definitions have in common: safe ids, quoted labels, stable marks.

The same definition gives the same text, byte for byte, in every process.
"""

from __future__ import annotations

import hashlib
import string

_SAFE = frozenset(string.ascii_letters + string.digits + "_")

#: Words that Mermaid does not take as ids, in any mix of cases.
_RESERVED = frozenset(
    [
        "call",
        "class",
        "classdef",
        "click",
        "default",
        "direction",
        "end",
        "flowchart",
        "graph",
        "href",
        "interpolate",
        "linkstyle",
        "style",
        "subgraph",
    ]
)


class SafeIds:
    """Ids of letters, digits and underscores, one for each name; a clash gets a number."""

    __slots__ = ("_given", "_taken")

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, name: str, wanted: str | None = None) -> str:
        """The id of a name, made of it or of what is wanted; asked again, it is the same."""
        known = self._given.get(name)
        if known is not None:
            return known
        plain = safe(name if wanted is None else wanted)
        found, number = plain, 1
        while found in self._taken:
            number += 1
            found = f"{plain}_{number}"
        self._taken.add(found)
        self._given[name] = found
        return found


def safe(text: str) -> str:
    """The text with an underscore for everything that an id may not hold."""
    plain = "".join(sign if sign in _SAFE else "_" for sign in text) or "_"
    return f"{plain}_" if plain.lower() in _RESERVED else plain


def mark(name: str) -> str:
    """Eight hex digits that stand for a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def mermaid_text(text: str) -> str:
    """A label for Mermaid, in double quotes; line breaks become a backslash and an n."""
    lines = text.replace('"', "'").replace("#", "#35;").splitlines() or [""]
    shown = "\\n".join(line.replace("<", "#lt;").replace(">", "#gt;") for line in lines)
    return f'"{shown}"'


def dot_text(text: str) -> str:
    """A string for DOT, in double quotes; line breaks stay line breaks."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "\\n".join(escaped.splitlines()) + '"'


def indented(lines: list[str], depth: int = 1) -> list[str]:
    """The lines, two spaces further in for each level."""
    return ["  " * depth + line for line in lines]
