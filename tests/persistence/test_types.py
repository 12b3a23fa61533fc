# SPDX-License-Identifier: Apache-2.0
"""Classes in values: registered by name, by exact class, and made as they were."""

from __future__ import annotations

import dataclasses
import enum
import typing
from decimal import Decimal
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypedDict, TypeVar

import msgspec
import pytest

from holdfast.errors import Damaged, DefinitionError, TypeNotAllowed, ValueRefused
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import TypeRegistry, default_types, register_type
from tests.persistence.values import Color, Line, Money, Order, Spot, same

T = TypeVar("T")


@dataclasses.dataclass
class Address:
    street: str
    zip_code: str = "0"


@dataclasses.dataclass
class Customer:
    home: Address
    mood: Color = Color.RED
    friends: list[Customer] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Generic[T]):
    content: T


class Talks(Protocol):
    def talk(self) -> str: ...


class Form(TypedDict):
    line: Line


class Unresolved:
    field: NoSuchName  # noqa: F821


class Model:
    """As much of a pydantic model as holdfast looks at."""

    model_fields: typing.ClassVar[dict[str, Any]] = {}

    def __init__(self, **values: Any) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.values == self.values

    def __hash__(self) -> int:
        return 0

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        assert mode == "python"
        return dict(self.values)

    @classmethod
    def model_validate(cls, plain: dict[str, Any]) -> Model:
        return cls(**plain)


class Field(NamedTuple):
    annotation: Any
    alias: str | None = None


class Invoice(Model):
    model_fields: typing.ClassVar[dict[str, Any]] = {
        "total": Field(Decimal),
        "to": Field(Address | None, "recipient"),
    }

    @classmethod
    def model_validate(cls, plain: dict[str, Any]) -> Model:
        return cls(**{"to" if key == "recipient" else key: plain[key] for key in plain})


def _back(types: TypeRegistry, value: Any) -> Any:
    codec = Codec(types)
    return codec.decode(codec.encode(value))


def test_unregistered_class_is_refused_with_the_remedy():
    """The message names the place and the class, the hint the call."""
    with pytest.raises(ValueRefused, match=r"state\.order holds an instance of .*Order") as caught:
        Codec(TypeRegistry()).encode({"order": Order(1)}, "state")
    assert "register_type(Order" in caught.value.hint


def test_unregistered_name_in_a_document_is_refused_with_the_remedy():
    """What was saved under a name needs that name to load."""
    types = TypeRegistry()
    types.register(Order, "order.v1")
    data = Codec(types).encode([Order(1)])
    with pytest.raises(TypeNotAllowed) as caught:
        Codec(TypeRegistry()).decode(data, "state")
    assert (caught.value.name, caught.value.place) == ("order.v1", "state[0]")
    assert 'register_type(TheClass, "order.v1")' in caught.value.hint


def test_subclass_of_a_registered_class_is_refused():
    """It might hold more than its base; it has to be registered itself."""

    class Special(Order):
        pass

    types = TypeRegistry()
    types.register(Order)
    with pytest.raises(ValueRefused, match="Special"):
        Codec(types).encode(Special(1))


def test_name_of_another_class_is_a_definition_error():
    """A name means one class, and the error names both modules."""
    types = TypeRegistry()
    types.register(Order, "x")
    types.register(Order, "x")
    with pytest.raises(DefinitionError, match="two classes claim") as caught:
        types.register(Address, "x")
    assert Order.__module__ in str(caught.value)
    assert Address.__module__ in str(caught.value)


def test_failed_registration_registers_nothing():
    """A clash in an older name leaves the registry as it was."""
    types = TypeRegistry()
    types.register(Order, "old")
    with pytest.raises(DefinitionError):
        types.register(Address, "address", upgrade={"old": dict})
    assert types.for_class(Address) is None
    assert types.for_name("address") is None


def test_class_registered_twice_writes_the_last_name_and_reads_both():
    """A class may get a lasting name later on."""
    types = TypeRegistry()
    types.register(Order)
    early = Codec(types).encode(Order(1))
    types.register(Order, "order.v1")
    late = Codec(types).encode(Order(1))
    assert b"$:order.v1" in late
    assert Codec(types).decode(early) == Codec(types).decode(late) == Order(1)


