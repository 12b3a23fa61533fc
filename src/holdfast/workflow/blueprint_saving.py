# SPDX-License-Identifier: Apache-2.0
"""The structure of a workflow as a blueprint: executors by id, functions by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from holdfast.definition.edges import UNNAMED, EdgeGroup
from holdfast.definition.graph_blueprint import Stand, WorkflowBlueprint, to_dict
from holdfast.errors import DefinitionError
from holdfast.workflow.describing import own_groups
from holdfast.workflow.edges import Rules
from holdfast.workflow.plan import WorkflowPlan


def saved(plan: WorkflowPlan) -> dict[str, Any]:
    """The blueprint of a workflow.

    Raises: DefinitionError for a condition or selection without a name, or if two different ones
    have the same name.
    """
    _check_functions(plan)
    return to_dict(_blueprint(plan))


def _blueprint(plan: WorkflowPlan) -> WorkflowBlueprint:
    graph = plan.graph
    return WorkflowBlueprint(
        name=plan.name,
        description=plan.description,
        start=graph.start,
        executors=tuple(
            _stand(plan, node.id, node.type) for node in graph.nodes if not graph.frame_of(node.id)
        ),
        groups=tuple(own_groups(graph)),
        max_iterations=graph.max_iterations,
        outputs=graph.outputs,
        intermediates=graph.intermediates,
        strict=graph.strict,
        strict_state=graph.strict_state,
    )


def _stand(plan: WorkflowPlan, node_id: str, type: str) -> Stand:
    sub = plan.subs.get(node_id)
    if sub is None:
        return Stand(id=node_id, type=type)
    bound = next(one for one in plan.graph.subs if one.path == node_id)
    return Stand(
        id=node_id,
        type=type,
        workflow=_blueprint(sub.plan),
        allow_direct_output=bound.allow_direct_output,
        propagate_request=bound.propagate_request,
    )


def _check_functions(plan: WorkflowPlan) -> None:
    named: dict[tuple[str, str], Callable[..., Any]] = {}
    for group in plan.graph.groups:
        for role, name, function in _functions(group, plan.rules.get(group.name, ())):
            if name == UNNAMED:
                raise DefinitionError(
                    f"non-serializable {role}: {group.name} has one without a name",
                    hint="Write it as a function with def, not as a lambda.",
                )
            if named.setdefault((role, name), function) is not function:
                raise DefinitionError(
                    f"non-serializable {role}: two different ones are named {name!r}",
                    hint="Give each a name of its own.",
                )


def _functions(group: EdgeGroup, rules: Rules) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """The role, name and function of each rule of a group."""
    if group.selection is not None:
        yield "selection", group.selection, rules[0]
        return
    named = [case.condition for case in group.cases] or list(group.conditions)
    given = [name for name in named if name is not None]
    for name, rule in zip(given, rules, strict=True):
        yield "condition", name, rule
