# SPDX-License-Identifier: Apache-2.0
"""A value comes back equal and of the same type, or it is refused with its place."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import math
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings

from holdfast.errors import Damaged, TooLarge, TypeNotAllowed, ValueRefused
from holdfast.persistence.codec import Codec, digest_encoded, is_scalar
from holdfast.persistence.zones import ZoneUnknown, zone_named
from tests.amounts import VALUES
from tests.persistence.drawn import VALUES_DRAWN
from tests.persistence.values import SURVIVE, Level, Order, Spot, registry, same

codec = Codec(registry())


class Text(str):
    __slots__ = ()


class Pair(Spot):
    __slots__ = ()


class Mood(enum.StrEnum):
    GOOD = "good"


class Elsewhere(dt.tzinfo):
    pass


def _cycle() -> list:
    around: list = [1, {"again": []}]
    around[1]["again"].append(around)
    return around


def _cycle_in_object() -> Order:
    order = Order(1)
    order.items.append({"order": order})
    return order


REFUSED = {
    "object": ({"order": {"items": [1, 2, 3, object()]}}, "state.order.items[3]"),
    "function": ([lambda: None], "state[0]"),
    "class": ({"cls": Order}, "state.cls"),
    "lock": ({"a b": threading.Lock()}, "state['a b']"),
    "generator": ((1, (n for n in [1])), "state[1]"),
    "str subclass": ({"x": [Text("a")]}, "state.x[0]"),
    "str subclass as key": ({"x": {Text("a"): 1}}, "state.x[?]"),
    "unregistered enum": ([Mood.GOOD], "state[0]"),
    "unregistered enum as key": ({"m": {Mood.GOOD: 1}}, "state.m[?]"),
    "subclass of a registered class": ([Pair(1)], "state[0]"),
    "defaultdict": ({"d": defaultdict(list)}, "state.d"),
    "object in a set": ({"s": {(1, object())}}, "state.s{}[1]"),
    "object in a tuple": (("a", ["b", object()]), "state[1][1]"),
    "object as key": ({"d": {object(): 1}}, "state.d[?]"),
    "object under an int key": ({"d": {7: object()}}, "state.d[?]"),
    "object under a secret key": ({"d": {"hunter2!": object()}}, "state.d[?]"),
    "object under a long key": ({"k" * 41: object()}, "state[?]"),
    "object under text keys in pairs": ({1: 2, "name": object()}, "state.name"),
    "object in a deque": (deque([1, object()]), "state[1]"),
    "object in an OrderedDict": (OrderedDict(a=object()), "state.a"),
    "object in a Counter": (Counter({"a": object()}), "state.a"),
    "object in a dataclass": ({"o": Order(1, [[object()]])}, "state.o.items[0][0]"),
    "object in a named tuple": ([Spot(1, {"z": object()})], "state[0].y.z"),
    "object in a look-alike": ({"$tuple": [object()]}, "state[?][0]"),
    "object beside a surrogate": (["\ud800", object()], "state[1]"),
    "cycle": (_cycle(), "state[1].again[0]"),
    "cycle in an object": ({"o": _cycle_in_object()}, "state.o.items[0].order"),
    "own time zone": ([dt.datetime(2024, 1, 1, tzinfo=Elsewhere())], "state[0]"),
    "zone past the cache": ([ZoneInfo.no_cache("Europe/Rome")], "state[0]"),
    "endless integer": ({"n": 1 << 1_000_001}, "state.n"),
    "bytes view": ([memoryview(b"a")], "state[0]"),
    "exception": ([ValueError("x")], "state[0]"),
    "future": ({"f": asyncio.Lock()}, "state.f"),
    "slice": ([slice(1)], "state[0]"),
    "not implemented": ([NotImplemented, ...], "state[0]"),
}


@pytest.mark.parametrize("name", SURVIVE)
def test_awkward_value_comes_back_equal_and_of_its_type(name):
    """Types are compared at every level, NaN, -0.0, fold and zone too."""
    value = SURVIVE[name]
    assert same(codec.decode(codec.encode(value)), value)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_value_names_its_place(name):
    """The place leads to exactly what cannot come back; the error is a TypeError too."""
    value, place = REFUSED[name]
    with pytest.raises(ValueRefused) as caught:
        codec.encode(value, "state")
    assert caught.value.place == place
    assert str(caught.value).startswith(place + " ")
    assert isinstance(caught.value, TypeError)


def test_remedy_for_an_unregistered_class_names_the_call():
    """The hint of a refusal can be copied into the program."""
    with pytest.raises(ValueRefused, match="Mood") as caught:
        codec.encode([Mood.GOOD])
    assert 'register_type(Mood, "name.v1")' in caught.value.hint
    assert "str(...)" in caught.value.hint
    assert caught.value.type_name.endswith("Mood")


def test_shared_references_become_separate_values():
    """Two places that hold one list hold two equal lists after loading."""
    shared = [1]
    first, second = codec.decode(codec.encode([shared, shared]))
    first.append(2)
    assert second == [1]


def test_shared_references_that_double_at_each_level_are_refused_at_once():
    """A value that would need 2**60 nodes meets the limit, not the memory."""
    value: list = []
    for _ in range(60):
        value = [value, value]
    with pytest.raises(TooLarge):
        codec.encode(value)


def test_plain_data_is_written_as_plain_json():
    """What JSON can say carries no tag, so other programs can read it."""
    value = {"a": [1, 2.5, None, True, "x"], "b": {"c": []}}
    assert codec.encode(value) == msgspec.json.encode(value)


def test_encoding_changes_nothing_in_the_value():
    """The walk copies before it writes a tag."""
    value = {"a": [(1,), {"b": {2}}], "$x": "\ud800"}
    codec.encode(value)
    assert same(value, {"a": [(1,), {"b": {2}}], "$x": "\ud800"})


def test_equal_sets_are_written_alike():
    """Elements have one order, whatever order they were added in."""
    words = [("w", n) for n in range(50)]
    backwards = list(reversed(words))
    assert codec.encode(set(words)) == codec.encode(set(backwards))


def test_tags_written_with_escapes_are_read_as_tags():
    """JSON may be written anew by another program, with "$" as an escape."""
    assert codec.decode(b'{"\\u0024tuple":[1]}') == (1,)
    assert codec.decode(b' { "$tuple" : [ 1 ] } ') == (1,)


def test_raw_and_memoryview_are_bytes():
    """A part of a larger document can be decoded where it lies."""
    data = codec.encode((1, "a"))
    assert codec.decode(msgspec.Raw(data)) == (1, "a")
    assert codec.decode(memoryview(data)) == (1, "a")


@pytest.mark.parametrize(
    "key", ["", "..", "../x", "/etc/passwd", "Europe/../x", "tzdata.zi", "a\\b", "C:x", "a" * 99]
)
def test_zone_key_that_looks_like_a_path_never_reaches_the_disk(key, monkeypatch):
    """Only what looks like a key is looked for in the time zone folders."""

    def touched(*_):
        raise AssertionError

    monkeypatch.setattr(Path, "is_dir", touched)
    with pytest.raises(ZoneUnknown):
        zone_named(key)


def test_zone_that_is_not_known_here_is_refused_with_the_remedy():
    """A save from a machine with more time zone data says what is missing."""
    with pytest.raises(TypeNotAllowed) as caught:
        codec.decode(b'{"when":{"$datetime":["2024-01-01T00:00:00",0,"No/Such"]}}', "state")
    assert caught.value.place == "state.when"
    assert "tzdata" in caught.value.hint


def test_digest_does_not_depend_on_the_order_of_keys():
    """Equal answers have one digest, also with keys that are not text."""
    one = {"a": {1: "x", (2,): {3}}, "b": [Counter("aab")]}
    other = {"b": [Counter("baa")], "a": {(2,): {3}, 1: "x"}}
    assert codec.digest(one) == codec.digest(other)
    assert codec.digest(one) == digest_encoded(codec.encode(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, "1"), (1, 1.0), ([1], (1,)), ({"1": 0}, {1: 0}), (b"a", "a"), ([1, 2], [2, 1])],
)
def test_digest_tells_types_and_orders_of_lists_apart(one, other):
    """Values that would not come back as each other have different digests."""
    assert codec.digest(one) != codec.digest(other)


def test_scalars_are_known_by_exact_class():
    """What nobody can change needs no copy; a subclass may have attributes."""
    assert all(map(is_scalar, (None, 1, "a", 2.5, b"x", Decimal(1), dt.UTC, PurePosixPath("a"))))
    assert not any(map(is_scalar, ([], (), bytearray(), Text("a"), Level.LOW, Order(1))))


@settings(max_examples=VALUES)
@given(VALUES_DRAWN)
def test_any_nested_value_comes_back_or_is_refused(value):
    """No value changes silently; the second encoding is the first, byte for byte."""
    data = codec.encode(value)
    back = codec.decode(data)
    assert same(back, value)
    assert codec.encode(back) == data


def test_comparison_of_these_tests_forgives_nothing():
    """The witness itself tells apart what equality does not."""
    assert not same(1, True)
    assert not same(0.0, -0.0)
    assert not same([1], (1,))
    assert not same({"a": 1}, {"a": 1.0})
    assert not same(Decimal("1.0"), Decimal("1.00"))
    assert not same({1}, {True})
    assert same([math.nan], [math.nan])


@pytest.mark.parametrize("tag", ["$nope", "$Path", "$list", "$", "$int "])
def test_a_tag_that_no_writer_makes_is_refused_by_name(tag: str) -> None:
    """What a document says never decides what is built from it."""
    codec = Codec(registry())
    with pytest.raises((TypeNotAllowed, Damaged)):
        codec.decode(msgspec.json.encode({"kept": [{tag: [1]}]}))
