# SPDX-License-Identifier: Apache-2.0
"""The classes that a type annotation names, its generics, unions and fields included."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from typing import Any

from holdfast.persistence.kinds import is_supported


def classes_in(annotation: Any) -> tuple[type, ...]:
    """Every class of a supported kind that is named, in the order in which they are met."""
    found: dict[type, None] = {}
    seen: dict[int, Any] = {}  # holds what it has seen, so that no id is used again
    waiting = [annotation]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen[id(each)] = each
        if not isinstance(each, type) or typing.get_origin(each) is not None:
            waiting.extend(_parts(each))
        elif is_supported(each):
            found[each] = None
            waiting.extend(_fields(each))
        elif typing.is_typeddict(each):
            waiting.extend(_fields(each))
    return tuple(found)


def _parts(annotation: Any) -> Iterator[Any]:
    """What a union or a generic is made of; nothing for anything else."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        yield from (type(value) for value in typing.get_args(annotation))
        return
    if origin is typing.Annotated:
        yield typing.get_args(annotation)[0]
        return
    if isinstance(origin, type):
        yield origin
    for part in typing.get_args(annotation):
        if isinstance(part, list):  # the parameters of a Callable
            yield from part
        else:
            yield part


def _fields(cls: Any) -> Iterator[Any]:
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that cannot be resolved here names nothing here
        hints = inspect.get_annotations(cls)
    yield from hints.values()
    models = getattr(cls, "model_fields", None)
    if isinstance(models, dict):
        for info in models.values():
            yield getattr(info, "annotation", None)
    yield from getattr(cls, "__orig_bases__", ())
