# SPDX-License-Identifier: Apache-2.0
"""Awkward values, and a comparison that forgives nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import struct
import uuid
from collections import Counter, OrderedDict, deque
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from holdfast.persistence.types import TypeRegistry


class Color(enum.Enum):
    RED = "r"
    NONE = None


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Spot(NamedTuple):
    x: int
    y: Any = None


@dataclasses.dataclass
class Order:
    number: int
    items: list[Any] = dataclasses.field(default_factory=list)
    total: Decimal = Decimal(0)
    seen: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    name: str
    upper: str = dataclasses.field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name + "!")


class Line(msgspec.Struct, frozen=True):
    sku: str
    count: int = 1


class Money:
    """A plain class, for `to` and `make`."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    def __hash__(self) -> int:
        return hash(self.cents)


def registry() -> TypeRegistry:
    """A registry with every class of this page."""
    types = TypeRegistry()
    for cls in (Color, Level, Right, Spot, Order, Fixed, Line):
        types.register(cls)
    types.register(Money, "money.v1", to=lambda money: money.cents, make=Money)
    return types


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same type at every level; NaN is NaN, -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if type(one) is float:
        bits = struct.pack("d", one) == struct.pack("d", other)
        return bits or (math.isnan(one) and math.isnan(other))
    if type(one) is complex:
        return same([one.real, one.imag], [other.real, other.imag])
    if type(one) is Decimal:
        return str(one) == str(other)
    if isinstance(one, (dt.datetime, dt.time)):
        return _same_time(one, other)
    if isinstance(one, dict):
        if isinstance(one, OrderedDict) and list(map(repr, one)) != list(map(repr, other)):
            return False
        return _same_unordered(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        return _same_unordered(list(one), list(other))
    if isinstance(one, deque) and one.maxlen != other.maxlen:
        return False
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, enum.Enum):
        return one is other
    return bool(one == other)


def _same_time(one: Any, other: Any) -> bool:
    bare = one.replace(tzinfo=None) == other.replace(tzinfo=None) and one.fold == other.fold
    zones = type(one.tzinfo) is type(other.tzinfo) and one.tzname() == other.tzname()
    return bare and zones and one.utcoffset() == other.utcoffset()


def _same_unordered(one: list[Any], other: list[Any]) -> bool:
    if len(one) != len(other):
        return False
    rest = list(other)
    for item in one:
        found = next((index for index, each in enumerate(rest) if same(item, each)), None)
        if found is None:
            return False
        del rest[found]
    return True


BERLIN = ZoneInfo("Europe/Berlin")
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))
NAMED = dt.timezone(dt.timedelta(hours=-3), "Här")

