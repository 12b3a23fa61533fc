# SPDX-License-Identifier: Apache-2.0
"""Turning an answer from outside into the type that a response handler takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from holdfast.workflow.typing_match import is_instance_of

MISFIT: Any = object()


def coerced(value: Any, form: Any) -> Any:
    """The value as the type, or MISFIT.

    An int becomes a float; a dict a dataclass, field by field, or whatever `model_validate` or
    `from_dict` of its class makes of it; a list a set or tuple; a union takes its first fit.
    """
    if is_instance_of(value, form):
        return value
    origin = get_origin(form)
    if origin is Union or type(form).__name__ == "UnionType":
        fits = (coerced(value, member) for member in get_args(form))
        return next((fit for fit in fits if fit is not MISFIT), MISFIT)
    if form is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list) and origin in (list, set, tuple):
        return _sequence(value, form, origin)
    if isinstance(value, Mapping) and isinstance(form, type):
        return _object(value, form)
    return MISFIT


def _sequence(value: list[Any], form: Any, origin: type) -> Any:
    arguments = get_args(form)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(arguments) != len(value):
            return MISFIT
        items = [coerced(item, kind) for item, kind in zip(value, arguments, strict=True)]
    else:
        kind = arguments[0] if arguments else Any
        items = [coerced(item, kind) for item in value]
    return MISFIT if any(item is MISFIT for item in items) else origin(items)


def _object(value: Mapping[Any, Any], form: type) -> Any:
    if dataclasses.is_dataclass(form):
        return _dataclass(value, form)
    for maker in ("model_validate", "from_dict"):
        make = getattr(form, maker, None)
        if make is not None:
            try:
                return make(dict(value))
            except Exception:  # noqa: BLE001 - whatever the user's class says to it, it does not fit
                return MISFIT
    return MISFIT


def _dataclass(value: Mapping[Any, Any], form: type) -> Any:
    hints = get_type_hints(form)
    names = {field.name for field in dataclasses.fields(form) if field.init}
    if not set(value) <= names:
        return MISFIT
    fields = {name: coerced(item, hints[name]) for name, item in value.items()}
    if any(item is MISFIT for item in fields.values()):
        return MISFIT
    try:
        return form(**fields)
    except TypeError:
        return MISFIT