def test_child_reads_its_parent_and_keeps_its_own():
    """A definition sees the program's classes; the program does not see the definition's."""
    parent = TypeRegistry()
    parent.register(Order, "order.v1")
    child = parent.child()
    child.register(Spot)
    assert same(_back(child, [Order(1), Spot(1)]), [Order(1), Spot(1)])
    with pytest.raises(ValueRefused):
        Codec(parent).encode(Spot(1))


def test_child_cannot_take_a_name_of_its_parent():
    """Otherwise one name would mean two classes."""
    parent = TypeRegistry()
    parent.register(Order, "x")
    with pytest.raises(DefinitionError):
        parent.child().register(Address, "x")


def test_name_that_the_parent_takes_later_is_refused_when_it_is_used():
    """A clash that no registration could see is found before anything is written."""
    parent = TypeRegistry()
    child = parent.child()
    child.register(Address, "x")
    parent.register(Order, "x")
    assert _back(child, Address("s")) == Address("s")
    with pytest.raises(DefinitionError, match="two classes claim"):
        Codec(child).encode(Order(1))


def test_older_name_is_brought_up_to_date():
    """upgrade= gets the old plain value and gives the present one."""
    old = TypeRegistry()
    old.register(Money, "address.v1", to=lambda money: ["Elm", money.cents], make=tuple)
    data = Codec(old).encode({"home": Money(7)})
    types = TypeRegistry()
    types.register(
        Address,
        "address.v2",
        upgrade={"address.v1": lambda plain: {"street": plain[0], "zip_code": str(plain[1])}},
    )
    assert Codec(types).decode(data) == {"home": Address("Elm", "7")}
    assert b"address.v2" in Codec(types).encode(Address("Elm"))


def test_new_field_with_a_default_reads_older_values():
    """A missing field takes its default; a field that is gone is an error that says what to do."""
    types = TypeRegistry()
    types.register(Address)
    assert Codec(types).decode(b'{"$:Address":{"street":"s"}}') == Address("s", "0")
    with pytest.raises(Damaged) as caught:
        Codec(types).decode(b'{"$:Address":{"street":"s","country":"x"}}')
    assert "upgrade=" in caught.value.hint
    with pytest.raises(Damaged):
        Codec(types).decode(b'{"$:Address":{}}')


def test_own_functions_take_apart_and_make():
    """to= and make= serve any class; what to= returns may hold anything that can be saved."""
    types = TypeRegistry()
    types.register(
        Money,
        to=lambda money: {"$tuple": (money.cents,)},
        make=lambda plain: Money(*plain["$tuple"]),
    )
    assert _back(types, {Money(3)}) == {Money(3)}


def test_function_that_fails_gives_a_refusal_with_the_place():
    """Errors of the program's own functions never come out bare, nor does what they quote."""
    types = TypeRegistry()
    types.register(
        Money, to=lambda money: 1 // money.cents, make=lambda plain: int(f"hunter2{plain}")
    )
    with pytest.raises(ValueRefused, match=r"value\[0\] .*ZeroDivisionError"):
        Codec(types).encode([Money(0)])
    with pytest.raises(Damaged, match=r"value\[0\] .*ValueError") as caught:
        Codec(types).decode(b'[{"$:Money":1}]')
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_function_that_makes_another_class_is_refused():
    """A value comes back of the same class or not at all."""
    types = TypeRegistry()
    types.register(Money, to=lambda money: money.cents, make=lambda plain: plain)
    with pytest.raises(Damaged, match="something else"):
        Codec(types).decode(b'{"$:Money":1}')


@pytest.mark.parametrize("wrong", [int, dict, object, type(None), Decimal, "Order", Order(1)])
def test_what_needs_no_registration_or_is_no_class_cannot_be_registered(wrong):
    """Builtin values have their own form."""
    with pytest.raises(DefinitionError):
        TypeRegistry().register(wrong)


@pytest.mark.parametrize("name", ["", "a\nb", "\ud800", "x" * 201])
def test_names_are_printable_and_short(name):
    """A name stands in documents and messages."""
    with pytest.raises(DefinitionError):
        TypeRegistry().register(Order, name)


def test_plain_class_needs_both_functions():
    """Nothing is guessed about a class whose fields are not declared."""
    with pytest.raises(DefinitionError) as caught:
        TypeRegistry().register(Money)
    assert "to=" in caught.value.hint
    with pytest.raises(DefinitionError):
        TypeRegistry().register(Money, to=vars)


