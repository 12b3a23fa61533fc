# SPDX-License-Identifier: Apache-2.0
"""Pictures of graphs as text: Mermaid and DOT.

Both show every executor, the start, each kind of edge with what decides about it, and each
sub-workflow as a box with its own picture inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from holdfast.definition.draw import SafeIds, dot_text, indented, mark, mermaid_text
from holdfast.definition.edges import UNNAMED, EdgeGroup
from holdfast.definition.graph import Graph, Node
from holdfast.definition.subgraph import SEPARATOR

#: What the input and the answers come from, before the id of the executor that takes them.
OUTSIDE = "internal:"
CONDITIONAL = "conditional"


class Line(NamedTuple):
    """One drawn edge. label: what decides. dashed: it is open for some messages only."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


class Level(NamedTuple):
    """What stands in one frame: its nodes, its fan-ins, and the edges between them."""

    nodes: list[Node]
    fan_ins: list[EdgeGroup]
    lines: list[Line]


def mermaid(graph: Graph, *, with_internal: bool = False) -> str:
    """The graph as a Mermaid flowchart. with_internal: the edges of input and answers too."""
    return _Mermaid(graph, with_internal=with_internal).text()


def dot(graph: Graph, *, with_internal: bool = False) -> str:
    """The graph as DOT, the language of Graphviz."""
    return _Dot(graph, with_internal=with_internal).text()


def _level(graph: Graph, frame: int, *, with_internal: bool) -> Level:
    nodes = [node for node in graph.nodes if graph.frame_of(node.id) == frame]
    groups = [g for g in graph.groups if graph.frame_of(g.sources[0]) == frame]
    lines = [line for group in groups for line in _lines(group)]
    if with_internal:
        lines += [Line(OUTSIDE + node.id, node.id) for node in nodes]
    return Level(nodes, [g for g in groups if g.kind == "fan_in"], lines)


def _lines(group: EdgeGroup) -> Iterator[Line]:
    if group.kind == "fan_in":
        joint = _joint(group)
        yield from (Line(source, joint) for source in group.sources)
        yield Line(joint, group.targets[0])
    elif group.kind == "switch":
        yield from _cases(group)
    elif group.kind == "multi":
        label = _named(group.selection, "selected")
        yield from (Line(group.sources[0], target, label, dashed=True) for target in group.targets)
    else:
        for edge in group.edges():
            is_open = edge.condition is None
            label = "" if is_open else CONDITIONAL
            yield Line(edge.source, edge.target, label, dashed=not is_open)


def _cases(group: EdgeGroup) -> Iterator[Line]:
    """An edge for each target, with all the cases that lead there."""
    labels: dict[str, list[str]] = {}
    for place, case in enumerate(group.cases, 1):
        name = "default" if case.condition is None else _named(case.condition, f"case {place}")
        for index in case.places:
            labels.setdefault(group.targets[index], []).append(name)
    for target, names in labels.items():
        yield Line(group.sources[0], target, ", ".join(names), dashed=True)


def _named(name: str | None, otherwise: str) -> str:
    return otherwise if name in (None, UNNAMED) else str(name)


def _joint(group: EdgeGroup) -> str:
    """The id of the node that stands for a fan-in."""
    return f"fan_in::{group.targets[0]}::{mark(group.name)}"


def _fan_in_label(group: EdgeGroup) -> str:
    return "fan-in" if group.when == "all" else f"fan-in ({group.when})"


