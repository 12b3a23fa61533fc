# SPDX-License-Identifier: Apache-2.0
"""A workflow from a blueprint: structure from data, code by registered name.

A blueprint names executors by their ids, inner ones by their paths, conditions and selections by
the names of their functions. Nothing is imported or looked up: whoever loads it gives the code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from holdfast.definition.edges import EdgeGroup
from holdfast.definition.graph_blueprint import Stand, WorkflowBlueprint, from_dict
from holdfast.definition.subgraph import SEPARATOR
from holdfast.errors import DefinitionError, HandlersMissing, NotASave
from holdfast.workflow.agent import Agent, is_agent
from holdfast.workflow.agent_executor import AgentExecutor
from holdfast.workflow.edges import Declared, Rules
from holdfast.workflow.executor import Executor
from holdfast.workflow.plan import Factory, make_executor
from holdfast.workflow.sub_workflow import WorkflowExecutor

Executors = Mapping[str, Executor | Agent | Factory]
Functions = Mapping[str, Callable[..., Any]]


class Builder(Protocol):
    """What loading needs of a builder."""

    def register(self, id: str, factory: Factory) -> Any:
        """Name a factory."""

    def add_executor(self, executor: Executor) -> Any:
        """Put an executor into the graph."""

    def add_group(self, declared: Declared) -> Any:
        """Add a group of edges with its functions."""

    def set_start_executor(self, executor: Executor | str) -> Any:
        """Say which executor takes the input."""

    def build(self) -> Any:
        """Give the workflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What whoever loads a blueprint gives: code by name."""

    executors: Executors
    conditions: Functions
    selections: Functions


#: Makes an empty builder with these keywords.
New = Callable[..., Any]


def loaded(new: New, blueprint: Mapping[str, Any] | str, code: Code) -> Any:
    """A builder of the workflow that a blueprint describes.

    blueprint: the mapping, or its JSON text. Raises: HandlersMissing with every name that was not
    given, DefinitionError, TypeError.
    """
    read = from_dict(_mapping(blueprint))
    missing = tuple(dict.fromkeys(_missing(read, code, "")))
    if missing:
        raise HandlersMissing(
            f"not registered: {', '.join(missing)}",
            hint="Pass each of them: executors=, conditions= and selections= take names.",
            names=missing,
        )
    return _filled(new, read, code, "")


def _mapping(blueprint: Mapping[str, Any] | str) -> Any:
    if not isinstance(blueprint, str):
        return blueprint
    try:
        return json.loads(blueprint)
    except (ValueError, RecursionError) as error:
        raise NotASave("a blueprint text is JSON; this is not") from error


def _missing(blueprint: WorkflowBlueprint, code: Code, inside: str) -> Iterator[str]:
    for stand in blueprint.executors:
        path = inside + stand.id
        if stand.workflow is not None:
            yield from _missing(stand.workflow, code, path + SEPARATOR)
        elif path not in code.executors:
            yield f"executor {path!r}"
    for group in blueprint.groups:
        if group.selection is not None and group.selection not in code.selections:
            yield f"selection {group.selection!r}"
        for name in (*group.conditions, *(case.condition for case in group.cases)):
            if name is not None and name not in code.conditions:
                yield f"condition {name!r}"


def _filled(new: New, blueprint: WorkflowBlueprint, code: Code, inside: str) -> Any:
    builder: Builder = new(
        name=blueprint.name,
        description=blueprint.description,
        max_iterations=blueprint.max_iterations,
        output_from=blueprint.outputs,
        intermediate_output_from=blueprint.intermediates,
        strict=blueprint.strict,
        strict_state=blueprint.strict_state,
    )
    for stand in blueprint.executors:
        _put(new, builder, stand, code, inside)
    for group in blueprint.groups:
        builder.add_group(Declared(group, _rules(group, code)))
    builder.set_start_executor(blueprint.start)
    return builder


def _put(new: New, builder: Builder, stand: Stand, code: Code, inside: str) -> None:
    path = inside + stand.id
    if stand.workflow is not None:
        node = WorkflowExecutor(
            _filled(new, stand.workflow, code, path + SEPARATOR).build(),
            stand.id,
            allow_direct_output=stand.allow_direct_output,
            propagate_request=stand.propagate_request,
        )
        builder.add_executor(node)
        return
    given: Any = code.executors[path]
    if is_agent(given):
        given = AgentExecutor(given, id=stand.id)
    one = given if isinstance(given, Executor) else make_executor(stand.id, given)
    if one.id != stand.id or one.type != stand.type:
        raise DefinitionError(
            f"the blueprint has a {stand.type} at {path!r}; "
            f"the executor given is a {one.type} with the id {one.id!r}",
            hint="Give the executor that the blueprint was made with.",
        )
    if isinstance(given, Executor):
        builder.add_executor(given)
    else:
        builder.register(stand.id, given)


def _rules(group: EdgeGroup, code: Code) -> Rules:
    if group.selection is not None:
        return (code.selections[group.selection],)
    named = [case.condition for case in group.cases] or list(group.conditions)
    return tuple(code.conditions[name] for name in named if name is not None)
