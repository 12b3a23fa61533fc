# SPDX-License-Identifier: Apache-2.0
"""Nested values as hypothesis draws them, and values of which one thing cannot come back."""

from __future__ import annotations

import datetime as dt
import string
from collections import deque
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

from hypothesis import strategies as st

from tests.persistence.values import Level, Order, Spot

_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**300), max_value=2**300),
    st.floats(),
    st.text(st.characters(exclude_categories=[]), max_size=8),
    st.text('$:"\\ab{}[]', max_size=6),
    st.sampled_from(["$tuple", "$dict", "$$", "$:Order", "$int", "$str"]),
    st.binary(max_size=8),
    st.binary(max_size=4).map(bytearray),
    st.decimals(),
    st.complex_numbers(),
    st.uuids(),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.datetimes(timezones=st.none() | st.just(dt.UTC) | st.timezones(), allow_imaginary=True),
    st.sampled_from(list(Level)),
    st.builds(PurePosixPath, st.text(string.ascii_letters + "/.", max_size=8)),
)
_keys = st.recursive(
    _leaves.filter(lambda leaf: type(leaf) is not bytearray and not _is_signaling(leaf)),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)


def _is_signaling(leaf: object) -> bool:
    return isinstance(leaf, Decimal) and leaf.is_snan()


VALUES_DRAWN = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=3).map(deque),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
        st.dictionaries(st.sampled_from(["$tuple", "$$", "$", "$:x"]), inner, max_size=1),
        st.dictionaries(_keys, inner, max_size=3),
        st.sets(_keys, max_size=3),
        st.builds(Spot, st.integers(), inner),
        st.builds(Order, st.integers(), st.lists(inner, max_size=2)),
    ),
    max_leaves=12,
)


class Foreign:
    """What no codec knows."""


@st.composite
def spoiled(draw: Any) -> tuple[Any, str]:
    """A value with one foreign object in it, and the place of that, behind the value's own name."""
    value: Any = Foreign()
    place = ""
    for _ in range(draw(st.integers(0, 6))):
        around = draw(st.lists(VALUES_DRAWN, max_size=3))
        at = draw(st.integers(0, len(around)))
        kind = draw(st.sampled_from(["list", "tuple", "dict"]))
        if kind == "dict":
            key = draw(st.text(string.ascii_lowercase, min_size=1, max_size=5))
            value = {**{f"A{i}": each for i, each in enumerate(around)}, key: value}
            place = f".{key}{place}"
        else:
            items = [*around[:at], value, *around[at:]]
            value = tuple(items) if kind == "tuple" else items
            place = f"[{at}]{place}"
    return value, place
