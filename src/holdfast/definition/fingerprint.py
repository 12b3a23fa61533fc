# SPDX-License-Identifier: Apache-2.0
"""The digest of a structure, which decides whether a checkpoint may meet a definition.

Two definitions with one fingerprint move alike. The structure is names, kinds and edges; the
definition's own name, its limits, its designated outputs, and where the code stands (paths, lines,
modules) are not part of it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from holdfast.definition import links
from holdfast.definition.blueprint import Blueprint, Node
from holdfast.definition.edges import UNNAMED, EdgeGroup
from holdfast.definition.graph import Graph
from holdfast.definition.subgraph import SubGraph


def fingerprint(canonical: object) -> str:
    """Give "sha256:<hex>" of a structure of dicts, lists, text, numbers, booleans and None.

    Dicts are equal whatever the order of their keys.
    """
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def graph_form(graph: Graph) -> dict[str, Any]:
    """Give the canonical form of a graph.

    Groups are sorted, since the order in which separate edges were declared has no effect; inside
    a group it has. A function without a name is known by its place.
    """
    groups = [_group_form(group) for group in graph.groups]
    form = {
        "form": "graph/1",
        "start": graph.start,
        "nodes": {node.id: node.type for node in graph.nodes},
        "groups": sorted(groups, key=lambda group: (group["sources"], group["targets"])),
    }
    if graph.subs:
        form["subs"] = {sub.path: _sub_form(sub) for sub in graph.subs}
    return form


def _sub_form(sub: SubGraph) -> dict[str, Any]:
    """What decides how a sub-graph moves: whose yields become messages is part of that."""
    return {
        "start": sub.start,
        "outputs": _names(sub.outputs),
        "intermediates": _names(sub.intermediates),
        "allow_direct_output": sub.allow_direct_output,
        "propagate_request": sub.propagate_request,
    }


def _names(ids: tuple[str, ...] | None) -> list[str] | None:
    return None if ids is None else sorted(ids)


def flow_form(plan: Blueprint) -> dict[str, Any]:
    """Give the canonical form of an event flow. The order of its nodes has no part in it.

    A condition without a name is known by its position among the cases.
    """
    return {node.id: _node_form(node) for node in plan.nodes}


def _node_form(node: Node) -> list[Any]:
    form = [
        node.kind,
        sorted(node.listens),
        node.emits,
        node.group,
        dict(node.options),
        node.exits,
    ]
    if node.inner is not None:
        passes = [links.write(node.capture), links.write(node.write_back)]
        form += [flow_form(node.inner), *passes]
    return form


def _group_form(group: EdgeGroup) -> dict[str, Any]:
    form: dict[str, Any] = {
        "kind": group.kind,
        "sources": list(group.sources),
        "targets": list(group.targets),
        "conditions": [_by_name(name, place) for place, name in enumerate(group.conditions)],
        "selection": _by_name(group.selection, 0),
    }
    if group.kind == "switch":
        form["cases"] = [
            [_by_name(condition, place), [group.targets[one] for one in places]]
            for place, (condition, places) in enumerate(group.cases)
        ]
    if group.kind == "fan_in":
        form["when"] = group.when
    return form


def _by_name(name: str | None, place: int) -> str | int | None:
    return place if name == UNNAMED else name
