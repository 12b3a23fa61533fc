# SPDX-License-Identifier: Apache-2.0
"""The small closed subset of JSON Schema that alone decides whether an answer is accepted.

type (null, boolean, integer, number, string, array, object), items, properties, required,
additionalProperties, enum of scalars, anyOf; title and description say something to people. `{}`
accepts anything. Nothing else is taken, so what one release accepts every release accepts.

A boolean is no integer, 1.0 is no integer, an integer is a number. Tuples and sets are arrays; a
dataclass, named tuple or model is the object of its fields; an enum member is its value.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from holdfast.errors import DefinitionError

DEEPEST: Final = 20
MOST_NODES: Final = 1000
#: Enough to correct an answer by; a list of a million wrong items need not be answered in full.
MOST_PROBLEMS: Final = 20

Schema = Mapping[str, Any]
Problem = tuple[str, str]  # place, what is wrong there


def check_schema(schema: Any) -> None:
    """Raises: DefinitionError naming the place where the schema leaves the subset or a limit."""
    nodes = 1
    waiting: list[tuple[Any, str, int]] = [(schema, "schema", 1)]
    while waiting:
        each, place, depth = waiting.pop()
        if depth > DEEPEST:
            raise _outside(place, f"at most {DEEPEST} levels")
        if type(each) is not dict:
            raise _outside(place, f"an object, found {type(each).__name__}")
        for key, value in each.items():
            check = _KEYWORDS.get(key)
            if check is None:
                raise _outside(place, f"only {', '.join(_KEYWORDS)}; found {_quoted(key)}")
            inside = [(part, place + step, depth + 1) for part, step in check(value, place)]
            waiting.extend(inside)
            nodes += len(inside) or (len(value) if type(value) is list else 0)
            if nodes > MOST_NODES:
                raise _outside("schema", f"at most {MOST_NODES} schemas and listed values")


def problems(schema: Schema, value: Any, place: str = "answer") -> tuple[str, ...]:
    """What keeps the value from fitting the schema; nothing when it fits.

    Each text names the place (`answer.items[2]`), what was expected and the type that was found,
    never contents; at most 20. schema: one that `check_schema` takes.
    """
    found: list[str] = []
    for where, text in _mismatches(schema, value, place):
        if len(found) == MOST_PROBLEMS:
            found.append("and more")
            break
        found.append(f"{where}: {text}")
    return tuple(found)


def _mismatches(schema: Schema, value: Any, place: str) -> Iterator[Problem]:
    if isinstance(value, enum.Enum):
        value = value.value
    expected = schema.get("type")
    if expected is not None and not _IS[expected](value):
        yield place, f"expected {expected}, found {type_of(value)}"
        return
    allowed = schema.get("enum")
    if allowed is not None and not any(_same(value, each) for each in allowed):
        yield place, f"expected one of {len(allowed)} given values, found another {type_of(value)}"
    if "anyOf" in schema:
        yield from _none_fits(schema["anyOf"], value, place)
    if _is_array(value):
        yield from _array(schema, value, place)
    elif (fields := _fields(value)) is not None:
        yield from _object(schema, fields, place)


def _none_fits(choices: list[Schema], value: Any, place: str) -> Iterator[Problem]:
    """Nothing if one of the choices fits; what is wrong in the one of the right type, if any."""
    near = []
    for choice in choices:
        wrong = _first(_mismatches(choice, value, place))
        if not wrong:
            return
        if all(where != place for where, _ in wrong):
            near.append(wrong)
    if len(near) == 1:
        yield from near[0]
    else:
        names = [str(choice.get("type", "another form")) for choice in choices]
        yield place, f"expected {' or '.join(dict.fromkeys(names))}, found {type_of(value)}"


def _first(wrong: Iterator[Problem]) -> list[Problem]:
    return [each for each, _ in zip(wrong, range(MOST_PROBLEMS), strict=False)]


def _array(schema: Schema, value: Any, place: str) -> Iterator[Problem]:
    items = schema.get("items")
    if items:
        for index, item in enumerate(value):
            yield from _mismatches(items, item, f"{place}[{index}]")


def _object(schema: Schema, value: Mapping[Any, Any], place: str) -> Iterator[Problem]:
    named: Schema = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield place + _step(name), "expected a value, found none"
    for key, item in value.items():
        if type(key) is not str:
            yield place, f"expected keys that are strings, found {type_of(key)}"
        elif key in named:
            yield from _mismatches(named[key], item, place + _step(key))
        elif others is False:
            yield place + _step(key), f"expected no such property, found {type_of(item)}"
        elif others is not True:
            yield from _mismatches(others, item, place + _step(key))


def type_of(value: Any) -> str:
    """The schema's word for the type of a value, or the name of its class."""
    for name in ("null", "boolean", "integer", "number", "string", "array", "object"):
        if _IS[name](value):
            return name
    return type(value).__qualname__