SURVIVE: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "minus zero": -0.0,
    "smallest float": 5e-324,
    "largest float": 1.7976931348623157e308,
    "tenth": 0.1,
    "whole float": 1.0,
    "nan": math.nan,
    "infinities": [math.inf, -math.inf],
    "2**53+1": 2**53 + 1,
    "edges of 64 bits": [-(2**63), 2**63 - 1, -(2**63) - 1, 2**63, 2**64 - 1, 2**64],
    "2**70": 2**70,
    "10**5000": 10**5000,
    "minus 10**5000": -(10**5000),
    "empty text": "",
    "NUL": "a\x00b",
    "controls": "".join(map(chr, range(32))) + "\x7f\u2028\u2029",
    "emoji": "\U0001f600 e\u0301 \u00e9",
    "lone surrogate": "a\ud800b",
    "two halves": "\ud83d\ude00",
    "surrogate beside plain text": ["\udcff", "plain", {"k": "\udc80"}],
    "surrogate key": {"\ud800": 1, "plain": "\ud800"},
    "quotes and backslashes": '"\\"$tuple\\\\" [{]}',
    "1 MB of text": "x" * 1_000_000,
    "1 MB of letters beyond ASCII": "é" * 500_000,
    "bytes": bytes(range(256)),
    "no bytes": b"",
    "bytearray": bytearray(b"\xff\x00"),
    "empty list": [],
    "empty dict": {},
    "empty tuple": (),
    "empty set": set(),
    "empty frozenset": frozenset(),
    "empty deque": deque(),
    "nested empties": [[], {}, (), [[]], {"": {}}, ((),)],
    "int keys": {1: "a", 2: "b"},
    "int and text keys": {1: "a", "1": "b"},
    "tuple keys": {(1, 2): "x", ("a", (None,)): "y"},
    "None key": {None: 1, False: 2, 1.5: 3, b"k": 4},
    "frozenset key": {frozenset({1, (2,)}): 1},
    "NaN key": {math.nan: 1},
    "odd text keys": {"": 1, " ": 2, "a b": 3, "a.b": 4, "[0]": 5, "$": 6, "\n": 7},
    "tag look-alike": {"$tuple": [1, 2]},
    "tag look-alike with nonsense": {"$int": {"$bytes": 1}},
    "escaped look-alike": {"$$tuple": [{"$$$": {"$": {"$:Order": {}}}}]},
    "look-alike beside another key": {"$tuple": [1], "b": {"$set": []}},
    "look-alike holding a tuple": {"$tuple": (1, {"$dict": {1: 2}})},
    "look-alike in pairs": {1: {"$tuple": []}, "$set": ()},
    "type look-alike": {"$:Order": {"number": 1}},
    "tuple": (1, "a", None, 2.5),
    "nested tuples": ((1, (2, (3,))), [((),)]),
    "set": {1, "a", None, 2.5, b"x", (1, 2)},
    "set of sets": {frozenset({1}), frozenset({frozenset(), ("a",)})},
    "set of tuples of frozensets": {(1, frozenset({(2, "x")})), (3, frozenset())},
    "range": [range(0), range(10), range(5, -5, -2), range(2**70)],
    "complex": [1j, complex(-0.0, math.nan), complex(math.inf, -1.5)],
    "deque": deque([1, (2,), [3]]),
    "bounded deque": deque([1, 2], maxlen=2),
    "OrderedDict": OrderedDict([("b", 1), ("a", (2,))]),
    "Counter": Counter({"a": 2, ("t",): -1}),
    "decimals": list(
        map(Decimal, ["1.10", "-0", "1E+100", "0E-20", "NaN", "sNaN12", "-Infinity", "9" * 100])
    ),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "posix path": PurePosixPath("/a/../b c/\udcff"),
    "windows path": PureWindowsPath("C:\\a\\b"),
    "path of this machine": Path("a/b"),
    "empty path": Path(),
    "naive datetime": dt.datetime(2024, 2, 29, 23, 59, 59, 999999),  # noqa: DTZ001
    "naive datetime in the fold": dt.datetime(2024, 10, 27, 2, 30, fold=1),  # noqa: DTZ001
    "utc": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    "offset": dt.datetime(2024, 1, 1, 12, tzinfo=INDIA),
    "named offset": dt.datetime(2024, 1, 1, 12, tzinfo=NAMED),
    "zone": dt.datetime(2024, 7, 1, 12, tzinfo=BERLIN),
    "zone in the fold": dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN),
    "zone before the fold": dt.datetime(2024, 10, 27, 2, 30, fold=0, tzinfo=BERLIN),
    "first and last moment": [
        dt.datetime.min,  # noqa: DTZ901
        dt.datetime.max.replace(tzinfo=NAMED),
    ],
    "date": [dt.date(2024, 2, 29), dt.date.min, dt.date.max],
    "time": [dt.time(1, 2, 3, 4), dt.time(1, fold=1), dt.time(1, tzinfo=INDIA), dt.time.max],
    "timedelta": [dt.timedelta(-1, 5, 7), dt.timedelta.max, dt.timedelta.min, dt.timedelta()],
    "zones alone": [BERLIN, dt.UTC, INDIA, NAMED, dt.timezone(dt.timedelta(0, 1, 1))],
    "enums": [Color.RED, Color.NONE, Level.HIGH, Right.READ, Right.READ | Right.WRITE, Right(0)],
    "enum keys": {Color.RED: 1, Level.LOW: 2},
    "named tuple": [Spot(1), Spot(1, (2, {3}))],
    "dataclass": Order(7, [Line("a"), (1,)], Decimal("1.10")),
    "dataclass that changes its fields": Fixed("a"),
    "struct": Line("sku", 2**70),
    "own class": {Money(5): Money(-5)},
    "all at once": {"a": [{"b": ({1: {Spot(1, Color.RED)}}, "\ud800", math.nan)}, [[[()]]]]},
}
