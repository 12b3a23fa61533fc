# SPDX-License-Identifier: Apache-2.0
"""From parsed JSON back to the value: tags become what they stand for, and nothing else happens.

The tree comes from anywhere. Its depth was checked before it was parsed. Tags are a closed table
plus what the program registered; an unknown one is refused by name, and whatever a body makes its
reader raise becomes `Damaged`. Lists and dicts are the parser's own and are filled in place.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final

from holdfast.errors import Damaged, TypeNotAllowed
from holdfast.persistence.hashes import too_many_of_one_hash
from holdfast.persistence.places import ELEMENT, UNNAMED, Refusal, index_step, key_step, type_name
from holdfast.persistence.tags import LEAF_READERS
from holdfast.persistence.types import TypeRegistry
from holdfast.persistence.zones import ZoneUnknown

_SHOWN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.<>\[\], :-]{0,99}")


def read(types: TypeRegistry, value: Any) -> Any:
    """The value that a parsed tree stands for. Raises: Refusal."""
    kind = type(value)
    if kind is dict:
        return _read_dict(types, value)
    if kind is list:
        return _read_list(types, value)
    return value


def _read_list(types: TypeRegistry, value: list[Any]) -> list[Any]:
    index = 0
    try:
        for index, item in enumerate(value):
            kind = type(item)
            if kind is dict:
                value[index] = _read_dict(types, item)
            elif kind is list:
                _read_list(types, item)
    except Refusal as refusal:
        refusal.at(index_step(index))
        raise
    return value


def _read_dict(types: TypeRegistry, value: dict[str, Any]) -> Any:
    if len(value) == 1:
        ((key, item),) = value.items()
        if key[:1] == "$":
            return _read_tag(types, key, item)
    key = ""
    try:
        for key, item in value.items():
            kind = type(item)
            if kind is dict:
                value[key] = _read_dict(types, item)
            elif kind is list:
                _read_list(types, item)
    except Refusal as refusal:
        refusal.at(key_step(key))
        raise
    return value


def _read_tag(types: TypeRegistry, tag: str, body: Any) -> Any:
    if tag[1:2] == "$":
        try:
            return {tag[1:]: read(types, body)}
        except Refusal as refusal:
            refusal.at(key_step(tag[1:]))
            raise
    if tag[1:2] == ":":
        return _read_registered(types, tag[2:], body)
    try:
        leaf = LEAF_READERS.get(tag)
        if leaf is not None:
            return leaf(read(types, body))
        reader = _READERS.get(tag)
        if reader is not None:
            return reader(types, body)
    except Refusal:
        raise
    except ZoneUnknown:
        raise Refusal(
            TypeNotAllowed,
            "has a time zone that is not known here",
            name="zoneinfo.ZoneInfo",
            hint="Install the time zone data: `pip install tzdata`, or the system's package.",
        ) from None
    except Exception:  # noqa: BLE001 - the body comes from anywhere
        raise Refusal(Damaged, f"is not a well-formed {tag[1:]}") from None
    raise _not_allowed(tag[1:])


def _read_registered(types: TypeRegistry, name: str, body: Any) -> Any:
    entry = types.for_name(name)
    if entry is None:
        raise _not_allowed(name)
    plain = read(types, body)
    try:
        made = entry.make(plain)
    except Exception as error:  # noqa: BLE001 - the program's own code, on a body from anywhere
        # The cause is not shown: a validation error often quotes what it was given.
        raise Refusal(
            Damaged,
            f"cannot be made into a {type_name(entry.cls)} ({type(error).__name__})",
            hint=f"If the class has changed, register it with upgrade= for {entry.name!r}.",
        ) from None
    if type(made) is not entry.cls:
        raise Refusal(Damaged, f"was made into something else than a {type_name(entry.cls)}")
    return made


def _not_allowed(name: str) -> Refusal:
    shown = name if _SHOWN_NAME.fullmatch(name) else "?"
    return Refusal(
        TypeNotAllowed,
        f'is of the type "{shown}", which is not registered',
        name=shown,
        hint=f'Register the class before loading: register_type(TheClass, "{shown}").',
    )


def _list_of(types: TypeRegistry, body: Any) -> list[Any]:
    if type(body) is not list:
        raise TypeError
    return _read_list(types, body)


def _elements(types: TypeRegistry, body: Any) -> list[Any]:
    if type(body) is not list:
        raise TypeError
    try:
        items = [read(types, item) for item in body]
    except Refusal as refusal:
        refusal.at(ELEMENT)
        raise
    if too_many_of_one_hash(items, len(items)):
        raise ValueError
    return items


def _read_set(cls: type[set[Any] | frozenset[Any]]) -> Callable[[TypeRegistry, Any], Any]:
    def read_set(types: TypeRegistry, body: Any) -> Any:
        items = _elements(types, body)
        made = cls(items)
        if len(made) != len(items):
            raise ValueError
        return made

    return read_set


def _pairs(types: TypeRegistry, body: Any) -> list[tuple[Any, Any]]:
    if type(body) is not list:
        raise TypeError
    pairs = []
    for pair in body:
        if type(pair) is not list:
            raise TypeError
        key, item = pair
        step = UNNAMED
        try:
            key = read(types, key)
            step = key_step(key)
            pairs.append((key, read(types, item)))
        except Refusal as refusal:
            refusal.at(step)
            raise
    if too_many_of_one_hash([key for key, _ in pairs], len(pairs)):
        raise ValueError
    return pairs


def _read_pairs(cls: Callable[[], dict[Any, Any]]) -> Callable[[TypeRegistry, Any], Any]:
    def read_pairs(types: TypeRegistry, body: Any) -> Any:
        pairs = _pairs(types, body)
        made = cls()
        for key, item in pairs:
            made[key] = item
        if len(made) != len(pairs):
            raise ValueError
        return made

    return read_pairs


def _read_complex(types: TypeRegistry, body: Any) -> complex:
    real, imag = _list_of(types, body)
    if type(real) is not float or type(imag) is not float:
        raise TypeError
    return complex(real, imag)


def _read_range(types: TypeRegistry, body: Any) -> range:
    parts = _list_of(types, body)
    if [type(part) for part in parts] != [int, int, int]:
        raise TypeError
    return range(*parts)


def _read_deque(types: TypeRegistry, body: Any) -> deque[Any]:
    longest, items = body
    if longest is not None and (type(longest) is not int or longest < len(items)):
        raise ValueError
    return deque(_list_of(types, items), longest)


_READERS: Final[dict[str, Callable[[TypeRegistry, Any], Any]]] = {
    "$tuple": lambda types, body: tuple(_list_of(types, body)),
    "$set": _read_set(set),
    "$frozenset": _read_set(frozenset),
    "$dict": _read_pairs(dict),
    "$odict": _read_pairs(OrderedDict),
    "$counter": _read_pairs(Counter),
    "$complex": _read_complex,
    "$range": _read_range,
    "$deque": _read_deque,
}
