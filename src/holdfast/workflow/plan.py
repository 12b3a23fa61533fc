# SPDX-License-Identifier: Apache-2.0
"""What a builder hands to a workflow: the graph, who stands at its nodes, where runs are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from holdfast.definition.graph import Graph, Node
from holdfast.definition.subgraph import SEPARATOR
from holdfast.errors import DefinitionError
from holdfast.persistence.types import TypeRegistry
from holdfast.runtime.migrating import NO_VERSIONS, Versions
from holdfast.workflow.edges import Rules
from holdfast.workflow.executor import Executor
from holdfast.workflow.outlets import Outlet, OutputKind, outlet
from holdfast.workflow.routing import Router

Factory = Callable[[], Executor]

CheckpointErrors = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPlan:
    """A checked definition, ready to run; frozen and shareable.

    executors: the instances that were given, by id. factories: what makes the others, by id.
    shared_instances: ids of the instances that hold something, so that one run at a time may use
    them. annotations: the types that handlers name, for the codec to register.
    warnings: what is probably not meant, one sentence each. subs: the workflows that stand at
    nodes, by id; their nodes are in the graph too, under paths. rules: the functions of the
    groups of edges that have some, by the name of the group.
    on_checkpoint_error: what it means that a checkpoint storage could not save. versions: the
    version of the workflow, and what brings older checkpoints to it.
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
    subs: Mapping[str, SubPlan] = field(default_factory=dict)
    rules: Mapping[str, Rules] = field(default_factory=dict)
    on_checkpoint_error: CheckpointErrors = "fail"
    versions: Versions = NO_VERSIONS
    router: Router = field(init=False, repr=False, compare=False)
    _outlets: Mapping[str, Outlet] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        outlets = {node.id: outlet(self.graph, node.id) for node in self.graph.nodes}
        object.__setattr__(self, "_outlets", MappingProxyType(outlets))
        object.__setattr__(self, "router", Router(self.graph, self.rules))

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
        if not self.factories and not self.subs:
            return {node.id: self.executors[node.id] for node in self.graph.nodes}
        made: dict[str, Executor] = {}
        for node in self.graph.nodes:
            if self.graph.frame_of(node.id):
                continue
            made[node.id] = self._one(node)
            sub = self.subs.get(node.id)
            if sub is not None:
                made.update(_under(node.id, sub.present().make_executors()))
        return made

    def _one(self, node: Node) -> Executor:
        factory = self.factories.get(node.id)
        if factory is None:
            return self.executors[node.id]
        executor = make_executor(node.id, factory)
        if executor.type != node.type:
            raise DefinitionError(
                f"The factory of {node.id!r} gave the type {executor.type!r}, and "
                f"{node.type!r} before",
                hint="Let a factory give executors of one type.",
            )
        return executor

    def factory_of(self, path: str) -> Factory | None:
        """Give what makes the executor at a node anew, None if it was given as an instance."""
        frame = self.graph.frame_of(path)
        if not frame:
            return self.factories.get(path)
        while self.graph.parents[frame]:
            frame = self.graph.parents[frame]
        name = self.graph.frames[frame].path
        sub, inside = self.subs[name], path[len(name) + len(SEPARATOR) :]
        if sub.remake is None:
            return sub.plan.factory_of(inside)
        return lambda: sub.present().make_executors()[inside]

    def instances(self) -> Iterator[tuple[str, Executor]]:
        """Give the executors that all runs share, with their paths."""
        yield from self.executors.items()
        for name, sub in self.subs.items():
            if sub.remake is None:
                yield from _under(name, dict(sub.plan.instances())).items()

    def output_kind(self, executor_id: str) -> OutputKind:
        """Tell what the yields of an executor are to a watcher."""
        return self._outlets[executor_id].kind

    def outlet(self, executor_id: str) -> Outlet:
        """Tell where the yields of an executor go."""
        return self._outlets[executor_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubPlan:
    """The plan of a workflow at a node. types: what its runs may keep.

    remake: gives a plan with executors of its own for each run; None if all runs share them.
    """

    plan: WorkflowPlan
    types: TypeRegistry
    remake: Callable[[], WorkflowPlan] | None

    def present(self) -> WorkflowPlan:
        """Give the plan for one run. Raises: DefinitionError if it is not the one of before."""
        if self.remake is None:
            return self.plan
        made = self.remake()
        if made.fingerprint != self.plan.fingerprint:
            raise DefinitionError(
                f"The factory of the sub-workflow {self.plan.name!r} gave another structure "
                "than before",
                hint="Let a factory give workflows of one structure.",
            )
        return made


def _under(path: str, executors: Mapping[str, Executor]) -> dict[str, Executor]:
    return {f"{path}{SEPARATOR}{name}": one for name, one in executors.items()}


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
