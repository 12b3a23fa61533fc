# SPDX-License-Identifier: Apache-2.0
"""The closed subset of JSON Schema decides, and alone decides, what fits."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar

import pytest

from holdfast.definition.schema import check_schema, problems, schema_of
from holdfast.errors import DefinitionError

SECRET = "hunter2canary"
T = TypeVar("T")
UserId = NewType("UserId", int)

NULL, BOOL, INT = {"type": "null"}, {"type": "boolean"}, {"type": "integer"}
NUM, TEXT, LIST = {"type": "number"}, {"type": "string"}, {"type": "array"}


class Color(enum.Enum):
    RED = "red"
    TWO = 2


class Anything:
    """Of no kind that JSON knows; its text is the same in every process that names tests."""

    def __repr__(self) -> str:
        return "anything"


class Odd(enum.Enum):
    THING = object()


@dataclasses.dataclass
class Item:
    sku: str
    count: int = 1
    seen: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass
class Order:
    items: list[Item]
    color: Color = Color.RED
    before: Order | None = None


class Spot(NamedTuple):
    x: int
    y: float = 0.0


class Form(TypedDict):
    name: str
    age: NotRequired[int]


class Model:
    model_fields: dict[str, Any] = {"name": None, "item": None}  # noqa: RUF012

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        item = {"type": "object", "title": "Item", "properties": {"n": INT}, "required": ["n"]}
        named = {"name": {"const": "x", "default": "x"}, "item": {"$ref": "#/$defs/Item"}}
        return {"$defs": {"Item": item}, "title": "M", "type": "object", "properties": named}


class Strict(Model):
    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}}


class Tree(Model):
    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
        return {"$defs": {"Node": node}, "$ref": "#/$defs/Node"}


ITEM = {
    "type": "object",
    "properties": {"sku": TEXT, "count": INT},
    "required": ["sku"],
    "additionalProperties": False,
}

ANNOTATIONS: list[tuple[Any, Any]] = [
    *((bool, BOOL), (int, INT), (float, NUM), (str, TEXT), (None, NULL), (type(None), NULL)),
    *((Any, {}), (object, {}), (T, {}), (UserId, INT), (Annotated[int, SECRET], INT)),
    *((list, LIST), (list[Any], LIST), (list[bytes], LIST), (tuple, LIST), (tuple[()], LIST)),
    (list[int], {**LIST, "items": INT}),
    (set[str], {**LIST, "items": TEXT}),
    (frozenset[str], {**LIST, "items": TEXT}),
    (Sequence[int], {**LIST, "items": INT}),
    (tuple[int, ...], {**LIST, "items": INT}),
    (tuple[int, str, int], {**LIST, "items": {"anyOf": [INT, TEXT]}}),
    *((dict, {"type": "object"}), (dict[str, Any], {"type": "object"})),
    (dict[str, int], {"type": "object", "additionalProperties": INT}),
    (Mapping[str, int], {"type": "object", "additionalProperties": INT}),
    *((int | None, {"anyOf": [INT, NULL]}), (int | bytes, {}), (int | int, INT)),
    *((Literal["a", 1], {"enum": ["a", 1]}), (Literal[Color.RED], {"enum": ["red"]})),
    *((Color, {"enum": ["red", 2]}), (Item, ITEM)),
    (
        Spot,
        {
            "type": "object",
            "properties": {"x": INT, "y": NUM},
            "required": ["x"],
            "additionalProperties": False,
        },
    ),
    (
        Form,
        {"type": "object", "properties": {"name": TEXT, "age": INT}, "required": ["name"]},
    ),
    *((bytes, None), (Odd, None), (dict[int, str], None), (SECRET, None), ([int], None)),
    *((Strict, {}), (Tree, {})),
]


@pytest.mark.parametrize(("annotation", "schema"), ANNOTATIONS, ids=lambda each: str(each)[:40])
def test_annotation_gives_its_schema(annotation, schema):
    """None is for what the subset says nothing about; {} is for what it cannot say inside."""
    assert schema_of(annotation) == schema
    if schema is not None:
        check_schema(schema)


def test_class_inside_itself_accepts_anything_there():
    """A schema has an end."""
    schema = schema_of(Order)
    assert schema is not None
    assert schema["properties"]["before"] == {}
    assert schema["properties"]["items"] == {"type": "array", "items": ITEM}


def test_model_that_reduces_to_the_subset_gives_its_own_schema():
    """References are filled in; titles and defaults are left out."""
    item = {"type": "object", "properties": {"n": INT}, "required": ["n"]}
    named = {"name": {"enum": ["x"]}, "item": item}
    assert schema_of(Model) == {"type": "object", "properties": named}


def test_annotation_that_is_too_large_accepts_anything():
    """What check_schema would refuse is not handed out."""
    deep: Any = int
    for _ in range(30):
        deep = list[deep]
    assert schema_of(deep) == {}


FITS: list[tuple[Any, Any]] = [
    *(({}, None), ({}, Anything()), ({}, [1]), (NULL, None), (BOOL, False)),
    *((INT, 0), (INT, 10**30)),
    *((NUM, 1), (NUM, 1.5), (NUM, float("inf")), (TEXT, ""), (TEXT, "é"), (LIST, []), (LIST, (1,))),
    *((LIST, {1}), ({**LIST, "items": INT}, (1, 2)), ({"type": "object"}, {}), ({"enum": [1]}, 1)),
    *(({"enum": ["red"]}, Color.RED), ({"anyOf": [INT, NULL]}, None), ({"title": "x"}, 1)),
    *((ITEM, {"sku": "a"}), (ITEM, OrderedDict(sku="a", count=2)), (ITEM, Item("a"))),
    *((schema_of(Order), Order([Item("a")])), (schema_of(Spot), Spot(1)), (LIST, Spot(1))),
    (schema_of(Model), Model(name="x", item={"n": 1})),
]


@pytest.mark.parametrize(("schema", "value"), FITS, ids=lambda each: str(each)[:40])
def test_value_that_fits_has_no_problems(schema, value):
    """Instances of the annotated classes fit as well as their JSON."""
    assert problems(schema, value) == ()


REFUSED: list[tuple[Any, Any, str]] = [
    (INT, True, "answer: expected integer, found boolean"),
    (INT, 1.0, "answer: expected integer, found number"),
    (NUM, False, "answer: expected number, found boolean"),
    (BOOL, 1, "answer: expected boolean, found integer"),
    (TEXT, None, "answer: expected string, found null"),
    (TEXT, b"x", "answer: expected string, found bytes"),
    (LIST, "ab", "answer: expected array, found string"),
    (NULL, {}, "answer: expected null, found object"),
    ({"type": "object"}, [1], "answer: expected object, found array"),
    ({**LIST, "items": INT}, [1, "x"], "answer[1]: expected integer, found string"),
    ({"enum": [1, "a"]}, True, "answer: expected one of 2 given values, found another boolean"),
    ({"enum": ["a"]}, SECRET, "answer: expected one of 1 given values, found another string"),
    ({"anyOf": [INT, TEXT]}, 1.5, "answer: expected integer or string, found number"),
    (
        {"anyOf": [{**LIST, "items": INT}, NULL]},
        [SECRET],
        "answer[0]: expected integer, found string",
    ),
    (ITEM, {}, "answer.sku: expected a value, found none"),
    (ITEM, {"sku": "a", "more": SECRET}, "answer.more: expected no such property, found string"),
    (ITEM, {"sku": "a", "a " + SECRET: 1}, "answer[?]: expected no such property, found integer"),
    (ITEM, {"sku": "a", 1: 2}, "answer: expected keys that are strings, found integer"),
    (
        schema_of(Order),
        {"items": [{"sku": 1}]},
        "answer.items[0].sku: expected string, found integer",
    ),
    (schema_of(dict[str, int]), {"a": []}, "answer.a: expected integer, found array"),
    (
        schema_of(Order),
        Order([Item(SECRET, 1.5)]),
        "answer.items[0].count: expected integer, found number",
    ),
]


@pytest.mark.parametrize(("schema", "value", "problem"), REFUSED, ids=lambda each: str(each)[:40])
def test_problem_names_place_expectation_and_type(schema, value, problem):
    """And never contents."""
    assert problems(schema, value) == (problem,)


def test_all_problems_are_told_up_to_twenty():
    """A form is corrected in one go; a million wrong items are not listed."""
    found = problems({**LIST, "items": ITEM}, [{"sku": 1, "count": "x"}, {}])
    assert [text.partition(":")[0] for text in found] == [
        "answer[0].sku",
        "answer[0].count",
        "answer[1].sku",
    ]
    many = problems({**LIST, "items": INT}, ["x"] * 10**6, "value")
    assert len(many) == 21
    assert many[-1] == "and more"
    assert many[0] == "value[0]: expected integer, found string"


OUTSIDE: list[tuple[Any, str]] = [
    *((None, "schema"), ([], "schema"), (True, "schema"), ("string", "schema")),
    *(({"$ref": "#"}, "schema"), ({"minimum": 1}, "schema"), ({1: 2}, "schema")),
    *(({"type": "date"}, "schema.type"), ({"type": ["null", "string"]}, "schema.type")),
    *(({"items": []}, "schema.items"), ({"items": {"items": True}}, "schema.items.items")),
    *(({"properties": []}, "schema.properties"), ({"required": "a"}, "schema.required")),
    (
        {"properties": {"a": {"properties": {"b c": {"format": "x"}}}}},
        "schema.properties.a.properties[?]",
    ),
    *(
        ({"additionalProperties": None}, "schema.additionalProperties"),
        ({"enum": []}, "schema.enum"),
    ),
    *(
        ({"enum": [[1]]}, "schema.enum"),
        ({"anyOf": []}, "schema.anyOf"),
        ({"anyOf": {}}, "schema.anyOf"),
    ),
    *(({"anyOf": [INT, {"not": {}}]}, "schema.anyOf[1]"), ({"title": 1}, "schema.title")),
]


@pytest.mark.parametrize(("schema", "place"), OUTSIDE, ids=lambda each: str(each)[:40])
def test_schema_outside_the_subset_is_refused_with_the_place(schema, place):
    """What is not understood is never ignored."""
    with pytest.raises(DefinitionError) as caught:
        check_schema(schema)
    assert str(caught.value).startswith(place)


def test_schema_that_is_too_deep_or_too_large_is_refused():
    """Also one that contains itself."""
    deep: Any = {}
    for _ in range(20):
        deep = {"items": deep}
    around: dict[str, Any] = {}
    around["items"] = around
    wide = {"properties": {f"p{n}": INT for n in range(1000)}}
    for schema in (deep, around, wide, {"enum": list(range(2000))}, {"required": ["a"] * 2000}):
        with pytest.raises(DefinitionError, match="at most"):
            check_schema(schema)
    check_schema(deep["items"])


def test_schema_is_plain_json():
    """What schema_of gives can be stored and read back."""
    for annotation, _ in ANNOTATIONS:
        schema = schema_of(annotation)
        assert json.loads(json.dumps(schema)) == schema


def test_many_choices_do_not_multiply():
    """Choices inside choices are each tried once, whatever the value."""
    schema: Any = INT
    for _ in range(7):
        schema = {"anyOf": [{**LIST, "items": schema}, {**LIST, "items": schema}]}
    value: Any = "x"
    for _ in range(7):
        value = [value]
    check_schema(schema)
    assert problems(schema, value) == ("answer: expected array, found array",)
