# SPDX-License-Identifier: Apache-2.0
"""Whether a saved run may go on with a graph that has changed since."""

from __future__ import annotations

from dataclasses import replace

from holdfast.definition.graph import Graph
from holdfast.machine.run import Run
from holdfast.runtime.compatible import Change, compared


def change_of(run: Run, graph: Graph, fingerprints: tuple[str, str]) -> Change:
    """What has changed in the graph for a saved run. fingerprints: the saved one and today's."""
    known = {node.id for node in graph.nodes} | graph.fan_ins
    change = compared(run, known, fingerprints)
    if change.is_same or change.is_refused:
        return change
    return replace(change, flaw=_flaw(run, graph))


def _flaw(run: Run, graph: Graph) -> str | None:
    """All names are there, but one may stand for something of another kind by now."""
    waiting = [w.origin for w in run.waits.values() if w.origin is not None]
    for delivery in (*run.deliveries.values(), *waiting):
        name = delivery.node
        if name in graph.entries and delivery.kind != "routing":
            return f"{name} is a sub-workflow, and was an executor"
        if delivery.frame != graph.frame_of(name):
            return f"{name} is in another sub-workflow than it was"
    return None
