# SPDX-License-Identifier: Apache-2.0
"""What a reader is given cannot be used to change the record."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import pytest

from holdfast.errors import TooLarge
from holdfast.persistence.codec import Codec, is_scalar
from tests.persistence.values import SURVIVE, Fixed, Order, registry, same

codec = Codec(registry())


def _changeable(value: Any, found: list[Any]) -> list[Any]:
    """Every container inside that somebody could change."""
    if isinstance(value, (list, dict, set, deque, bytearray)):
        found.append(value)
    if isinstance(value, dict):
        for item in value.values():
            _changeable(item, found)
    elif isinstance(value, (list, tuple, deque)):
        for item in value:
            _changeable(item, found)
    elif isinstance(value, Order):
        _changeable(value.items, found)
    return found


@pytest.mark.parametrize("name", SURVIVE)
def test_copy_is_equal_and_shares_nothing_that_can_change(name):
    """Every list, dict, set, deque and bytearray inside is another one."""
    value = SURVIVE[name]
    copied = codec.copy(value)
    assert same(copied, value)
    originals = {id(each) for each in _changeable(value, [])}
    assert not [each for each in _changeable(copied, []) if id(each) in originals]


def test_what_cannot_change_is_not_copied():
    """Scalars, and tuples and frozen sets of them, are given as they are."""
    for value in ("a" * 100, 10**30, (1, ("a", None)), frozenset({1}), b"x", (Fixed,), ()):
        assert codec.copy(value) is value
    changing = ([],)
    assert codec.copy(changing) is not changing
    assert all(map(is_scalar, ("a", 1, None, b"")))


def test_containers_keep_their_class_and_bounds():
    """A copy is of the same kind: order, bound, default and all."""
    values = [deque([[1]], 3), OrderedDict(b=[1]), Counter("aab"), defaultdict(list, a=[1])]
    for value in values:
        copied = codec.copy(value)
        assert type(copied) is type(value)
        assert copied == value
    assert codec.copy(values[0]).maxlen == 3
    assert codec.copy(values[3]).default_factory is list


def test_objects_are_copied_and_live_objects_are_themselves():
    """A registered instance is copied deeply; a lock, legal in memory, cannot be."""
    order, lock = Order(1, [[1]]), threading.Lock()
    copied = codec.copy({"order": order, "lock": lock})
    assert copied["order"] == order
    assert copied["order"].items[0] is not order.items[0]
    assert copied["lock"] is lock


def test_shared_and_cyclic_references_keep_their_form():
    """Two places that share a list share its copy; a cycle stays one."""
    shared: list[Any] = [[1]]
    copied = codec.copy({"a": shared, "b": shared, "o": Order(1, shared)})
    assert copied["a"] is copied["b"] is copied["o"].items
    shared.append(shared)
    around = codec.copy(shared)
    assert around[1] is around
    assert around is not shared


def test_value_too_deep_to_copy_is_too_large():
    """Python's stack is no way to fail."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    try:
        with pytest.raises(TooLarge):
            codec.copy(value)
    finally:
        while value:
            value = value[0]
