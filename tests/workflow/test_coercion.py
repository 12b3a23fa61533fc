# SPDX-License-Identifier: Apache-2.0
"""From what an outsider sends to the type that was asked for, or to nothing."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Optional

import pytest

from holdfast.workflow.coercion import MISFIT, coerced


@dataclass
class Inner:
    n: float


@dataclass
class Outer:
    inner: Inner
    names: set[str] = field(default_factory=set)
    hidden: int = field(default=0, init=False)


@dataclass
class Picky:
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("negative")


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Model:
    def __init__(self, n: int) -> None:
        self.n = n

    def __repr__(self) -> str:
        return f"Model({self.n})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.n == self.n

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def model_validate(cls, data: dict[str, Any]) -> Model:
        """Take a dict."""
        return cls(data["n"])


class FromDict(Model):
    model_validate = None  # type: ignore[assignment]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        """Take a dict, or give something else."""
        return cls(data["n"]) if data["n"] else "something else"


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (3, float, 3.0),
        (True, float, MISFIT),
        ("3", float, MISFIT),
        (3.0, int, MISFIT),
        (True, int, True),
        (1, bool, MISFIT),
        ("x", str, "x"),
        (None, str, MISFIT),
        (None, str | None, None),
        (None, Optional[str], None),  # noqa: UP045 - both spellings are in use
        (None, None, None),
        (3, float | str, 3.0),
        ({"n": 1}, Inner | None, Inner(1.0)),
        ([1, 2], list[float], [1.0, 2.0]),
        ([1, "x"], list[float], MISFIT),
        ([1, 2], set[int], {1, 2}),
        ([1, 2], frozenset[int], frozenset({1, 2})),
        ([1, 2], set, {1, 2}),
        ([[1], [2]], set, MISFIT),
        ([1, 2], tuple[float, ...], (1.0, 2.0)),
        ([1, "a"], tuple[float, str], (1.0, "a")),
        ([1], tuple[float, str], MISFIT),
        ([], list[int], []),
        ("ab", list[str], MISFIT),
        ({"n": 3}, Inner, Inner(3.0)),
        ({"inner": {"n": 3}, "names": ["a"]}, Outer, Outer(Inner(3.0), {"a"})),
        ({"inner": {"n": "x"}}, Outer, MISFIT),
        ({"inner": {"n": 3}, "more": 1}, Outer, MISFIT),
        ({"inner": {"n": 3}, "hidden": 1}, Outer, MISFIT),
        ({}, Inner, MISFIT),
        ({"n": -1}, Picky, MISFIT),
        ([{"n": 1}], list[Inner], [Inner(1.0)]),
        ("red", Colour, Colour.RED),
        (1, Colour, Colour.ONE),
        (True, Colour, MISFIT),
        ("blue", Colour, MISFIT),
        ({"x": 1}, Point, Point(1.0)),
        ({"z": 1}, Point, MISFIT),
        ({"n": 3}, Model, Model(3)),
        ({"m": 3}, Model, MISFIT),
        ({"n": 0}, FromDict, MISFIT),
        ({"n": 1}, int, MISFIT),
        ("a", Literal["a", "b"], "a"),
        ("c", Literal["a", "b"], MISFIT),
        (object, Any, object),
    ],
    ids=lambda value: "misfit" if value is MISFIT else getattr(value, "__name__", str(value))[:20],
)
def test_a_value_becomes_what_was_asked_for(value: Any, form: Any, expected: Any) -> None:
    """The value of that type, or MISFIT; never something in between."""
    found = coerced(value, form)

    assert found is MISFIT if expected is MISFIT else found == expected
    assert type(found) is type(expected)


def test_a_fitting_value_is_the_value_itself() -> None:
    """Nothing is copied that fits as it is."""
    value = Inner(1.0)

    assert coerced(value, Inner) is value
