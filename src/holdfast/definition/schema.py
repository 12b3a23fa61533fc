# SPDX-License-Identifier: Apache-2.0
"""The schema of answers of a type, from its annotation; `schema_check` says what schemas hold."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
import typing
from collections import abc
from collections.abc import Iterable
from typing import Any, Final

from holdfast.definition.schema_check import DEEPEST, check_schema, problems
from holdfast.errors import DefinitionError

__all__ = ["check_schema", "problems", "schema_of"]

_SCALARS: Final[dict[Any, dict[str, Any]]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    None: {"type": "null"},
    type(None): {"type": "null"},
}
_ARRAYS: Final = frozenset(
    {list, tuple, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Set, abc.MutableSet}
    | {abc.Iterable, abc.Collection}
)
_OBJECTS: Final = frozenset({dict, abc.Mapping, abc.MutableMapping})
_WRAPPERS: Final = (typing.Annotated, typing.Required, typing.NotRequired)
_ANYTHING: Final = (Any, object, inspect.Parameter.empty)


def schema_of(annotation: Any) -> dict[str, Any] | None:
    """The schema of what fits the annotation; None when the subset says nothing about it.

    What the subset cannot say inside a type it can say (a field of an unknown class, the length
    of a tuple, a class inside itself) accepts anything there.
    """
    schema = _schema(annotation, ())
    if schema is None:
        return None
    try:
        check_schema(schema)
    except DefinitionError:  # larger than a schema may be
        return {}
    return schema


def _schema(annotation: Any, around: tuple[Any, ...]) -> dict[str, Any] | None:
    """around: the classes that the annotation stands in."""
    annotation = _bare(annotation)
    if any(annotation is each for each in _ANYTHING) or isinstance(annotation, typing.TypeVar):
        return {}
    origin = typing.get_origin(annotation) or annotation
    args = typing.get_args(annotation)
    if origin is typing.Literal:
        return _enum([each.value if isinstance(each, enum.Enum) else each for each in args])
    if origin in (typing.Union, types.UnionType):
        return _union([_inside(each, around) for each in args])
    if isinstance(origin, abc.Hashable):
        return _plain(origin, args, around)
    return None


def _plain(origin: Any, args: tuple[Any, ...], around: tuple[Any, ...]) -> dict[str, Any] | None:
    if origin in _SCALARS:
        return dict(_SCALARS[origin])
    if origin in _ARRAYS:
        kinds = [each for each in args if each is not Ellipsis and each != ()]
        return _with({"type": "array"}, "items", _union([_inside(each, around) for each in kinds]))
    if origin in _OBJECTS:
        return _mapping(args, around)
    if isinstance(origin, type) and len(around) < DEEPEST // 2 and origin not in around:
        return _class(origin, (*around, origin))
    return None


def _inside(annotation: Any, around: tuple[Any, ...]) -> dict[str, Any]:
    return _schema(annotation, around) or {}


def _bare(annotation: Any) -> Any:
    while True:
        if typing.get_origin(annotation) in _WRAPPERS:
            annotation = typing.get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):  # NewType
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation


def _with(schema: dict[str, Any], key: str, inner: dict[str, Any]) -> dict[str, Any]:
    return {**schema, key: inner} if inner else schema


def _union(choices: list[dict[str, Any]]) -> dict[str, Any]:
    different = [each for index, each in enumerate(choices) if each not in choices[:index]]
    if not different or {} in different:
        return {}
    return different[0] if len(different) == 1 else {"anyOf": different}


def _enum(values: Iterable[Any]) -> dict[str, Any] | None:
    listed = list(values)
    if not listed or any(type(each) not in _SCALARS and each is not None for each in listed):
        return None
    return {"enum": listed}


def _mapping(args: tuple[Any, ...], around: tuple[Any, ...]) -> dict[str, Any] | None:
    if not args:
        return {"type": "object"}
    if _inside(args[0], around) not in ({"type": "string"}, {}):
        return None  # JSON has text keys only
    return _with({"type": "object"}, "additionalProperties", _inside(args[1], around))


def _class(cls: Any, around: tuple[Any, ...]) -> dict[str, Any] | None:
    if issubclass(cls, enum.Enum):
        return _enum([member.value for member in cls])
    if typing.is_typeddict(cls):
        hints = _hints(cls)
        needed = [name for name, hint in hints.items() if _is_key_needed(cls, name, hint)]
        return _object(hints, needed, around)
    if dataclasses.is_dataclass(cls):
        hints = _hints(cls)
        fields = [field for field in dataclasses.fields(cls) if field.init]
        needed = [field.name for field in fields if _is_needed(field)]
        named = {field.name: hints.get(field.name, Any) for field in fields}
        return {**_object(named, needed, around), "additionalProperties": False}
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        hints = _hints(cls)
        needed = [name for name in cls._fields if name not in cls._field_defaults]
        named = {name: hints.get(name, Any) for name in cls._fields}
        return {**_object(named, needed, around), "additionalProperties": False}
    if callable(getattr(cls, "model_json_schema", None)):
        return _model(cls)
    return None


def _is_key_needed(cls: Any, name: str, hint: Any) -> bool:
    """By the hint first: __required_keys__ does not see into hints that were strings."""
    wrapper = typing.get_origin(hint)
    if wrapper in (typing.Required, typing.NotRequired):
        return wrapper is typing.Required
    return name in cls.__required_keys__


def _is_needed(field: Any) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _hints(cls: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that cannot be resolved here says nothing here
        return dict.fromkeys(inspect.get_annotations(cls), Any)


def _object(hints: dict[str, Any], needed: list[str], around: tuple[Any, ...]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _inside(hint, around) for name, hint in hints.items()},
    }
    return {**schema, "required": needed} if needed else schema


def _model(cls: Any) -> dict[str, Any]:
    """A model's own schema if it stays in the subset once its references are filled in."""
    try:
        whole = cls.model_json_schema()
        schema: dict[str, Any] = _reduced(whole, whole.get("$defs", {}), 0)
        check_schema(schema)
    except Exception:  # noqa: BLE001 - the class's own code, and everything outside the subset
        return {}
    return schema


def _reduced(schema: Any, definitions: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError("a schema inside itself")
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _reduced(definitions[schema["$ref"].rpartition("/")[2]], definitions, depth + 1)
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {
                name: _reduced(part, definitions, depth + 1) for name, part in value.items()
            }
        elif key == "anyOf":
            made[key] = [_reduced(part, definitions, depth + 1) for part in value]
        elif key in ("items", "additionalProperties"):
            made[key] = _reduced(value, definitions, depth + 1)
        elif key == "const":
            made["enum"] = [value]
        elif key not in ("$defs", "title", "description", "default", "examples"):
            made[key] = value
    return made
