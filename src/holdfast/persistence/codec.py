# SPDX-License-Identifier: Apache-2.0
"""Values to bytes and back: equal and of the same type, or refused with the place.

The bytes are one JSON value. `None`, `True`, `False`, text, finite floats, integers of 64 bits,
lists and dicts with text keys stand for themselves. Everything else is `{"$tag": body}`, a
registered class `{"$:name": body}`; a dict of the user's own that looks like one of these gets one
more "$". Reading imports nothing and calls only what the program registered.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from holdfast.errors import Damaged, NotASave
from holdfast.persistence.copies import ATOMS, isolated
from holdfast.persistence.limits import Limits, check_shape, check_size, no_stack
from holdfast.persistence.places import Refusal
from holdfast.persistence.reading import read
from holdfast.persistence.tags import LARGEST, SMALLEST
from holdfast.persistence.types import TypeRegistry
from holdfast.persistence.writing import Writer

__all__ = ["Codec", "Limits", "digest_encoded", "is_scalar"]

_json = msgspec.json.Encoder().encode
_sorted = msgspec.json.Encoder(order="sorted").encode
_parse = msgspec.json.Decoder().decode
_OPENS = b"[{"
#: How a value starts that has nothing inside; more after it is an error to the parser.
_SCALAR = frozenset(bytes([byte]) for byte in b'"-0123456789tfn')
_UNORDERED = ("$dict", "$counter")


def is_scalar(value: object) -> bool:
    """Whether the value is of a builtin class that nobody can change: no copy is ever needed."""
    return type(value) in ATOMS


class Codec:
    """Encodes, decodes, copies and compares values, with one registry and one set of limits."""

    __slots__ = ("limits", "types")

    def __init__(self, types: TypeRegistry, limits: Limits = Limits()) -> None:  # noqa: B008
        self.types = types
        self.limits = limits

    def encode(self, value: Any, place: str = "value") -> bytes:
        """One JSON value that `decode` of the same limits takes.

        place: how errors name the whole value, such as "state.order".
        Raises: ValueRefused, also for cycles; TooLarge.
        """
        kind = type(value)
        try:
            if kind is str or (kind is int and SMALLEST <= value <= LARGEST):
                data = _json(value)
            else:
                data = self._encode(value, place, careful=False)
        except UnicodeEncodeError:
            data = self._encode(value, place, careful=True)
        size = len(data)
        if size > self.limits.size_bytes:
            check_size(size, self.limits, place)
        if size > self.limits.nodes and data[0] in _OPENS:  # fewer bytes cannot hold too many
            check_shape(data, self.limits, place)
        return data

    def _encode(self, value: Any, place: str, *, careful: bool) -> bytes:
        writer = Writer(self.types, self.limits, careful=careful)
        try:
            return _json(writer.write(value, 0))
        except Refusal as refusal:
            raise refusal.public(place) from refusal.__cause__
        except RecursionError:
            raise no_stack(place) from None

    def decode(self, data: bytes | msgspec.Raw | memoryview, place: str = "value") -> Any:
        """The value that was encoded; the bytes may come from anywhere.

        Raises: NotASave when `data` is not bytes; TooLarge, before anything is parsed; Damaged;
        TypeNotAllowed for a tag that is not registered.
        """
        if type(data) is not bytes:
            data = _as_bytes(data, place)
        if data[:1] in _SCALAR:
            check_size(len(data), self.limits, place)
            return _parsed(data, place)
        check_shape(data, self.limits, place)
        tree = _parsed(data, place)
        if b'"$' not in data and b"\\u0024" not in data:
            return tree
        try:
            return read(self.types, tree)
        except Refusal as refusal:
            raise refusal.public(place) from None
        except RecursionError:
            raise no_stack(place) from None

    def copy(self, value: Any) -> Any:
        """A copy that shares nothing that can be changed; see `copies.isolated`."""
        return isolated(value)

    def digest(self, value: Any, place: str = "value") -> str:
        """32 hexadecimal digits, the same for values that are equal and of the same types.

        The order of keys in a dict does not count. Raises: what `encode` raises.
        """
        return digest_encoded(self.encode(value, place))


def digest_encoded(data: bytes) -> str:
    """The digest of a value from the bytes that `encode` made of it. Raises: Damaged."""
    if data[:1] in (b"{", b"["):
        tree = _parsed(data, "value")
        if any(b'"' + tag.encode() + b'"' in data for tag in _UNORDERED):
            _order_pairs(tree)
        data = _sorted(tree)
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _order_pairs(tree: Any) -> None:
    """Put the pairs of dicts with other keys than text in one order."""
    for item in tree.values() if type(tree) is dict else tree:
        if type(item) in (dict, list):
            _order_pairs(item)
    if type(tree) is dict and len(tree) == 1:
        for tag in _UNORDERED:
            if type(tree.get(tag)) is list:
                tree[tag].sort(key=_sorted)


def _as_bytes(data: object, place: str) -> bytes:
    if isinstance(data, msgspec.Raw | memoryview | bytes | bytearray):
        return bytes(data)
    raise NotASave(f"{place} must be decoded from bytes, not from {type(data).__name__}")


def _parsed(data: bytes, place: str) -> Any:
    try:
        return _parse(data)
    except msgspec.DecodeError as error:
        raise Damaged(f"{place} is not whole JSON", place=place) from error
    except UnicodeDecodeError:  # it carries the text: not shown
        raise Damaged(f"{place} is not UTF-8", place=place) from None
    except RecursionError:
        raise no_stack(place) from None
