# SPDX-License-Identifier: Apache-2.0
"""Graphs as data: what they refuse, and what they look up."""

from __future__ import annotations

import dataclasses

import pytest

from holdfast.definition.edges import Edge, EdgeGroup, single_edge
from holdfast.definition.graph import Graph, Node
from holdfast.errors import DefinitionError


def graph(*edges: tuple[str, str], start: str = "a") -> Graph:
    """A graph of the nodes a, b and c with plain edges."""
    return Graph(
        name="g",
        start=start,
        nodes=tuple(Node(id=name, type="T") for name in "abc"),
        groups=tuple(single_edge(*edge) for edge in edges),
        max_iterations=10,
    )


def test_each_node_knows_its_outgoing_groups_in_order() -> None:
    """Outgoing groups come in the order of declaration; a leaf and a stranger have none."""
    made = graph(("a", "c"), ("b", "c"), ("a", "b"))

    assert [group.name for group in made.out_groups("a")] == ["a->c", "a->b"]
    assert made.out_groups("c") == ()
    assert made.out_groups("nobody") == ()


def test_a_group_with_several_sources_goes_out_of_each() -> None:
    """A fan-in group takes messages of every source, and its edges list sources first."""
    join = EdgeGroup(
        name="join", kind="fan_in", sources=("a", "b"), targets=("c",), conditions=(None, "f")
    )
    made = dataclasses.replace(graph(), groups=(join,))

    assert made.out_groups("a") == made.out_groups("b") == (join,)
    assert list(made.edges()) == [Edge("a", "c", None), Edge("b", "c", "f")]


def test_nodes_are_found_by_id() -> None:
    """A node is looked up by its id; an unknown id gives None."""
    made = graph()

    assert made.node("b") == Node(id="b", type="T")
    assert made.node("z") is None


def test_two_nodes_cannot_share_an_id() -> None:
    """Node ids are unique in a graph."""
    with pytest.raises(DefinitionError, match="Two nodes have the id 'a'"):
        dataclasses.replace(graph(), nodes=(Node(id="a", type="T"), Node(id="a", type="U")))


@pytest.mark.parametrize(
    ("edges", "start", "text"),
    [([("a", "z")], "a", "names 'z', which is no node"), ([], "z", "The start names 'z'")],
)
def test_names_without_a_node_are_refused(
    edges: list[tuple[str, str]], start: str, text: str
) -> None:
    """Edges and the start name nodes of the graph."""
    with pytest.raises(DefinitionError, match=text):
        graph(*edges, start=start)


@pytest.mark.parametrize(
    ("sources", "targets", "conditions"),
    [((), ("b",), ()), (("a",), (), ()), (("a",), ("b", "c"), (None,))],
)
def test_a_group_has_a_condition_for_each_edge(
    sources: tuple[str, ...], targets: tuple[str, ...], conditions: tuple[None, ...]
) -> None:
    """A group joins something, and says for each edge by which condition."""
    with pytest.raises(DefinitionError, match="Edge group 'g'"):
        EdgeGroup(name="g", kind="fan_out", sources=sources, targets=targets, conditions=conditions)


def test_a_graph_cannot_be_changed_and_compares_by_content() -> None:
    """Definitions are frozen and shareable; equal declarations are equal graphs."""
    made = graph(("a", "b"))

    assert made == graph(("a", "b"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.start = "b"
