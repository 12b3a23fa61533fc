# SPDX-License-Identifier: Apache-2.0
"""Where the yields of an executor go: out of the run, or to the graph around a sub-workflow."""

from __future__ import annotations

from typing import Literal, NamedTuple

from holdfast.definition.graph import Graph

OutputKind = Literal["output", "intermediate", "hidden", "message"]


class Outlet(NamedTuple):
    """What yields are. via: for messages, the sub-workflow that sends them."""

    kind: OutputKind
    via: str = ""


def outlet(graph: Graph, node_id: str) -> Outlet:
    """The outlet of a node.

    A result of a sub-workflow is a message of it, or counts as yielded by it where it has direct
    output; what is progress or hidden inside is so outside.
    """
    frame = graph.frame_of(node_id)
    sub = graph.frames[frame] if frame else None
    named = graph if sub is None else sub
    kind = _kind(named.outputs, named.intermediates, node_id)
    if sub is None or kind != "output":
        return Outlet(kind)
    return outlet(graph, sub.path) if sub.allow_direct_output else Outlet("message", sub.path)


def _kind(
    outputs: tuple[str, ...] | None, intermediates: tuple[str, ...] | None, node_id: str
) -> OutputKind:
    if outputs is None and intermediates is None:
        return "output"
    if node_id in (outputs or ()):
        return "output"
    return "intermediate" if node_id in (intermediates or ()) else "hidden"


def offered_to(graph: Graph, node_id: str) -> tuple[str, ...]:
    """The sub-workflows whose graph around is offered the requests of a node, inmost first."""
    paths: list[str] = []
    frame = graph.frame_of(node_id)
    while frame:
        sub = graph.frames[frame]
        if not sub.propagate_request:
            paths.append(sub.path)
        frame = sub.parent
    return tuple(paths)
