# SPDX-License-Identifier: Apache-2.0
"""How instances of each kind of class come apart and are made again.

A class is looked at once, when it is registered. What comes apart must come back equal: fields are
set again after the constructor has run, so a `__post_init__` or a converter cannot change them.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from holdfast.errors import DefinitionError

_MISSING = object()


class Shape(NamedTuple):
    """to: object -> plain value; make: plain value -> object. Both may raise anything."""

    to: Callable[[Any], Any]
    make: Callable[[Any], Any]


def shape_of(cls: type) -> Shape | None:
    """How to take instances of `cls` apart; None for a kind of class that is not supported.

    Raises: DefinitionError for a class of a supported kind that could not come back equal.
    """
    if issubclass(cls, enum.Enum):
        return _enum(cls)
    if issubclass(cls, msgspec.Struct):
        return _struct(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _named_tuple(cls)
    if "__attrs_attrs__" in cls.__dict__:
        return _attrs(cls)
    if hasattr(cls, "model_fields") and hasattr(cls, "model_validate"):
        return _pydantic(cls)
    if "__dataclass_fields__" in cls.__dict__:
        return _dataclass(cls)
    return None


def is_supported(cls: type) -> bool:
    """Whether the class is of a kind whose instances can come apart by themselves."""
    return (
        issubclass(cls, (enum.Enum, msgspec.Struct))
        or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
        or "__attrs_attrs__" in cls.__dict__
        or "__dataclass_fields__" in cls.__dict__
        or (hasattr(cls, "model_fields") and hasattr(cls, "model_validate"))
    )


def _enum(cls: type[enum.Enum]) -> Shape:
    members = cls.__members__

    def to(member: enum.Enum) -> str | int:
        if member.name in members:
            return str(member.name)
        return int(member.value)  # several flags together have no name of their own

    def make(plain: object) -> object:
        if type(plain) is int and issubclass(cls, enum.Flag):
            return cls(plain)
        return members[plain]  # type: ignore[index]

    return Shape(to, make)


def _named_tuple(cls: Any) -> Shape:
    fields: tuple[str, ...] = cls._fields
    defaults: dict[str, object] = getattr(cls, "_field_defaults", {})

    def make(plain: dict[str, object]) -> object:
        _only(plain, fields)
        whole = {**defaults, **plain}
        return cls._make([whole[name] for name in fields])

    return Shape(lambda value: dict(zip(fields, value, strict=True)), make)


def _dataclass(cls: Any) -> Shape:
    declared = cls.__dataclass_fields__.values()
    # dataclasses says nowhere else which fields only the constructor ever sees
    if any(str(each._field_type) == "_FIELD_INITVAR" for each in declared):  # noqa: SLF001
        raise _unsupported(cls, "it has an InitVar, which an instance does not keep")
    fields = dataclasses.fields(cls)
    return _by_field(cls, {f.name: f.name if f.init else None for f in fields}, _set)


def _attrs(cls: Any) -> Shape:
    names = {}
    for field in cls.__attrs_attrs__:
        alias = getattr(field, "alias", None) or field.name.lstrip("_")
        names[field.name] = alias if field.init else None
    return _by_field(cls, names, _set)


def _struct(cls: type[msgspec.Struct]) -> Shape:
    return _by_field(cls, {name: name for name in cls.__struct_fields__}, _set_struct)


def _by_field(
    cls: Callable[..., Any],
    fields: Mapping[str, str | None],
    put: Callable[[Any, str, object], None],
) -> Shape:
    """Fields by name; each with its name in the constructor, or None if it has none."""

    def to(value: object) -> dict[str, object]:
        return {name: getattr(value, name) for name in fields}

    def make(plain: dict[str, object]) -> object:
        _only(plain, fields)
        made = cls(**{arg: plain[name] for name, arg in fields.items() if arg and name in plain})
        for name, value in plain.items():
            if getattr(made, name, _MISSING) is not value:
                put(made, name, value)
        return made

    return Shape(to, make)


def _set(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)  # frozen classes too


def _set_struct(target: Any, name: str, value: object) -> None:
    msgspec.structs.force_setattr(target, name, value)


def _pydantic(cls: Any) -> Shape:
    """By its own dump and validation, which are tried before a model is written."""
    names: dict[str, str] = {}
    for name, info in cls.model_fields.items():
        alias = getattr(info, "validation_alias", None) or getattr(info, "alias", None) or name
        if not isinstance(alias, str):
            raise _unsupported(cls, "a field is read through several aliases")
        names[name] = alias

    def make(plain: dict[str, object]) -> object:
        return cls.model_validate({names.get(name, name): item for name, item in plain.items()})

    def to(value: Any) -> dict[str, object]:
        extra = getattr(value, "model_extra", None) or {}
        dumped = value.model_dump(mode="python")
        plain = {name: item for name, item in dumped.items() if name in names or name in extra}
        if make(plain) != value:
            raise ValueError("the model does not validate to an equal one")
        return plain

    return Shape(to, make)


def _only(plain: object, fields: Iterable[str]) -> None:
    """A missing field takes its default, an unknown one is an error."""
    if type(plain) is not dict or not plain.keys() <= set(fields):
        raise TypeError("the fields do not fit the class")


def _unsupported(cls: type, why: str) -> DefinitionError:
    return DefinitionError(
        f"{cls.__module__}.{cls.__qualname__} cannot be registered by its fields: {why}",
        hint="Register it with to= and make=.",
    )