def test_dataclass_with_an_argument_it_forgets_needs_functions():
    """An InitVar is not kept by the instance, so it could not be made again."""

    @dataclasses.dataclass
    class Forgets:
        seed: dataclasses.InitVar[int]

    with pytest.raises(DefinitionError, match="InitVar"):
        TypeRegistry().register(Forgets)


def test_constructor_cannot_change_what_was_saved():
    """Fields are set again after the constructor, frozen or not."""

    @dataclasses.dataclass(frozen=True)
    class Counted:
        name: str
        made: int = dataclasses.field(default=0, init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "name", self.name + "+")

    class Record(msgspec.Struct, frozen=True):
        name: str

        def __post_init__(self) -> None:
            msgspec.structs.force_setattr(self, "name", self.name + "+")

    types = TypeRegistry()
    types.register(Counted)
    types.register(Record)
    for value in (Counted("a"), Record("a")):
        assert _back(types, value) == value
        assert _back(types, value).name == "a+"


def test_attrs_classes_come_apart_by_field():
    """Private names, converters, defaults and frozen classes included."""
    attrs = pytest.importorskip("attrs")

    @attrs.frozen
    class Point:
        _x: int = attrs.field(converter=lambda x: x + 1)
        y: tuple[int, ...] = ()
        z: int = attrs.field(default=3, init=False)

    types = TypeRegistry()
    types.register(Point)
    assert same(_back(types, Point(1, (2,))), Point(1, (2,)))


def test_pydantic_models_come_apart_by_their_own_dump():
    """No import of pydantic: whoever has the three names is taken for a model."""
    types = TypeRegistry()
    types.register(Invoice)
    invoice = Invoice(total=Decimal("1.10"), to=None)
    assert _back(types, [invoice]) == [invoice]


def test_model_that_does_not_validate_to_an_equal_one_is_refused():
    """A subclass in a field would silently come back as its base."""

    class Lossy(Model):
        model_fields: typing.ClassVar[dict[str, Any]] = {"a": Field(int)}

    types = TypeRegistry()
    types.register(Lossy)
    with pytest.raises(ValueRefused, match=r"value\.x "):
        Codec(types).encode({"x": Lossy(a=1, dropped=2)})


def test_annotation_registers_every_class_it_names():
    """Unions, generics, literals, and the fields of what is found; under the qualified name."""
    types = TypeRegistry()
    types.register_annotation(
        dict[str, list[Customer | None]] | Box[Spot] | Literal[Color.RED] | Form | Invoice
    )
    for cls in (Customer, Address, Color, Box, Spot, Line, Invoice):
        entry = types.for_class(cls)
        assert entry is not None, cls
        assert entry.name == cls.__qualname__


@pytest.mark.parametrize(
    "annotation",
    [
        *(int, str, None, Any, object, list, T, Talks, Money, Unresolved, "Order", ..., []),
        *(type[int], typing.Callable[[int], str], typing.ClassVar[int], dict[str, T], tuple[()]),
        *(typing.Annotated[int, Order], enum.Enum.__class__, Decimal),
    ],
    ids=repr,
)
def test_annotation_of_anything_else_registers_nothing(annotation):
    """Builtins, typing constructs and classes that nothing is known about are left alone."""
    types = TypeRegistry()
    types.register_annotation(annotation)
    for cls in (Order, Money, Talks, Unresolved, int, Decimal):
        assert types.for_class(cls) is None


def test_annotation_keeps_the_name_that_was_given():
    """A class that the program named is not named again by a definition."""
    parent = TypeRegistry()
    parent.register(Order, "order.v1")
    child = parent.child()
    child.register_annotation(list[Order])
    assert b"order.v1" in Codec(child).encode(Order(1))


def test_two_classes_of_one_name_in_annotations_clash():
    """One definition cannot use two classes of the same qualified name."""
    other = dataclasses.make_dataclass("Order", ["x"])
    types = TypeRegistry()
    types.register_annotation(Order)
    with pytest.raises(DefinitionError) as caught:
        types.register_annotation(other | None)
    assert "register_type" in caught.value.hint


def test_register_type_adds_to_the_program_and_returns_the_class():
    """The public function works on the registry that definitions look in."""

    @dataclasses.dataclass
    class OnlyHere:
        x: int

    assert register_type(OnlyHere, "only-here.v1") is OnlyHere
    assert _back(default_types.child(), OnlyHere(1)) == OnlyHere(1)
