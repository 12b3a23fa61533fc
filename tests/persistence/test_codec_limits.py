# SPDX-License-Identifier: Apache-2.0
"""Limits hold on both sides: what encodes decodes, and what is over a limit is never parsed."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict, deque
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import Damaged, DefinitionError, NotASave, TooLarge, ValueRefused
from holdfast.persistence.codec import Codec, Limits
from holdfast.persistence.document import open_document
from holdfast.persistence.limits import check_shape
from tests.amounts import SOAK
from tests.persistence.values import Order, registry, same

WRAPS = {
    "list": lambda inner: [inner],
    "dict": lambda inner: {"a": inner},
    "tuple": lambda inner: (inner,),
    "look-alike": lambda inner: {"$tuple": inner},
    "int key": lambda inner: {1: inner},
    "OrderedDict": lambda inner: OrderedDict(a=inner),
    "deque": lambda inner: deque([inner]),
    "dataclass": lambda inner: Order(1, inner),
    "frozenset": lambda inner: frozenset([inner]),
    "tuple in a list": lambda inner: [(inner,)],
}
LEAVES: list[Any] = [1, b"x", 2**70, float("nan"), "\ud800", 1j, range(3)]


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("leaf", LEAVES, ids=repr)
def test_what_encodes_at_any_depth_decodes_with_the_same_limits(wrap, leaf):
    """The depth of tags counts when writing: the last depth that is taken can be read."""
    codec = Codec(registry(), Limits(depth=30))
    value, taken = leaf, 0
    for _ in range(40):
        try:
            data = codec.encode(value)
        except TooLarge:
            break
        assert same(codec.decode(data), value)
        value, taken = WRAPS[wrap](value), taken + 1
    assert 5 <= taken <= 31


@pytest.mark.parametrize("depth", [101, 1000, 10_000, 100_000])
@pytest.mark.parametrize("wrap", ["list", "dict", "tuple"])
def test_deep_value_is_too_large_and_no_recursion_error(depth, wrap):
    """Depth is refused by its limit, long before Python's own stack."""
    value: Any = None
    for _ in range(depth):
        value = WRAPS[wrap](value)
    try:
        with pytest.raises(TooLarge, match="nested deeper than 100 levels"):
            Codec(registry()).encode(value)
    finally:
        while value is not None:  # taken apart by hand: freeing it at once would recurse
            value = next(iter(value.values())) if wrap == "dict" else value[0]


def test_too_little_stack_left_is_too_large():
    """A caller deep in its own recursion gets the same error, in both directions."""
    codec = Codec(registry())
    value: Any = ()
    for _ in range(30):
        value = (value,)
    data = codec.encode(value)

    def descend(left: int, act: Any) -> Any:
        return act() if left == 0 else descend(left - 1, act)

    room = sys.getrecursionlimit() - _frames() - 25
    with pytest.raises((TooLarge, Damaged)):
        descend(room, lambda: codec.encode(value))
    with pytest.raises((TooLarge, Damaged)):
        descend(room, lambda: codec.decode(data))


def _frames() -> int:
    frame, count = sys._getframe(), 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


@pytest.mark.parametrize("unit", ["[", '{"a":', '[{"$tuple":['])
@pytest.mark.parametrize("count", [101, 10_000, 1_000_000])
def test_deep_bytes_are_refused_before_they_are_parsed(unit, count):
    """Ten thousand and a million levels cost one look at the bytes."""
    data = (unit * count).encode()
    started = time.perf_counter()
    with pytest.raises((TooLarge, Damaged)):
        Codec(registry()).decode(data)
    assert time.perf_counter() - started < 5


def test_brackets_in_text_are_no_depth():
    """Text may hold any number of brackets, quotes and backslashes."""
    value = ["[" * 500, '{"a":[' * 200, '\\"[' * 300, "\\", '"', {"[[[\\": "]]]"}]
    codec = Codec(registry(), Limits(depth=2))
    assert codec.decode(codec.encode(value)) == value


def test_brackets_in_text_do_not_hide_depth():
    """Closing brackets in text give nothing back."""
    data = b'["' + b"]" * 500 + b'",' + b"[" * 100 + b"]" * 101
    with pytest.raises(TooLarge):
        Codec(registry()).decode(data)


def test_too_many_values_are_refused_in_both_directions():
    """Values are counted, whatever they are in."""
    codec = Codec(registry(), Limits(nodes=1000))
    assert codec.decode(codec.encode(list(range(998)))) == list(range(998))
    for value in (list(range(1001)), {str(n): n for n in range(1001)}, set(range(1001))):
        with pytest.raises(TooLarge) as caught:
            codec.encode(value)
        assert (caught.value.place, caught.value.limit) == ("value", 1000)
        assert caught.value.found > 1000
    with pytest.raises(TooLarge):
        codec.decode(b"[" + b"0," * 1000 + b"0]")


