# SPDX-License-Identifier: Apache-2.0
"""A workflow described as plain data, for people and programs that look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.definition.edges import EdgeGroup
from holdfast.definition.graph import Graph
from holdfast.workflow.executor import Executor
from holdfast.workflow.plan import WorkflowPlan

_GROUP_TYPES = {
    "single": "SingleEdgeGroup",
    "fan_out": "FanOutEdgeGroup",
    "fan_in": "FanInEdgeGroup",
    "switch": "SwitchCaseEdgeGroup",
    "multi": "FanOutEdgeGroup",
}


def described(
    plan: WorkflowPlan, executors: Mapping[str, Executor], workflow_id: str
) -> dict[str, Any]:
    """What stands in a workflow, sub-workflows inside of it; functions by name."""
    graph = plan.graph
    level = [node.id for node in graph.nodes if not graph.frame_of(node.id)]
    shown: dict[str, Any] = {
        "name": plan.name,
        "id": workflow_id,
        "start_executor_id": graph.start,
        "max_iterations": graph.max_iterations,
        "edge_groups": [_group(group) for group in own_groups(graph)],
        "executors": {name: executors[name].to_dict() for name in level},
        "output_executors": _sorted(graph.outputs),
        "intermediate_executors": _sorted(graph.intermediates),
    }
    if plan.description is not None:
        shown["description"] = plan.description
    for name, sub in plan.subs.items():
        inside = {
            path[len(name) + 1 :]: one
            for path, one in executors.items()
            if graph.frame_of(path) and path.startswith(f"{name}/")
        }
        shown["executors"][name]["workflow"] = described(sub.plan, inside, f"{workflow_id}/{name}")
    return shown


def own_groups(graph: Graph) -> list[EdgeGroup]:
    """The groups of the graph itself, without those of its sub-workflows."""
    return [group for group in graph.groups if not graph.frame_of(group.sources[0])]


def _group(group: EdgeGroup) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": group.name,
        "type": _GROUP_TYPES[group.kind],
        "edges": [
            {"source_id": edge.source, "target_id": edge.target}
            | ({} if edge.condition is None else {"condition_name": edge.condition})
            for edge in group.edges()
        ],
    }
    if group.kind in ("fan_out", "multi"):
        shown["selection_func_name"] = group.selection
    if group.kind == "fan_in":
        shown["when"] = group.when
    if group.kind == "switch":
        shown["cases"] = [case for one in group.cases for case in _case(group, one)]
    return shown


def _case(group: EdgeGroup, case: Any) -> Iterable[dict[str, Any]]:
    """A line for each target of a case."""
    for place in case.places:
        target = group.targets[place]
        if case.condition is None:
            yield {"type": "Default", "target_id": target}
        else:
            yield {"type": "Case", "target_id": target, "condition_name": case.condition}


def _sorted(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else sorted(names)
