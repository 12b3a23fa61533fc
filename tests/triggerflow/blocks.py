# SPDX-License-Identifier: Apache-2.0
"""Blocks that can be put into one another, each with what it makes of a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from holdfast import TriggerFlow
from tests.triggerflow.handlers import keep

Body = Callable[[Any, str], Any]
Oracle = Callable[[Any], Any]


def size(value: Any) -> int:
    """A number for any value: how much is in it."""
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    if isinstance(value, list):
        return sum(map(size, value))
    return int(value)


async def plus_one(data: Any) -> int:
    """One more than the size of the input."""
    return size(data.input) + 1


async def twice(data: Any) -> int:
    """Twice the size of the input."""
    return size(data.input) * 2


async def parts(data: Any) -> list[int]:
    """The size of the input, and one more."""
    return [size(data.input), size(data.input) + 1]


def is_odd(data: Any) -> bool:
    """Whether the size of the input is odd."""
    return size(data.input) % 2 == 1


def is_small(data: Any) -> bool:
    """Whether the size of the input is below ten."""
    return size(data.input) < 10


@dataclass(frozen=True)
class Block:
    """How to put a block around a body, and what the block then makes of a value."""

    around: Callable[[Any, Body, str], Any]
    oracle: Callable[[Oracle, Any], Any]


def _loop(cursor: Any, body: Body, name: str) -> Any:
    inside = cursor.to(parts, name=f"{name} parts").for_each(concurrency=2)
    return body(inside, name).end_for_each()


def _first(cursor: Any, body: Body, name: str) -> Any:
    inside = body(cursor.match().case(is_odd), f"{name} odd")
    inside = body(inside.case_else(), f"{name} even")
    return inside.end_match()


def _every(cursor: Any, body: Body, name: str) -> Any:
    inside = body(cursor.match(mode="hit_all").case(is_odd), f"{name} odd")
    inside = body(inside.case(is_small), f"{name} small")
    return inside.end_match()


def _if(cursor: Any, body: Body, name: str) -> Any:
    return body(cursor.if_condition(is_small), name).end_condition()


def _batch(cursor: Any, body: Body, name: str) -> Any:
    joined = cursor.batch((f"{name} one", plus_one), (f"{name} two", twice))
    return body(joined, name)


def _every_oracle(inner: Oracle, value: Any) -> Any:
    hits = [inner(value) for holds in (size(value) % 2 == 1, size(value) < 10) if holds]
    return hits or value


BLOCKS = {
    "loop": Block(_loop, lambda inner, v: [inner(size(v)), inner(size(v) + 1)]),
    "first": Block(_first, lambda inner, v: inner(v)),
    "every": Block(_every, _every_oracle),
    "if": Block(_if, lambda inner, v: inner(v) if size(v) < 10 else v),
    "batch": Block(_batch, lambda inner, v: inner({"one": size(v) + 1, "two": size(v) * 2})),
}

#: Every way of putting two and three of them into one another.
NESTINGS = [*product(BLOCKS, repeat=2), *product(BLOCKS, repeat=3)]


def nested(
    names: tuple[str, ...], leaf: Callable[[Any], Any] = plus_one
) -> TriggerFlow[Any, Any, Any]:
    """A flow with the blocks in one another, the last around a leaf, and "kept" behind them."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="nested")

    def build(cursor: Any, rest: tuple[str, ...], name: str) -> Any:
        if not rest:
            return cursor.to(leaf, name=f"{name} leaf")
        inner: Body = lambda inside, inner_name: build(inside, rest[1:], inner_name)  # noqa: E731
        return BLOCKS[rest[0]].around(cursor, inner, f"{name}/{rest[0]}")

    build(flow, names, "").to(keep)
    return flow


def expected(names: tuple[str, ...], value: Any, leaf: Oracle = lambda v: size(v) + 1) -> Any:
    """What the nested blocks make of a value."""
    if not names:
        return leaf(value)
    return BLOCKS[names[0]].oracle(lambda v: expected(names[1:], v, leaf), value)
