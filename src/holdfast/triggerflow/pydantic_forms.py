# SPDX-License-Identifier: Apache-2.0
"""Forms that pydantic checks: models, and whatever annotation a `TypeAdapter` takes.

It needs the extra `pydantic`, and is imported only where a contract is declared.
"""

from __future__ import annotations

from typing import Any

from holdfast.errors import ExtraMissing

try:
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
except ImportError as error:
    raise ExtraMissing(
        'contracts need pydantic here: pip install "holdfast[pydantic]"', extra="pydantic"
    ) from error

#: Enough to correct a value by.
MOST_PROBLEMS = 20


class PydanticForm:
    """An annotation behind a `TypeAdapter`; a value that fits comes back as it declares."""

    __slots__ = ("_adapter", "accepts", "label", "schema")

    def __init__(self, adapter: TypeAdapter[Any], label: str, accepts: dict[str, Any]) -> None:
        self._adapter = adapter
        self.accepts = accepts
        try:
            self.schema: dict[str, Any] = adapter.json_schema()
        except PydanticInvalidForJsonSchema:
            self.schema = accepts
        self.label = str(self.schema.get("title", label))

    def fit(self, value: Any) -> tuple[Any, tuple[str, ...]]:
        """The value as the annotation declares it. Problems name places, never contents."""
        try:
            return self._adapter.validate_python(value), ()
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            return value, tuple(_text(each) for each in found[:MOST_PROBLEMS])


def pydantic_form(annotation: Any, label: str, accepts: dict[str, Any]) -> PydanticForm:
    """The form of an annotation. Raises: TypeError for one that pydantic cannot take."""
    try:
        return PydanticForm(TypeAdapter(annotation), label, accepts)
    except PydanticUserError as error:
        raise TypeError(str(error.message)) from error


def _text(found: Any) -> str:
    place = ".".join(str(step) for step in found["loc"])
    return f"{place}: {found['msg']}" if place else str(found["msg"])
