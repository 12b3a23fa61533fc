# SPDX-License-Identifier: Apache-2.0
"""Stored values as plain JSON, for whoever has not the classes they were made of."""

from __future__ import annotations

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


def plain(data: bytes) -> Any:
    """A stored value as plain JSON.

    An object of a class is its fields and a set a list, whether the class is known here or not.
    """
    return _plain(msgspec.json.decode(data))


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