def _is_array(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset)) and not hasattr(value, "_fields")


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """The properties of what counts as an object."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.init]
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        names = list(value._fields)
    elif isinstance(getattr(type(value), "model_fields", None), dict):
        names = list(type(value).model_fields)
    else:
        return None
    return {name: getattr(value, name, None) for name in names}


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_IS: Final[dict[str, Callable[[Any], bool]]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or isinstance(value, float),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: _is_array(value) or isinstance(value, tuple),
    "object": lambda value: _fields(value) is not None,
}


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


# What each keyword may hold; each gives the schemas inside with the steps to them.

_Inside = list[tuple[Any, str]]


def _type(value: Any, place: str) -> _Inside:
    if type(value) is not str or value not in _IS:
        raise _outside(f"{place}.type", f"one of {', '.join(_IS)}; use anyOf for several")
    return []


def _items(value: Any, _place: str) -> _Inside:
    return [(value, ".items")]


def _properties(value: Any, place: str) -> _Inside:
    if type(value) is not dict or not all(type(name) is str for name in value):
        raise _outside(f"{place}.properties", "an object")
    return [(part, ".properties" + _step(name)) for name, part in value.items()]


def _required(value: Any, place: str) -> _Inside:
    if type(value) is not list or not all(type(name) is str for name in value):
        raise _outside(f"{place}.required", "an array of strings")
    return []


def _additional(value: Any, _place: str) -> _Inside:
    return [] if type(value) is bool else [(value, ".additionalProperties")]


def _enum(value: Any, place: str) -> _Inside:
    scalars = (type(None), bool, int, float, str)
    if type(value) is not list or not value or not all(type(each) in scalars for each in value):
        raise _outside(f"{place}.enum", "an array of at least one scalar, and only scalars")
    return []


def _any_of(value: Any, place: str) -> _Inside:
    if type(value) is not list or not value:
        raise _outside(f"{place}.anyOf", "an array of at least one schema")
    return [(part, f".anyOf[{index}]") for index, part in enumerate(value)]


def _words(value: Any, place: str) -> _Inside:
    if type(value) is not str:
        raise _outside(f"{place}.title or {place}.description", "a string")
    return []


_KEYWORDS: Final[dict[Any, Callable[[Any, str], _Inside]]] = {
    "type": _type,
    "items": _items,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "enum": _enum,
    "anyOf": _any_of,
    "title": _words,
    "description": _words,
}


def _step(name: str) -> str:
    if len(name) <= 40 and name.isascii() and name.isidentifier():
        return f".{name}"
    return "[?]"


def _quoted(key: object) -> str:
    return f'"{key}"' if type(key) is str and len(key) <= 40 else type(key).__name__


def _outside(place: str, expected: str) -> DefinitionError:
    return DefinitionError(
        f"{place}: expected {expected}",
        hint="Use the subset of JSON Schema that decides about answers; {} accepts anything.",
        place=place,
    )
