# SPDX-License-Identifier: Apache-2.0
"""Text from a store as a terminal may show it, and values from a store as plain JSON."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

import msgspec

from holdfast.errors import HoldfastError
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types

_CODEC: Final = Codec(default_types)
_LISTS: Final = frozenset({"$tuple", "$set", "$frozenset"})
_PAIRS: Final = frozenset({"$dict", "$odict", "$counter"})
#: Tags whose body says more to a reader than Python's own text of the value.
_BODIES: Final = frozenset({"$bytes", "$bytearray", "$float", "$complex", "$range"})


def shown(text: str) -> str:
    """The text in one line, with everything that could steer a terminal shown as its escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plain(data: bytes) -> Any:
    """A stored value as plain JSON.

    An object of a class is its fields and a set a list, whether the class is known here or not.
    """
    return _plain(msgspec.json.decode(data))


def as_json(value: Any) -> str:
    """JSON over several lines; what could steer a terminal stands as JSON's own escape."""
    whole = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in whole)


def for_people(value: Any, indent: str = "") -> str:
    """A plain value to read: a text as it is, an object as a line for each field, else JSON."""
    if isinstance(value, str):
        return indent + shown(value)
    if isinstance(value, dict) and value:
        return "\n".join(f"{indent}{shown(k)}: {in_line(v)}" for k, v in value.items())
    return indent + in_line(value)


def in_line(value: Any) -> str:
    """A plain value in one line."""
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def moment(seconds: float | None) -> str | None:
    """A time of the store as ISO-8601 in UTC."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def _plain(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        tag, body = next(iter(tree.items()))
        if tag.startswith("$"):
            return _untagged(tag, body)
    return {key: _plain(value) for key, value in tree.items()}


def _untagged(tag: str, body: Any) -> Any:
    if tag.startswith("$$"):
        return {tag[1:]: _plain(body)}
    if tag.startswith("$:") or tag in _LISTS or tag in _BODIES:
        return _plain(body)
    if tag == "$deque":
        return _plain(body[1])
    if tag in _PAIRS:
        pairs = [(_plain(key), _plain(value)) for key, value in body]
        named = all(isinstance(key, str) for key, _ in pairs)
        return dict(pairs) if named else [list(pair) for pair in pairs]
    return _leaf(tag, body)


def _leaf(tag: str, body: Any) -> Any:
    """A value that JSON has no form for, as its text."""
    try:
        value = _CODEC.decode(msgspec.json.encode({tag: body}))
    except HoldfastError:
        return {tag: body}
    if isinstance(value, int | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
