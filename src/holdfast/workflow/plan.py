# SPDX-License-Identifier: Apache-2.0
"""What a builder hands to a workflow: the graph, who stands at its nodes, where runs are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from holdfast.definition.graph import Graph
from holdfast.errors import DefinitionError
from holdfast.workflow.executor import Executor

Factory = Callable[[], Executor]
OutputKind = Literal["output", "intermediate", "hidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPlan:
    """A checked definition, ready to run; frozen and shareable.

    executors: the instances that were given, by id. factories: what makes the others, by id.
    shared_instances: ids of the instances that hold something, so that one run at a time may use
    them. annotations: the types that handlers name, for the codec to register.
    warnings: what is probably not meant, one sentence each.
    """

    graph: Graph
    fingerprint: str
    description: str | None
    checkpoint_storage: Any
    executors: Mapping[str, Executor]
    factories: Mapping[str, Factory]
    shared_instances: tuple[str, ...]
    annotations: tuple[Any, ...]
    warnings: tuple[str, ...]
    _output_kinds: Mapping[str, OutputKind] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kinds = {node.id: _output_kind(self.graph, node.id) for node in self.graph.nodes}
        object.__setattr__(self, "_output_kinds", MappingProxyType(kinds))

    @property
    def name(self) -> str:
        """The workflow's name: the one given, or one made from the fingerprint."""
        return self.graph.name

    @property
    def max_iterations(self) -> int:
        """Supersteps after the last outside input before a run is stopped."""
        return self.graph.max_iterations

    def make_executors(self) -> dict[str, Executor]:
        """Give an executor for every node, in the order of the nodes.

        Those with a factory are made anew at each call, the others are the instances given.
        Raises: DefinitionError if a factory gives something else than it gave before.
        """
        made: dict[str, Executor] = {}
        for node in self.graph.nodes:
            factory = self.factories.get(node.id)
            if factory is None:
                made[node.id] = self.executors[node.id]
                continue
            executor = make_executor(node.id, factory)
            if executor.type != node.type:
                raise DefinitionError(
                    f"The factory of {node.id!r} gave the type {executor.type!r}, and "
                    f"{node.type!r} before",
                    hint="Let a factory give executors of one type.",
                )
            made[node.id] = executor
        return made

    def output_kind(self, executor_id: str) -> OutputKind:
        """Tell what the yields of an executor are to a watcher."""
        return self._output_kinds[executor_id]


def make_executor(executor_id: str, factory: Factory) -> Executor:
    """Call a factory. Raises: DefinitionError unless it gives an executor of this id."""
    made: Any = factory()
    if not isinstance(made, Executor):
        raise DefinitionError(
            f"The factory of {executor_id!r} gave {made!r}, not an executor",
            hint="Let the factory return an Executor.",
        )
    if made.id != executor_id:
        raise DefinitionError(
            f"The factory of {executor_id!r} gave an executor with the id {made.id!r}",
            hint="Register a factory under the id that its executors have.",
        )
    return made


def _output_kind(graph: Graph, node_id: str) -> OutputKind:
    if graph.outputs is None and graph.intermediates is None:
        return "output"
    if node_id in (graph.outputs or ()):
        return "output"
    return "intermediate" if node_id in (graph.intermediates or ()) else "hidden"
