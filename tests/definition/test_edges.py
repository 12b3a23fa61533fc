# SPDX-License-Identifier: Apache-2.0
"""Groups of edges as data: their names, and what each kind holds."""

from __future__ import annotations

from itertools import combinations

from holdfast.definition.edges import (
    Edge,
    EdgeGroup,
    SwitchCase,
    fan_in,
    fan_out,
    multi_selection,
    single_edge,
    switch,
)
from holdfast.definition.embedding import Inner, embedded
from holdfast.definition.fingerprint import fingerprint, graph_form
from holdfast.definition.graph import Graph, Node


def test_groups_are_named_by_their_edges() -> None:
    """The same declaration gives the same name, whatever else is declared."""
    assert single_edge("a", "b").name == "a->b"
    assert fan_out("a", ["b", "c"]).name == "a->b+c"
    assert fan_in(["a", "b"], "c").name == "a+b->c"


def test_names_stay_short() -> None:
    """Of many nodes the first four are named; what is written at each step does not grow."""
    names = [f"worker{number}" for number in range(1000)]

    assert fan_in(names, "t").name == "worker0+worker1+worker2+worker3+996 more->t"


def test_what_joins_ids_is_told_from_what_is_in_them() -> None:
    """Different edges never make one name."""
    groups = [
        fan_in(["a", "b"], "c"),
        fan_in(["a+b", "c"], "c"),
        single_edge("a+b", "c"),
        single_edge("a", "b->c"),
        single_edge("a->b", "c"),
        single_edge("a%2Bb", "c"),
    ]
    assert all(one.name != other.name for one, other in combinations(groups, 2))


def test_a_switch_has_one_edge_for_each_target() -> None:
    """However many cases name it."""
    group = switch("s", [("first", ["a", "b"]), ("second", ["b", "b"]), (None, ["c"])])

    assert list(group.edges()) == [Edge("s", name, None) for name in "abc"]
    assert group.cases == (
        SwitchCase("first", (0, 1)),
        SwitchCase("second", (1,)),
        SwitchCase(None, (2,)),
    )


def graph(*groups: EdgeGroup) -> Graph:
    """A graph of these groups."""
    names = dict.fromkeys(name for g in groups for name in (*g.sources, *g.targets))
    nodes = tuple(Node(id=name, type="T") for name in names)
    return Graph(name="g", start=nodes[0].id, nodes=nodes, groups=groups, max_iterations=10)


def test_what_decides_how_a_group_moves_is_in_the_fingerprint() -> None:
    """Names of conditions, the order and targets of cases, when a fan-in has enough."""
    forms = [
        graph(single_edge("a", "b"), single_edge("a", "c")),
        graph(single_edge("a", "b", "is_even"), single_edge("a", "c")),
        graph(single_edge("a", "b", "is_odd"), single_edge("a", "c")),
        graph(fan_out("a", ["b", "c"])),
        graph(multi_selection("a", ["b", "c"], "pick")),
        graph(multi_selection("a", ["b", "c"], "choose")),
        graph(switch("a", [("x", ["b"]), (None, ["c"])])),
        graph(switch("a", [("y", ["b"]), (None, ["c"])])),
        graph(switch("a", [("x", ["c"]), (None, ["b"])])),
        graph(switch("a", [("x", ["b", "c"]), (None, ["c"])])),
        graph(fan_in(["a", "b"], "c")),
        graph(fan_in(["b", "a"], "c")),
        graph(fan_in(["a", "b"], "c", "any")),
        graph(fan_in(["a", "b"], "c", "settled")),
    ]
    digests = [fingerprint(graph_form(one)) for one in forms]
    assert len(set(digests)) == len(digests)


def test_who_may_lead_to_a_node_is_known_where_a_fan_in_settles() -> None:
    """Over any number of steps, itself included; nothing is looked up elsewhere."""
    chain = [single_edge("a", "b"), single_edge("b", "c"), single_edge("x", "y")]
    made = graph(*chain, fan_in(["c", "x"], "y2", "settled"))

    assert made.leading_to("c") == {"a", "b", "c"}
    assert made.leading_to("a") == {"a"}
    assert made.settling == ("c+x->y2",)
    assert graph(*chain).leading_to("c") == frozenset()


def test_a_ring_leads_to_each_of_its_nodes() -> None:
    """Loops are legal, and the look-up ends."""
    made = graph(single_edge("a", "b"), single_edge("b", "a"), fan_in(["a", "b"], "c", "settled"))
    assert made.leading_to("a") == made.leading_to("b") == {"a", "b"}


def test_what_leads_to_a_sub_graph_leads_to_its_start() -> None:
    """And what is inside leads to whom its node sends."""
    around = graph(single_edge("a", "w"), single_edge("w", "z"), fan_in(["a", "z"], "t", "settled"))
    inner = graph(single_edge("x", "y"))
    bound = Inner(graph=inner, allow_direct_output=False, propagate_request=False)
    made = embedded(around, {"w": bound})

    assert made.leading_to("w/y") == {"a", "w", "w/x", "w/y"}
    assert made.leading_to("z") == {"a", "w", "w/x", "w/y", "z"}
