# SPDX-License-Identifier: Apache-2.0
"""Ways on which nothing is called: no ring, and not more in a row than Python's stack takes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from holdfast.definition.blueprint import Blueprint, Node
from holdfast.definition.flow_routes import LONGEST_WAY, check_routes
from holdfast.errors import DefinitionError


def node(name: str, *on: str, kind: str = "gate", **more: Any) -> Node:
    """A node that gives off its name."""
    listens = tuple(("event", event) for event in on)
    return Node(id=name, kind=kind, name=name, listens=listens, emits=name, **more)


def plan_of(*nodes: Node) -> Blueprint:
    """A flow of these nodes."""
    return Blueprint(name="f", nodes=nodes)


def row(length: int, order: str) -> list[Node]:
    """So many gates in a row, declared in some order."""
    names = [f"n{at:03}" for at in range(length)]
    nodes = [node(names[0], "START"), *(node(after, before) for before, after in pairwise(names))]
    middle = length // 2
    return {
        "forwards": nodes,
        "backwards": nodes[::-1],
        "from the middle": nodes[middle:] + nodes[:middle],
    }[order]


@pytest.mark.parametrize("order", ["forwards", "backwards", "from the middle"])
def test_a_row_has_a_longest_length(order: str):
    """Whatever the order of declaration."""
    check_routes(plan_of(*row(LONGEST_WAY, order)))
    with pytest.raises(DefinitionError, match="without a chunk between"):
        check_routes(plan_of(*row(LONGEST_WAY + 1, order)))


@pytest.mark.parametrize("kind", ["chunk", "match", "note"])
def test_what_calls_something_ends_a_row(kind: str):
    """A step ends there."""
    gates = row(LONGEST_WAY, "forwards")
    between = node("between", gates[-1].id, kind=kind)
    more = [node(f"m{n:03}", f"m{n - 1:03}" if n else "between") for n in range(LONGEST_WAY)]
    check_routes(plan_of(*gates, between, *more))


RINGS = {
    "itself": [node("a", "a", "START")],
    "two": [node("a", "b", "START"), node("b", "a")],
    "behind a row": [node("a", "START"), node("b", "a", "d"), node("c", "b"), node("d", "c")],
    "through an exit": [
        node("a", "start", "b", kind="batch", exits=(("k", "way"),)),
        node("b", "way"),
    ],
    "past an empty loop": [
        node("a", "end", "START", kind="each"),
        node("work", "a", kind="chunk"),
        node("end", "work", kind="gather", group="a"),
    ],
    "by a collection's name": [
        Node(
            id="c/one",
            kind="collect",
            name="c",
            listens=(("collect", "c"),),
            emits="Collect-c",
            group="c",
            options={"branch": "one"},
        )
    ],
}


@pytest.mark.parametrize("nodes", RINGS.values(), ids=RINGS.keys())
def test_a_ring_without_a_call_is_refused(nodes: list[Node]):
    """It would be routed without end within one step."""
    with pytest.raises(DefinitionError, match="leads back to itself"):
        check_routes(plan_of(*nodes))
    with pytest.raises(DefinitionError, match="leads back to itself"):
        check_routes(plan_of(*nodes[::-1]))


def test_a_ring_with_a_call_in_it_is_a_loop_on_purpose():
    """A chunk, or a match, may end it."""
    check_routes(plan_of(node("a", "work", "START"), node("work", "a", kind="chunk")))
    check_routes(plan_of(node("a", "judge", "START"), node("judge", "a", kind="match")))


def test_two_ways_that_meet_are_no_ring():
    """Nor is a node that many lead to; the longest of them counts."""
    check_routes(plan_of(node("a", "START"), node("b", "a"), node("c", "a"), node("d", "b", "c")))
    gates = row(LONGEST_WAY, "forwards")
    shortcut = node("short", "START")
    last = node("last", "short", gates[-2].id)
    check_routes(plan_of(*gates, shortcut, last))
