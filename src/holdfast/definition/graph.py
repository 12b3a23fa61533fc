# SPDX-License-Identifier: Apache-2.0
"""A graph as plain data: nodes, groups of edges, limits and designated outputs.

The machine, the fingerprint, checks and pictures read this; functions appear by name only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from holdfast.definition.edges import Edge, EdgeGroup
from holdfast.definition.subgraph import SEPARATOR, SubGraph
from holdfast.definition.upstream import Upstream
from holdfast.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node: its id, and the type that takes the place of its class in the fingerprint."""

    id: str
    type: str
    is_function: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """What a workflow is, without the code of it.

    max_iterations: supersteps after the last outside input before the run is stopped.
    outputs, intermediates: ids whose yields are results, or progress; both None when nothing is
    designated, and then every yield is a result. strict: what is dropped stops the run, instead
    of being told; strict_state: so does a key that several executors wrote in one superstep.
    subs: the graphs that stand at nodes; their
    nodes and groups are among those of this graph, under paths. entries: for each of those nodes,
    the node that takes what is sent to it. frames: the graphs that stand at nodes, by number, and
    parents: the number of the frame around each. settling: the fan-ins that wait for whoever can
    still send.
    Raises: DefinitionError if two nodes have one id, or an edge or the start names no node.
    """

    name: str
    start: str
    nodes: tuple[Node, ...]
    groups: tuple[EdgeGroup, ...]
    max_iterations: int
    outputs: tuple[str, ...] | None = None
    intermediates: tuple[str, ...] | None = None
    subs: tuple[SubGraph, ...] = ()
    strict: bool = False
    strict_state: bool = False
    entries: Mapping[str, str] = field(init=False, repr=False, compare=False)
    frames: Mapping[int, SubGraph] = field(init=False, repr=False, compare=False)
    parents: Mapping[int, int] = field(init=False, repr=False, compare=False)
    _frame_of: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _by_id: Mapping[str, Node] = field(init=False, repr=False, compare=False)
    _out: Mapping[str, tuple[EdgeGroup, ...]] = field(init=False, repr=False, compare=False)
    settling: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _fan_ins: Mapping[str, EdgeGroup] = field(init=False, repr=False, compare=False)
    _upstream: Upstream | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id: dict[str, Node] = {}
        for node in self.nodes:
            if node.id in by_id:
                raise DefinitionError(f"Two nodes have the id {node.id!r}")
            by_id[node.id] = node
        out: dict[str, list[EdgeGroup]] = {node.id: [] for node in self.nodes}
        for group in self.groups:
            for name in (*group.sources, *group.targets):
                _known(name, by_id, f"Edge group {group.name!r}")
            for source in dict.fromkeys(group.sources):
                out[source].append(group)
        _known(self.start, by_id, "The start")
        # Look-ups, built once: a superstep must not search the graph.
        object.__setattr__(self, "_by_id", MappingProxyType(by_id))
        object.__setattr__(self, "_out", {name: tuple(groups) for name, groups in out.items()})
        self._look_up_frames(by_id)
        self._look_up_fan_ins()

    def _look_up_fan_ins(self) -> None:
        fan_ins = {group.name: group for group in self.groups if group.kind == "fan_in"}
        settling = tuple(name for name, group in fan_ins.items() if group.when == "settled")
        object.__setattr__(self, "_fan_ins", fan_ins)
        object.__setattr__(self, "settling", settling)
        object.__setattr__(self, "_upstream", Upstream(self._steps()) if settling else None)

    def _steps(self) -> Iterator[tuple[str, str]]:
        """Give who may cause whom to be called, or to send."""
        for edge in self.edges():
            yield edge.source, edge.target
        yield from self.entries.items()
        for node_id, frame in self._frame_of.items():
            yield node_id, self.frames[frame].path

    def _look_up_frames(self, by_id: Mapping[str, Node]) -> None:
        frames: dict[int, SubGraph] = {}
        parents: dict[int, int] = {}
        starts: dict[str, str] = {}
        for sub in self.subs:
            _known(sub.path, by_id, "A sub-graph")
            _known(sub.start, by_id, f"The start of {sub.path!r}")
            number = sub.number
            if number == 0 or number in frames:
                raise DefinitionError(
                    f"The node {sub.path!r} has the frame number of another",
                    hint="Give it another id.",
                )
            frames[number] = sub
            parents[number] = sub.parent
            starts[sub.path] = sub.start
        entries = dict(starts)
        for path in starts:
            while entries[path] in starts:
                entries[path] = starts[entries[path]]
        inside = {
            node.id: number
            for number, sub in frames.items()  # each after the one around it, so the inmost stays
            for node in self.nodes
            if node.id.startswith(sub.path + SEPARATOR)
        }
        object.__setattr__(self, "frames", MappingProxyType(frames))
        object.__setattr__(self, "parents", MappingProxyType(parents))
        object.__setattr__(self, "entries", MappingProxyType(entries))
        object.__setattr__(self, "_frame_of", inside)

    def node(self, node_id: str) -> Node | None:
        """Give the node of this id, None if there is none."""
        return self._by_id.get(node_id)

    def out_groups(self, source_id: str) -> tuple[EdgeGroup, ...]:
        """Give the groups that take messages of a node, in order of declaration."""
        return self._out.get(source_id, ())

    def fan_in(self, name: str) -> EdgeGroup | None:
        """Give the fan-in of this name, None if there is none."""
        return self._fan_ins.get(name)

    @property
    def fan_ins(self) -> frozenset[str]:
        """The names of the fan-ins."""
        return frozenset(self._fan_ins)

    def leading_to(self, node_id: str) -> frozenset[str]:
        """Give the node and all from which a message may come to it, over any number of others.

        Known in graphs that have a fan-in that settles.
        """
        return frozenset() if self._upstream is None else self._upstream.of(node_id)

    def frame_of(self, node_id: str) -> int:
        """Give the frame in which a node stands: 0 for the root."""
        return self._frame_of.get(node_id, 0)

    def local_id(self, node_id: str) -> str:
        """Give the id that a node has in the graph in which it was declared."""
        frame = self._frame_of.get(node_id)
        if frame is None:
            return node_id
        return node_id[len(self.frames[frame].path) + len(SEPARATOR) :]

    def path_in(self, frame: int, local_id: str) -> str:
        """Give the path of the node that has this id in the graph of a frame."""
        return local_id if not frame else f"{self.frames[frame].path}{SEPARATOR}{local_id}"

    def edges(self) -> Iterator[Edge]:
        """Give all edges, group by group."""
        for group in self.groups:
            yield from group.edges()


def _known(name: str, by_id: Mapping[str, Node], place: str) -> None:
    if name not in by_id:
        raise DefinitionError(
            f"{place} names {name!r}, which is no node; there are: {', '.join(by_id)}"
        )