class _Mermaid:
    def __init__(self, graph: Graph, *, with_internal: bool) -> None:
        self.graph = graph
        self.with_internal = with_internal
        self.subs = {sub.path: sub for sub in graph.subs}
        self.ids = SafeIds()
        for node in graph.nodes:
            self._id(node.id)

    def text(self) -> str:
        lines = self._shown(0, self.graph.start)
        return "\n".join(["flowchart TD", *indented(lines)]) + "\n"

    def _id(self, name: str) -> str:
        return self.ids.of(name, name.replace("::", "__").replace(SEPARATOR, "__"))

    def _shown(self, frame: int, start: str) -> list[str]:
        level = _level(self.graph, frame, with_internal=self.with_internal)
        lines = [line for node in level.nodes for line in self._node(node, start)]
        lines += [self._fan_in(group) for group in level.fan_ins]
        if self.with_internal:
            lines += [
                f"{self._id(OUTSIDE + node.id)}[{mermaid_text(OUTSIDE + node.id)}];"
                for node in level.nodes
            ]
        return lines + [self._edge(line) for line in level.lines]

    def _node(self, node: Node, start: str) -> Iterable[str]:
        shown = self.graph.local_id(node.id)
        label = f"{shown} (Start)" if node.id == start else shown
        sub = self.subs.get(node.id)
        if sub is None:
            return [f"{self._id(node.id)}[{mermaid_text(label)}];"]
        return [
            f"subgraph {self._id(node.id)} [{mermaid_text(label)}]",
            *indented(self._shown(sub.number, sub.start)),
            "end",
        ]

    def _fan_in(self, group: EdgeGroup) -> str:
        label = _fan_in_label(group)
        shown = label if group.when == "all" else mermaid_text(label)
        return f"{self._id(_joint(group))}(({shown}));"

    def _edge(self, line: Line) -> str:
        source, target = self._id(line.source), self._id(line.target)
        if not line.label:
            return f"{source} --> {target};"
        label = line.label if line.label == CONDITIONAL else mermaid_text(line.label)
        return f"{source} -. {label} .-> {target};"


class _Dot:
    def __init__(self, graph: Graph, *, with_internal: bool) -> None:
        self.graph = graph
        self.with_internal = with_internal
        self.subs = {sub.path: sub for sub in graph.subs}

    def text(self) -> str:
        head = [
            "rankdir=TB;",
            "node [shape=box, style=filled, fillcolor=lightblue];",
            "edge [color=black, arrowhead=vee];",
        ]
        lines = [*head, *self._shown(0, self.graph.start)]
        return "\n".join(["digraph Workflow {", *indented(lines), "}"]) + "\n"

    def _shown(self, frame: int, start: str) -> list[str]:
        level = _level(self.graph, frame, with_internal=self.with_internal)
        lines = [line for node in level.nodes for line in self._node(node, start)]
        lines += [
            f"{dot_text(_joint(group))} [shape=ellipse, fillcolor=lightgoldenrod, "
            f"label={dot_text(_fan_in_label(group))}];"
            for group in level.fan_ins
        ]
        if self.with_internal:
            lines += [
                f"{dot_text(OUTSIDE + node.id)} [shape=plaintext, style=solid];"
                for node in level.nodes
            ]
        return lines + [self._edge(line) for line in level.lines]

    def _node(self, node: Node, start: str) -> Iterable[str]:
        shown = self.graph.local_id(node.id)
        is_start = node.id == start
        label = f"{shown}\n(Start)" if is_start else shown
        color = "fillcolor=lightgreen, " if is_start else ""
        line = f"{dot_text(node.id)} [{color}label={dot_text(label)}];"
        sub = self.subs.get(node.id)
        if sub is None:
            return [line]
        # A box cannot be the end of an edge, so the node stands in it, and leads to its start.
        inside = [
            f"label={dot_text(f'sub-workflow: {shown}')};",
            "style=dashed;",
            line,
            f"{dot_text(node.id)} -> {dot_text(sub.start)} [style=dotted];",
            *self._shown(sub.number, sub.start),
        ]
        return [f"subgraph cluster_{mark(node.id)} {{", *indented(inside), "}"]

    def _edge(self, line: Line) -> str:
        edge = f"{dot_text(line.source)} -> {dot_text(line.target)}"
        if not line.label:
            return f"{edge};"
        return f"{edge} [style=dashed, label={dot_text(line.label)}];"
