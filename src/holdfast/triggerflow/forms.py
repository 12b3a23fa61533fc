# SPDX-License-Identifier: Apache-2.0
"""What a value has to be: a form checks a value, and may turn it into what was declared.

pydantic, where it is installed, checks and turns; without it a plain type is checked by
isinstance. A form that was read back from a blueprint has no class any more: its schema decides.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, Protocol

from holdfast.definition.schema import check_schema, problems, schema_of
from holdfast.errors import DefinitionError, ExtraMissing

_Problems = tuple[str, ...]


class Form(Protocol):
    """How values of one part of a contract are checked.

    label: a name for people. schema: JSON schema of what fits, for whoever reads the flow.
    accepts: the same in the small closed subset, which no release and no library changes.
    """

    label: str
    schema: dict[str, Any]
    accepts: dict[str, Any]

    def fit(self, value: Any) -> tuple[Any, _Problems]:
        """The value as declared, and what keeps it from fitting; nothing when it fits."""


class PlainForm:
    """A class, or a union of classes, checked by isinstance."""

    __slots__ = ("accepts", "classes", "label", "schema")

    def __init__(self, annotation: Any, classes: tuple[type, ...]) -> None:
        self.classes = classes
        self.label = label_of(annotation)
        self.accepts = schema_of(annotation) or {}
        self.schema = self.accepts

    def fit(self, value: Any) -> tuple[Any, _Problems]:
        """The value itself, if it is an instance."""
        if isinstance(value, self.classes):
            return value, ()
        return value, (f"expected {self.label}, found {type(value).__name__}",)


class SchemaForm:
    """What is left of a form in a blueprint: its label and its schema, but no class."""

    __slots__ = ("accepts", "label", "schema")

    def __init__(self, label: str, schema: dict[str, Any], accepts: dict[str, Any]) -> None:
        self.label = label
        self.schema = schema
        self.accepts = accepts

    def fit(self, value: Any) -> tuple[Any, _Problems]:
        """The value itself, if the schema takes it."""
        return value, problems(self.accepts, value, "value")


def form_of(annotation: Any, part: str) -> Form:
    """The form of an annotation. Raises: TypeError naming the part, ExtraMissing."""
    if not _is_annotation(annotation):
        raise TypeError(
            f"contract {part}: expected a type, a pydantic model or a typing annotation; "
            f"found {type(annotation).__name__}"
        )
    classes = _classes_of(annotation)
    if importlib.util.find_spec("pydantic") is not None:
        from holdfast.triggerflow.pydantic_forms import pydantic_form  # noqa: PLC0415 - the extra may not be installed

        try:
            return pydantic_form(annotation, label_of(annotation), schema_of(annotation) or {})
        except TypeError as error:
            # A class that pydantic knows nothing of; anything else means nothing to anybody.
            if classes is None:
                raise TypeError(f"contract {part}: {error}") from error
    if classes is None:
        raise ExtraMissing(
            f"contract {part}: {label_of(annotation)} needs pydantic: "
            'pip install "holdfast[pydantic]"',
            extra="pydantic",
        )
    return PlainForm(annotation, classes)


def form_from(stored: Mapping[str, Any], part: str) -> SchemaForm:
    """The form that `plain_of` wrote. Raises: DefinitionError."""
    label, schema, accepts = (stored.get(key) for key in ("label", "schema", "accepts"))
    if not isinstance(label, str) or not isinstance(schema, dict) or not isinstance(accepts, dict):
        raise DefinitionError(f"contract {part}: expected a label and two schemas")
    check_schema(accepts)
    return SchemaForm(label, schema, accepts)


def plain_of(form: Form) -> dict[str, Any]:
    """The form as JSON-friendly data."""
    return {"label": form.label, "schema": form.schema, "accepts": form.accepts}


def _is_annotation(annotation: Any) -> bool:
    if isinstance(annotation, type) or annotation is Any:
        return True
    if typing.get_origin(annotation) is not None:
        return True
    return type(annotation).__name__ in {"NewType", "TypeAliasType"}


def _classes_of(annotation: Any) -> tuple[type, ...] | None:
    """The classes that isinstance decides by; None where it cannot."""
    if annotation is Any:
        return (object,)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = [_classes_of(each) for each in typing.get_args(annotation)]
        if any(classes is None for classes in found):
            return None
        return tuple(cls for classes in found for cls in classes or ())
    is_generic = typing.get_origin(annotation) is not None
    if not isinstance(annotation, type) or is_generic or typing.is_typeddict(annotation):
        return None
    return (annotation,)


def label_of(annotation: Any) -> str:
    """The name of a type for people, without the modules it comes from."""
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__name__
    return re.sub(r"(?:\w+\.)+(\w+)", r"\1", inspect.formatannotation(annotation))
