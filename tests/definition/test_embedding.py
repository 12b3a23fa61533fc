# SPDX-License-Identifier: Apache-2.0
"""Graphs at the nodes of graphs: one flat graph, frames with numbers that stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.definition.edges import single_edge
from holdfast.definition.embedding import Inner, embedded
from holdfast.definition.fingerprint import fingerprint, graph_form
from holdfast.definition.graph import Graph, Node
from holdfast.definition.subgraph import SubGraph, frame_number
from holdfast.errors import DefinitionError


def graph(edges: str, *, limit: int = 10) -> Graph:
    """A graph from "a>b"; the first name is the start."""
    pairs = [tuple(edge.split(">")) for edge in edges.split()]
    names = dict.fromkeys(name for pair in pairs for name in pair if name)
    return Graph(
        name=edges,
        start=next(iter(names)),
        nodes=tuple(Node(id=name, type="T") for name in names),
        groups=tuple(single_edge(a, b) for a, b in pairs if b),
        max_iterations=limit,
    )


def inner(held: Graph, *, direct: bool = False, propagate: bool = False) -> Inner:
    """A graph to be put at a node."""
    return Inner(graph=held, allow_direct_output=direct, propagate_request=propagate)


def nested() -> Graph:
    """Three graphs in one another: o holds m and n, m holds x and y."""
    lowest = embedded(graph("m>n", limit=7), {"m": inner(graph("x>y", limit=5))})
    return embedded(graph("a>o o>b"), {"o": inner(lowest, direct=True)})


def test_inner_nodes_and_groups_stand_under_paths() -> None:
    """The nodes of a sub-graph follow the node it stands at; its groups are moved with them."""
    made = nested()

    assert [n.id for n in made.nodes] == ["a", "o", "o/m", "o/m/x", "o/m/y", "o/n", "b"]
    assert [(e.source, e.target) for e in made.edges()] == [
        ("a", "o"),
        ("o", "b"),
        ("o/m", "o/n"),
        ("o/m/x", "o/m/y"),
    ]
    assert [g.name for g in made.out_groups("o/m/x")] == ["o/m/x->y"]


def test_what_is_sent_to_a_wrapper_is_taken_by_the_innermost_start() -> None:
    """The start of a sub-graph may be a sub-graph itself."""
    made = nested()

    assert made.entries == {"o": "o/m/x", "o/m": "o/m/x"}


def test_every_node_knows_its_frame_and_its_own_id() -> None:
    """A wrapper stands in the frame around its graph."""
    made = nested()
    outer, deep = frame_number("o"), frame_number("o/m")

    assert [made.frame_of(name) for name in ("a", "o", "o/m", "o/n", "o/m/x")] == [
        0,
        0,
        outer,
        outer,
        deep,
    ]
    assert [made.local_id(name) for name in ("a", "o/m", "o/m/x")] == ["a", "m", "x"]
    assert made.path_in(deep, "z") == "o/m/z"
    assert made.path_in(0, "z") == "z"
    assert made.parents == {outer: 0, deep: outer}
    assert made.frames[deep].max_iterations == 5


def test_the_number_of_a_frame_does_not_depend_on_its_neighbours() -> None:
    """A sub-workflow that is declared before another must not take its place in old records."""
    one = embedded(graph("a>s"), {"s": inner(graph("x>"))})
    two = embedded(graph("a>r r>s"), {"r": inner(graph("x>")), "s": inner(graph("x>"))})

    assert one.frame_of("s/x") == two.frame_of("s/x")
    assert two.frame_of("r/x") != two.frame_of("s/x")


def test_an_id_that_looks_like_a_path_into_a_sub_graph_is_refused() -> None:
    """Or two nodes would answer to one address."""
    with pytest.raises(DefinitionError, match="'s/x' looks like a node of the sub-workflow 's'"):
        embedded(graph("s>s/x"), {"s": inner(graph("x>"))})


def test_two_frames_cannot_share_a_number() -> None:
    """Numbers are digests of paths; two that are equal are told at definition time."""
    made = embedded(graph("a>s"), {"s": inner(graph("x>"))})
    with pytest.raises(DefinitionError, match="has the frame number of another"):
        replace(made, subs=(*made.subs, SubGraph(path="s", start="s/x", max_iterations=1)))


def test_designated_outputs_move_with_their_graph() -> None:
    """Ids become paths; nothing designated stays nothing."""
    held = replace(graph("x>y"), outputs=("y",))
    made = embedded(graph("a>s"), {"s": inner(held)})

    assert made.subs[0].outputs == ("s/y",)
    assert made.subs[0].intermediates is None


@pytest.mark.parametrize(
    "changed",
    [
        inner(graph("x>z")),
        inner(replace(graph("x>y"), nodes=(Node(id="x", type="U"), Node(id="y", type="T")))),
        inner(replace(graph("x>y"), outputs=("y",))),
        inner(graph("x>y"), direct=True),
        inner(graph("x>y"), propagate=True),
    ],
)
def test_the_fingerprint_holds_what_moves_inside(changed: Inner) -> None:
    """Inner nodes, types, designations and how the sub-graph is bound; not its name or limit."""

    def digest(held: Inner) -> str:
        return fingerprint(graph_form(embedded(graph("a>s"), {"s": held})))

    before = digest(inner(graph("x>y")))
    assert digest(inner(replace(graph("x>y", limit=99), name="other"))) == before
    assert digest(changed) != before


def test_a_graph_without_sub_graphs_has_the_form_it_always_had() -> None:
    """Records of such graphs stay good."""
    assert "subs" not in graph_form(graph("a>b"))
