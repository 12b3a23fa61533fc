# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: equal structure gives equal digests, and nothing else counts."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from holdfast.definition.edges import EdgeGroup, single_edge
from holdfast.definition.fingerprint import fingerprint, graph_form
from holdfast.definition.graph import Graph, Node

BASE = Graph(
    name="base",
    start="a",
    nodes=(Node(id="a", type="A"), Node(id="b", type="B"), Node(id="c", type="C")),
    groups=(single_edge("a", "b"), single_edge("b", "c")),
    max_iterations=10,
)


def digest(graph: Graph) -> str:
    """The fingerprint of a graph."""
    return fingerprint(graph_form(graph))


def with_condition(name: str | None, kind: str = "single") -> Graph:
    """The base graph with one conditional edge more."""
    group = EdgeGroup(
        name="x",
        kind=kind,
        sources=("a",),
        targets=("c",),
        conditions=(name,),
    )
    return dataclasses.replace(BASE, groups=(*BASE.groups, group))


def test_the_digest_is_sha256_of_compact_sorted_json() -> None:
    """The canonical text has sorted keys and no spaces, so that other programs can make it."""
    expected = hashlib.sha256(b'{"a":[1,null],"b":"x"}').hexdigest()

    assert fingerprint({"b": "x", "a": [1, None]}) == f"sha256:{expected}"


def test_numbers_that_are_not_json_are_refused() -> None:
    """A canonical form holds JSON values only."""
    with pytest.raises(ValueError, match="JSON"):
        fingerprint([float("nan")])


@pytest.mark.parametrize(
    "same",
    [
        dataclasses.replace(BASE, name="other"),
        dataclasses.replace(BASE, max_iterations=99),
        dataclasses.replace(BASE, outputs=("c",), intermediates=()),
        dataclasses.replace(BASE, groups=BASE.groups[::-1]),
        dataclasses.replace(BASE, nodes=BASE.nodes[::-1]),
    ],
    ids=["name", "limit", "outputs", "order of edges", "order of nodes"],
)
def test_what_is_not_structure_does_not_count(same: Graph) -> None:
    """Name, limit, designation and the order of separate edges are not structure."""
    assert digest(same) == digest(BASE)


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(BASE, start="b"),
        dataclasses.replace(BASE, nodes=(*BASE.nodes[:2], Node(id="c", type="D"))),
        dataclasses.replace(BASE, nodes=(*BASE.nodes, Node(id="d", type="D"))),
        dataclasses.replace(BASE, groups=BASE.groups[:1]),
        dataclasses.replace(BASE, groups=(*BASE.groups[:1], single_edge("c", "b"))),
        with_condition(None),
        with_condition("f"),
        with_condition("g"),
        with_condition("<lambda>"),
        with_condition("f", kind="switch"),
    ],
    ids=[
        "start", "type", "node", "edge gone", "edge turned", "edge", "condition",
        "other condition", "lambda", "kind",
    ],
)  # fmt: skip
def test_every_structural_change_counts(other: Graph) -> None:
    """Start, node ids and types, edges, their conditions' names and kinds are structure."""
    changed = [digest(BASE), *(digest(with_condition(name)) for name in ("h", "i"))]

    assert digest(other) not in changed


def test_a_lambda_is_known_by_its_place() -> None:
    """Functions without a name are told apart by their place, never by the shared word lambda."""
    group = EdgeGroup(
        name="s",
        kind="switch",
        sources=("a",),
        targets=("b", "c"),
        conditions=("<lambda>", "<lambda>"),
        selection="<lambda>",
    )
    form = graph_form(dataclasses.replace(BASE, groups=(group,)))["groups"][0]

    assert form["conditions"] == [0, 1]
    assert form["selection"] == 0


def test_the_order_inside_a_group_counts() -> None:
    """The order of cases and of joined sources has a meaning."""
    first = EdgeGroup(
        name="s", kind="fan_in", sources=("a", "b"), targets=("c",), conditions=(None, None)
    )
    second = dataclasses.replace(first, sources=("b", "a"))

    assert digest(dataclasses.replace(BASE, groups=(first,))) != digest(
        dataclasses.replace(BASE, groups=(second,))
    )
