# SPDX-License-Identifier: Apache-2.0
"""Which values and which types fit a type: the tables of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import (  # noqa: UP035 - users still write List
    Annotated,
    Any,
    Generic,
    List,
    Literal,
    Never,
    NewType,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
    runtime_checkable,
)

import pytest

from holdfast.errors import DefinitionError
from holdfast.workflow.typing_match import (
    fits,
    flatten_union,
    has_typevar,
    is_instance_of,
    is_type_form,
    known_by_class,
    matcher,
    narrower,
)

T = TypeVar("T")
Name = NewType("Name", str)


class Base: ...


class Derived(Base): ...


class Box(Generic[T]): ...


class Row(TypedDict):
    key: str


class Silent(Protocol):
    def close(self) -> None: ...


@runtime_checkable
class Closing(Protocol):
    def close(self) -> None: ...


@dataclass
class Door:
    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (1, Any, True),
        (None, object, True),
        (Derived(), Base, True),
        (Base(), Derived, False),
        (True, int, True),
        (1, float, False),
        (None, None, True),
        (0, None, False),
        ("a", int | str, True),
        (1.5, int | str, False),
        (None, Optional[int], True),  # noqa: UP045 - users still write it
        ("a", Union[int, str], True),  # noqa: UP007 - users still write it
        ("x", Literal["x", "y"], True),
        ("z", Literal["x", "y"], False),
        (1, Literal[True], False),
        (True, Literal[1], False),
        (["a"], list[str], True),
        (["a", 1], list[str], False),
        ([], list[int], True),
        (("a",), list[str], False),
        ([1], list, True),
        ([1], List, True),  # noqa: UP006 - users still write it
        ([[1], ["a"]], list[list[int]], False),
        ({1}, set[int], True),
        ({"a"}, set[int], False),
        ({"a": 1}, dict[str, int], True),
        ({"a": "b"}, dict[str, int], False),
        ({1: 1}, dict[str, int], False),
        ({}, dict[str, int], True),
        ([("a", 1)], dict[str, int], False),
        ((1, 2, 3), tuple[int, ...], True),
        ((1, "a"), tuple[int, ...], False),
        ((), tuple[int, ...], True),
        ((1, "a"), tuple[int, str], True),
        ((1,), tuple[int, str], False),
        ((), tuple[()], True),
        ((1,), tuple[()], False),
        ((1,), tuple, True),
        (["a"], Sequence[int], True),
        (Box(), Box[int], True),
        (print, Callable[[int], str], True),
        (int, type[int], True),
        ("a", Annotated[str, "note"], True),
        ("a", Name, True),
        (Door(), Closing, True),
        (Base(), Closing, False),
    ],
)
def test_a_value_is_of_a_type(value: object, form: Any, expected: bool) -> None:
    """Classes by isinstance, unions by member, literals by value and class, containers by item.

    Other generics count as their class.
    """
    assert is_instance_of(value, form) is expected


@pytest.mark.parametrize("form", [Row, Silent, list[Row], int | Row, 1, "int", Never, T])
def test_what_no_value_can_be_tested_against_is_refused_when_declared(form: Any) -> None:
    """A TypedDict, a protocol that forbids it, and things that are no types are errors at once."""
    with pytest.raises(DefinitionError):
        matcher(form)


def test_a_typed_dict_is_told_what_to_use_instead() -> None:
    """The hint names the plain dict."""
    with pytest.raises(DefinitionError, match="Row") as caught:
        matcher(Row)

    assert "dict[str, object]" in caught.value.hint


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (Any, int, True),
        (int, Any, True),
        (int, object, True),
        (list[int], object, True),
        (int, int, True),
        (Derived, Base, True),
        (Base, Derived, False),
        (bool, int, True),
        (int, float, False),
        (None, type(None), True),
        (int, int | str, True),
        (float, int | str, False),
        (int | str, int | str | None, True),
        (int | None, int | str, False),
        (bool | int, int, True),
        (int | str, int, False),
        (list, list[int], True),
        (list[int], list, True),
        (list[bool], list[int], True),
        (list[int], list[bool], False),
        (list[int], set[int], False),
        (set[bool], set[int], True),
        (dict[str, bool], dict[str, int], True),
        (dict[int, int], dict[str, int], False),
        (tuple[int, str], tuple[int, str], True),
        (tuple[bool, str], tuple[int, str], True),
        (tuple[int], tuple[int, str], False),
        (tuple[int, int], tuple[int, ...], True),
        (tuple[int, str], tuple[int, ...], False),
        (tuple[bool, ...], tuple[int, ...], True),
        (tuple[int, ...], tuple[int, int], False),
        (tuple[()], tuple[int, ...], True),
        (tuple[int], tuple[()], False),
        (Literal["a", "b"], str, True),
        (Literal["a", 1], str, False),
        (Literal["a"], Literal["a", "b"], True),
        (Literal["a", "c"], Literal["a", "b"], False),
        (str, Literal["a"], False),
        (list[int], Sequence[int], True),
        (list[int], Iterable[int], True),
        (list[int], Sequence[str], False),
        (dict[str, int], Mapping[str, int], True),
        (Sequence[int], list[int], False),
        (Box[int], Box[int], True),
        (Box[int], Box[str], False),
        (Box[int], list[int], False),
        (Callable[[int], str], Callable[[int], str], True),
        (Callable[[int], str], Callable[[str], str], False),
        (Name, str, True),
        (Annotated[int, "note"], int, True),
    ],
)
def test_a_type_fits_a_type(source: Any, target: Any, expected: bool) -> None:
    """One way only: subclasses, members of unions, covariant arguments; Any fits both ways."""
    assert fits(source, target) is expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Derived, Base),
        (Base, Any),
        (Base, object),
        (list[int], list),
        (list[int], list[Any]),
        (list[int], Sequence[int]),
        (bool, int),
        (Literal["a"], str),
        (int, int | str),
    ],
)
def test_the_narrower_type_is_told(one: Any, other: Any) -> None:
    """A subclass is narrower than its base, and anything concrete than Any and object."""
    assert narrower(one, other)
    assert not narrower(other, one)


@pytest.mark.parametrize(("one", "other"), [(int, str), (int, int), (Any, Any), (Base, Box)])
def test_unrelated_types_are_not_narrower(one: Any, other: Any) -> None:
    """Neither of two unrelated or equal types is narrower; the order of declaration decides."""
    assert not narrower(one, other)
    assert not narrower(other, one)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (int, (int,)),
        (int | str | int, (int, str)),
        (Union[int, Union[str, None]], (int, str, type(None))),  # noqa: UP007
        (Annotated[int | str, "note"] | None, (int, str, type(None))),
        (Never, ()),
        (None, (type(None),)),
        (Any, (Any,)),
    ],
)
def test_unions_are_flattened_in_order_and_once(form: Any, expected: tuple[Any, ...]) -> None:
    """Nested members count, doubles do not, and Never is nothing."""
    assert flatten_union(form) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (T, True),
        (list[T], True),
        (dict[str, list[T]], True),
        (Box[T], True),
        (int | T, True),
        (Callable[[T], int], True),
        (Box, False),
        (Box[int], False),
        (Literal["T"], False),
        (int, False),
    ],
)
def test_type_variables_are_found_at_any_depth(form: Any, expected: bool) -> None:
    """A type variable anywhere inside makes a type unusable for dispatch."""
    assert has_typevar(form) is expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [(int, True), (int | str, True), (Any, True), (Never, True), (None, True), (list[int], True),
     (1, False), ("int", False), (print, False)],
)  # fmt: skip
def test_types_are_told_from_other_objects(form: Any, expected: bool) -> None:
    """Numbers, text and functions are no types."""
    assert is_type_form(form) is expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [(int, True), (int | str, True), (Any, True), (Box[int], True), (list, True),
     (Sequence[int], True), (list[int], False), (Literal[1], False), (int | list[int], False),
     (tuple[()], False), (Closing, False)],
)  # fmt: skip
def test_it_is_known_when_the_class_of_a_value_decides(form: Any, expected: bool) -> None:
    """Only then may the choice of a handler be remembered for the class."""
    assert known_by_class(form) is expected
