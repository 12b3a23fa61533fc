# SPDX-License-Identifier: Apache-2.0
"""Putting graphs into the nodes of another, so that one flat graph describes all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from holdfast.definition.edges import EdgeGroup
from holdfast.definition.graph import Graph, Node
from holdfast.definition.subgraph import SEPARATOR, SubGraph
from holdfast.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """A graph that is to stand at a node, and how it is bound; see `SubGraph`."""

    graph: Graph
    allow_direct_output: bool
    propagate_request: bool


def embedded(graph: Graph, inner: Mapping[str, Inner]) -> Graph:
    """Give the flat graph with each inner graph at the node of its id.

    Raises: DefinitionError if a node of the outer graph has an id that looks like a path into one
    of them.
    """
    nodes: list[Node] = []
    groups = list(graph.groups)
    subs: list[SubGraph] = []
    for node in graph.nodes:
        nodes.append(node)
        held = inner.get(node.id)
        if held is None:
            continue
        _check_paths(node.id, graph.nodes)
        nodes.extend(replace(one, id=_under(node.id, one.id)) for one in held.graph.nodes)
        groups.extend(_moved(group, node.id) for group in held.graph.groups)
        subs.append(_sub(node.id, held))
        subs.extend(_deeper(sub, node.id) for sub in held.graph.subs)
    return replace(graph, nodes=tuple(nodes), groups=tuple(groups), subs=tuple(subs))


def _check_paths(path: str, nodes: Iterable[Node]) -> None:
    for node in nodes:
        if node.id.startswith(path + SEPARATOR):
            raise DefinitionError(
                f"The id {node.id!r} looks like a node of the sub-workflow {path!r}",
                hint=f"Give it an id that does not begin with {path + SEPARATOR!r}.",
            )


def _sub(path: str, held: Inner) -> SubGraph:
    graph = held.graph
    return SubGraph(
        path=path,
        start=_under(path, graph.start),
        max_iterations=graph.max_iterations,
        outputs=_all_under(path, graph.outputs),
        intermediates=_all_under(path, graph.intermediates),
        allow_direct_output=held.allow_direct_output,
        propagate_request=held.propagate_request,
    )


def _deeper(sub: SubGraph, path: str) -> SubGraph:
    return replace(
        sub,
        path=_under(path, sub.path),
        around=_under(path, sub.around) if sub.around else path,
        start=_under(path, sub.start),
        outputs=_all_under(path, sub.outputs),
        intermediates=_all_under(path, sub.intermediates),
    )


def _moved(group: EdgeGroup, path: str) -> EdgeGroup:
    return replace(
        group,
        name=_under(path, group.name),
        sources=tuple(_under(path, name) for name in group.sources),
        targets=tuple(_under(path, name) for name in group.targets),
    )


def _all_under(path: str, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(_under(path, name) for name in names)


def _under(path: str, name: str) -> str:
    return f"{path}{SEPARATOR}{name}"