def test_too_many_bytes_are_refused_in_both_directions():
    """The size is that of the JSON."""
    codec = Codec(registry(), Limits(size_bytes=100))
    assert codec.decode(codec.encode("x" * 98)) == "x" * 98
    for value in ("x" * 99, ["x" * 97], b"x" * 80):
        with pytest.raises(TooLarge) as caught:
            codec.encode(value)
        assert caught.value.limit == 100
        assert caught.value.found > 100
    for data in (b'"' + b"x" * 99 + b'"', b"[" + b" " * 99 + b"]"):
        with pytest.raises(TooLarge):
            codec.decode(data)


def test_a_million_keys_are_refused_by_default():
    """R11: a clear error, not a slow machine."""
    with pytest.raises(TooLarge):
        Codec(registry()).encode(dict.fromkeys(map(str, range(1_000_001))))


@pytest.mark.parametrize("what", ["text", "lists", "dicts", "keys", "numbers"])
def test_what_is_far_over_a_limit_is_refused_at_once_by_every_door(what):
    """100 MB, a million levels, a million keys: one look, a clear error, and the process lives."""
    size = 100_000_000 if SOAK else 70_000_000
    made = {
        "text": lambda: b'"' + b"x" * size + b'"',
        "lists": lambda: b"[" * 10**6 + b"]" * 10**6,
        "dicts": lambda: b'{"a":' * 10**6 + b"1" + b"}" * 10**6,
        "keys": lambda: b"{" + b",".join(b'"%d":1' % n for n in range(10**6 + 1)) + b"}",
        "numbers": lambda: b"[" + b"1," * 10**6 + b"1]",
    }[what]()
    flow = TriggerFlow(name="large")
    doors = (
        lambda: Codec(registry()).decode(made),
        lambda: open_document(made, kind="triggerflow.execution"),
        lambda: open_document(b'{"body":' + made + b"}", kind="triggerflow.execution"),
        lambda: flow.create_execution().load(made.decode()),
        lambda: flow.load_blueprint(made.decode()),
    )
    for door in doors:
        started = time.perf_counter()
        with pytest.raises((TooLarge, Damaged, NotASave, DefinitionError, TypeError)):
            door()
        # A second is the limit; a machine that is busy gets five.
        assert time.perf_counter() - started < 5


def test_a_value_far_over_a_limit_is_refused_when_it_is_set():
    """The state is as it was."""
    execution = TriggerFlow(name="large").create_execution(store=MemoryStore(), run_id="r")
    for value in ("x" * (100_000_000 if SOAK else 70_000_000), dict.fromkeys(range(10**6))):
        started = time.perf_counter()
        with pytest.raises(TooLarge):
            execution.set_state("value", value)
        assert time.perf_counter() - started < 5
    assert execution.get_state() == {}


def test_limits_that_make_no_sense_are_a_definition_error():
    """Depth is bounded by what Python's stack can carry."""
    for wrong in ({"depth": 0}, {"depth": 251}, {"nodes": 0}, {"size_bytes": 0}):
        with pytest.raises(DefinitionError):
            Limits(**wrong)


def test_elements_of_one_hash_are_refused_in_both_directions():
    """A set of numbers chosen to collide would take minutes to build."""
    numbers = [n * (2**61 - 1) for n in range(1, 100)]
    for value in (set(numbers), dict.fromkeys(numbers)):
        with pytest.raises(ValueRefused, match="one hash"):
            Codec(registry()).encode(value)
    tagged = [{"$int": format(n, "x")} for n in numbers[10:]]
    with pytest.raises(Damaged):
        Codec(registry()).decode(msgspec.json.encode({"$set": tagged}))


@pytest.mark.parametrize("wrong", [None, "[]", 1, [], {}])
def test_only_bytes_are_decoded(wrong):
    """Text is not guessed to be JSON."""
    with pytest.raises(NotASave):
        Codec(registry()).decode(wrong)


@pytest.mark.parametrize("data", [b"", b" ", b"1 2", b"[1", b'"\xff"', b"NaN", b"[1]]", b'{"a"}'])
def test_bytes_that_are_not_json_are_damaged(data):
    """The parser's own errors never come out."""
    with pytest.raises(Damaged):
        Codec(registry()).decode(data)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


_texts = st.text('ab[]{}\\",:é', max_size=6)
_json = st.recursive(
    _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=300)
@given(_json)
def test_scan_of_the_bytes_finds_the_depth_that_the_parser_finds(value):
    """The scan and a walk over the parsed value agree on every document."""
    data, depth = msgspec.json.encode(value), _depth(value)
    check_shape(data, Limits(depth=max(depth, 1)), "value")
    if depth > 1:
        with pytest.raises(TooLarge):
            check_shape(data, Limits(depth=depth - 1), "value")
