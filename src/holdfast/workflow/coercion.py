# SPDX-License-Identifier: Apache-2.0
"""Turning an answer from outside into the type that a response handler takes."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any, get_args, get_origin, get_type_hints

from holdfast.workflow.typing_match import flatten_union, is_instance_of, is_union, plain

MISFIT: Any = object()

_SEQUENCES = (list, set, frozenset, tuple)


def coerced(value: Any, form: Any) -> Any:
    """The value as the type, or MISFIT.

    An int becomes a float; a value an enum's member; a dict a dataclass or named tuple, field by
    field, or whatever `model_validate` or `from_dict` of its class makes of it; a list a set or
    tuple; a union takes its first fit.
    """
    form = plain(form)
    if is_instance_of(value, form):
        return value
    if is_union(form):
        fits = (coerced(value, member) for member in flatten_union(form))
        return next((fit for fit in fits if fit is not MISFIT), MISFIT)
    origin = get_origin(form) or form
    if form is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list) and origin in _SEQUENCES:
        return _sequence(value, form, origin)
    if isinstance(form, type) and issubclass(form, enum.Enum):
        return next((m for m in form if _same(m.value, value)), MISFIT)
    if isinstance(value, Mapping) and isinstance(form, type):
        return _object(value, form)
    return MISFIT


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _sequence(value: list[Any], form: Any, origin: Any) -> Any:
    arguments = get_args(form)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(arguments) != len(value):
            return MISFIT
        items = [coerced(item, kind) for item, kind in zip(value, arguments, strict=True)]
    else:
        kind = arguments[0] if arguments else Any
        items = [coerced(item, kind) for item in value]
    if any(item is MISFIT for item in items):
        return MISFIT
    try:
        return origin(items)
    except TypeError:  # an item of a set that cannot be hashed
        return MISFIT


def _object(value: Mapping[Any, Any], form: Any) -> Any:
    if dataclasses.is_dataclass(form):
        names = {field.name for field in dataclasses.fields(form) if field.init}
        return _filled(value, form, names)
    if issubclass(form, tuple) and hasattr(form, "_fields"):
        return _filled(value, form, set(form._fields))
    for maker in ("model_validate", "from_dict"):
        make = getattr(form, maker, None)
        if make is not None:
            return _made(form, make, dict(value))
    return MISFIT


def _filled(value: Mapping[Any, Any], form: Any, names: set[str]) -> Any:
    if not set(value) <= names:
        return MISFIT
    hints = get_type_hints(form)
    fields = {name: coerced(item, hints.get(name, Any)) for name, item in value.items()}
    if any(item is MISFIT for item in fields.values()):
        return MISFIT
    return _made(form, lambda named: form(**named), fields)


def _made(form: Any, make: Any, fields: dict[str, Any]) -> Any:
    try:
        made = make(fields)
    except Exception:  # noqa: BLE001 - whatever the user's class says to it, it does not fit
        return MISFIT
    return made if isinstance(made, form) else MISFIT
