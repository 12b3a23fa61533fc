# SPDX-License-Identifier: Apache-2.0
"""From a Python value to one that JSON can say: whatever JSON has no form for gets a tag.

What needs no tag is returned as it is, so plain data costs one look at every container. Text is
only looked at in a second, careful walk, taken when the encoder met a lone surrogate in it.

Depth is the number of brackets around a value in the JSON that is written.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import msgspec

from holdfast.errors import ValueRefused
from holdfast.persistence.hashes import MOST_OF_ONE_HASH, too_many_of_one_hash
from holdfast.persistence.limits import Limits
from holdfast.persistence.places import (
    ELEMENT,
    UNNAMED,
    Refusal,
    index_step,
    key_step,
    over_limit,
    type_name,
)
from holdfast.persistence.tags import (
    LARGEST,
    LEAVES,
    SMALLEST,
    Unwritable,
    is_lone,
    write_float,
    write_int,
    write_surrogates,
)
from holdfast.persistence.types import TypeRegistry, remedy_for
from holdfast.persistence.zones import ZoneUnknown

_json = msgspec.json.Encoder().encode
_FEW = 8  # up to here a loop is quicker than asking for all types at once
_SIMPLE = frozenset({str, bool, type(None)})
_SIMPLE_BUT_TEXT = frozenset({bool, type(None)})


class Writer:
    """One walk over one value."""

    __slots__ = ("careful", "deepest", "left", "most", "simple", "types")

    def __init__(self, types: TypeRegistry, limits: Limits, *, careful: bool) -> None:
        self.types = types
        self.deepest = limits.depth
        self.left = self.most = limits.nodes
        self.careful = careful
        self.simple = _SIMPLE_BUT_TEXT if careful else _SIMPLE

    def write(self, value: Any, depth: int) -> Any:
        """The value itself, or what stands for it. Raises: Refusal, UnicodeEncodeError."""
        return _WRITERS.get(type(value), _registered)(self, value, depth)

    def enter(self, depth: int, size: int) -> None:
        """Count a container of `size` values whose inside is at `depth`."""
        self.left -= size
        if depth > self.deepest:
            text = f"is nested deeper than {self.deepest} levels"
            raise over_limit(text, self.deepest, depth)
        if self.left < 0:
            text = f"has more than {self.most} values"
            raise over_limit(text, self.most, self.most - self.left)


def _itself(_writer: Writer, value: Any, _depth: int) -> Any:
    return value


def _text(writer: Writer, value: str, depth: int) -> Any:
    if writer.careful and is_lone(value):
        writer.enter(depth + 1, 1)
        return {"$str": write_surrogates(value)}
    return value


def _int(writer: Writer, value: int, depth: int) -> Any:
    if SMALLEST <= value <= LARGEST:
        return value
    return _tagged(writer, "$int", write_int, value, depth)


def _float(writer: Writer, value: float, depth: int) -> Any:
    if value - value == 0.0:
        return value
    return _tagged(writer, "$float", write_float, value, depth)


def _complex(writer: Writer, value: complex, depth: int) -> Any:
    writer.enter(depth + 2, 2)
    return {"$complex": [_float(writer, part, depth + 2) for part in (value.real, value.imag)]}


def _range(writer: Writer, value: range, depth: int) -> Any:
    writer.enter(depth + 2, 3)
    parts = (value.start, value.stop, value.step)
    return {"$range": [_int(writer, part, depth + 2) for part in parts]}


def _tagged(writer: Writer, tag: str, write: Callable[[Any], Any], value: Any, depth: int) -> Any:
    writer.enter(depth + 1, 1)
    try:
        body = write(value)
    except Unwritable as refused:
        _refuse(value, str(refused), "Convert the value first.")
    except ZoneUnknown:
        _refuse(value, "has a time zone that is not known here", "Install time zone data.")
    if type(body) is list or writer.careful:
        body = writer.write(body, depth + 1)
    return {tag: body}


def _leaf(writer: Writer, value: Any, depth: int) -> Any:
    tag, write = LEAVES[type(value)]
    return _tagged(writer, tag, write, value, depth)


def _list(writer: Writer, value: list[Any], depth: int) -> Any:
    depth += 1
    writer.left -= len(value)
    if depth > writer.deepest or writer.left < 0:
        writer.enter(depth, 0)
    if len(value) > _FEW and _needs_nothing(value, set(map(type, value)), writer):
        return value
    return _items(writer, value, value, depth)


def _needs_nothing(value: list[Any], kinds: set[type], writer: Writer) -> bool:
    """Whether it is quick to see that no item needs a tag."""
    if kinds == {int}:
        return bool(min(value) >= SMALLEST and max(value) <= LARGEST)
    if kinds == {float}:
        return all(map(math.isfinite, value))
    return kinds <= writer.simple


def _items(writer: Writer, value: Any, plain: list[Any], depth: int) -> list[Any]:
    """`plain`, or a copy of it with tags where they are needed. value: whose items they are."""
    out = plain
    index, simple, writers = 0, writer.simple, _WRITERS
    try:
        for index, item in enumerate(plain):
            kind = type(item)
            if (
                kind in simple
                or (kind is int and SMALLEST <= item <= LARGEST)
                or (kind is float and item - item == 0.0)
            ):
                continue
            new = writers.get(kind, _registered)(writer, item, depth)
            if new is not item:
                if out is plain:
                    out = plain.copy()
                out[index] = new
    except Refusal as refusal:
        refusal.at(index_step(index), value)
        raise
    return out


def _dict(writer: Writer, value: dict[Any, Any], depth: int) -> Any:
    inside = depth + 1
    writer.left -= len(value)
    if inside > writer.deepest or writer.left < 0:
        writer.enter(inside, 0)
    out, key = value, ""
    simple, writers, careful = writer.simple, _WRITERS, writer.careful
    try:
        for key, item in value.items():
            if type(key) is not str or (careful and is_lone(key)):
                break
            kind = type(item)
            if (
                kind in simple
                or (kind is int and SMALLEST <= item <= LARGEST)
                or (kind is float and item - item == 0.0)
            ):
                continue
            new = writers.get(kind, _registered)(writer, item, inside)
            if new is not item:
                if out is value:
                    out = value.copy()
                out[key] = new
        else:
            key = key if len(value) == 1 else ""
            return {"$" + key: out[key]} if key[:1] == "$" else out
    except Refusal as refusal:
        refusal.at(key_step(key), value)
        raise
    return _pairs(writer, "$dict", value, depth)


def _pairs(writer: Writer, tag: str, value: dict[Any, Any], depth: int) -> dict[str, Any]:
    depth += 3
    writer.enter(depth, 3 * len(value))
    _check_hashes(value, value)
    pairs = []
    step = UNNAMED
    try:
        for key, item in value.items():
            step = UNNAMED
            written = writer.write(key, depth)
            step = key_step(key)
            pairs.append([written, writer.write(item, depth)])
    except Refusal as refusal:
        refusal.at(step, value)
        raise
    return {tag: pairs}


def _tuple(writer: Writer, value: tuple[Any, ...], depth: int) -> Any:
    writer.enter(depth + 2, len(value) + 1)
    return {"$tuple": _items(writer, value, list(value), depth + 2)}


def _set(writer: Writer, value: set[Any] | frozenset[Any], depth: int) -> Any:
    writer.enter(depth + 2, len(value) + 1)
    _check_hashes(value, value)
    try:
        written = [writer.write(item, depth + 2) for item in value]
    except Refusal as refusal:
        refusal.at(ELEMENT, value)
        raise
    written.sort(key=_json)
    return {"$set" if type(value) is set else "$frozenset": written}


def _deque(writer: Writer, value: deque[Any], depth: int) -> Any:
    writer.enter(depth + 3, len(value) + 3)
    longest = None if value.maxlen is None else _int(writer, value.maxlen, depth + 2)
    return {"$deque": [longest, _items(writer, value, list(value), depth + 3)]}


def _registered(writer: Writer, value: Any, depth: int) -> Any:
    cls = type(value)
    entry = writer.types.for_class(cls)
    if entry is None:
        name = type_name(cls)
        _refuse(value, f"holds an instance of {name}, which is not registered", remedy_for(cls))
    writer.enter(depth + 1, 1)
    try:
        body = entry.to(value)
    except Exception as error:
        name = type(error).__name__
        raise Refusal(
            ValueRefused,
            f"holds an instance of {type_name(cls)} that could not be taken apart ({name})",
            type_name=type_name(cls),
            hint="Look at the cause, or register the class with to= and make=.",
        ) from error
    try:
        return {"$:" + entry.name: writer.write(body, depth + 1)}
    except Refusal as refusal:
        refusal.at("", value)
        raise


def _refuse(value: object, text: str, hint: str) -> NoReturn:
    raise Refusal(ValueRefused, text, type_name=type_name(type(value)), hint=hint)


def _check_hashes(keys: Iterable[Any], value: Any) -> None:
    if too_many_of_one_hash(keys, len(value)):
        _refuse(
            value,
            f"has more than {MOST_OF_ONE_HASH} elements of one hash",
            "Use a list, or a better __hash__.",
        )


_WRITERS: Final[dict[type, Callable[[Writer, Any, int], Any]]] = {
    type(None): _itself,
    bool: _itself,
    str: _text,
    int: _int,
    float: _float,
    complex: _complex,
    range: _range,
    list: _list,
    dict: _dict,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    deque: _deque,
    OrderedDict: lambda writer, value, depth: _pairs(writer, "$odict", value, depth),
    Counter: lambda writer, value, depth: _pairs(writer, "$counter", value, depth),
    **dict.fromkeys(LEAVES, _leaf),
}
