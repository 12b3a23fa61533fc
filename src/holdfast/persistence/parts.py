# SPDX-License-Identifier: Apache-2.0
"""A run's record as named parts, the deltas between two records, and how they join.

A body is one JSON object: part name -> value. A part is either one value or a list that grows at
its end. A delta names only the parts that changed: put (a new value), add (items at the end of a
list), drop. Names and values are opaque here; both machines give them their meaning.

Everything stays bytes: applying a delta decodes no value, and a full body is the bytes of its
parts joined. That is why a commit costs what it changed and a load decodes each part once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from holdfast.errors import Damaged

Part = bytes | list[bytes]


class Delta(msgspec.Struct, array_like=True, gc=False):
    """What one commit changed, as JSON [put, add, drop]."""

    put: dict[str, msgspec.Raw] = {}
    add: dict[str, list[msgspec.Raw]] = {}
    drop: list[str] = []


_decode_delta = msgspec.json.Decoder(Delta).decode
_decode_body = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_quote = msgspec.json.Encoder().encode


def encode_delta(
    put: Mapping[str, bytes], add: Mapping[str, list[bytes]], drop: Iterable[str]
) -> bytes:
    """Write a delta from parts that are JSON already."""
    # One flat list and one join: a large part is copied once.
    pieces = [b"[{"]
    separator = b""
    for name, data in put.items():
        pieces += (separator, _quote(name), b":", data)
        separator = b","
    pieces.append(b"},{")
    separator = b""
    for name, items in add.items():
        pieces += (separator, _quote(name), b":[", b",".join(items), b"]")
        separator = b","
    pieces += (b"},", _quote(list(drop)), b"]")
    return b"".join(pieces)


def body_pieces(parts: Mapping[str, Part]) -> Iterator[bytes]:
    """The pieces that, joined, are the body; joining them can happen elsewhere."""
    separator = b"{"
    for name, part in parts.items():
        yield separator + _quote(name) + b":"
        if isinstance(part, bytes):
            yield part
        else:
            yield b"["
            yield b",".join(part)
            yield b"]"
        separator = b","
    yield b"{}" if separator == b"{" else b"}"


def merge(anchor: bytes, deltas: Iterable[bytes]) -> dict[str, Part]:
    """The parts after the last delta. Raises: Damaged."""
    try:
        parts: dict[str, Part] = {name: bytes(raw) for name, raw in _decode_body(anchor).items()}
        for data in deltas:
            _apply(parts, _decode_delta(data))
    except msgspec.DecodeError as error:
        raise Damaged("a stored record is not the JSON that was written") from error
    return parts


def unfolded(anchor: bytes, deltas: Iterable[bytes]) -> Iterator[dict[str, Part]]:
    """The parts as of the anchor, then after each delta: one dict, that grows. Raises: Damaged."""
    parts = merge(anchor, ())
    yield parts
    for data in deltas:
        try:
            _apply(parts, _decode_delta(data))
        except msgspec.DecodeError as error:
            raise Damaged("a stored record is not the JSON that was written") from error
        yield parts


def _apply(parts: dict[str, Part], delta: Delta) -> None:
    for name in delta.drop:
        parts.pop(name, None)
    for name, raw in delta.put.items():
        parts[name] = bytes(raw)
    for name, items in delta.add.items():
        parts[name] = listed = as_list(parts.get(name, b"[]"))
        listed.extend(bytes(item) for item in items)


def as_list(part: Part) -> list[bytes]:
    """A growing part as its items. Raises: Damaged if the part is not a list."""
    if isinstance(part, list):
        return part
    try:
        return [bytes(raw) for raw in _decode_items(part)]
    except msgspec.DecodeError as error:
        raise Damaged("a growing part of the record is not a list") from error


def joined(part: Part) -> bytes:
    """A part as one JSON value."""
    return part if isinstance(part, bytes) else b"[" + b",".join(part) + b"]"
