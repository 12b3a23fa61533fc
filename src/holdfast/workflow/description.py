# SPDX-License-Identifier: Apache-2.0
"""What a workflow says of itself, and of the run it is on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from holdfast.definition.edges import EdgeGroup
from holdfast.definition.fingerprint import graph_form
from holdfast.definition.graph import Graph
from holdfast.machine.run import Run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import TypeRegistry, default_types
from holdfast.runtime.compatible import Change
from holdfast.runtime.migrating import Versions
from holdfast.workflow.blueprint_saving import saved
from holdfast.workflow.compatible import change_of
from holdfast.workflow.describing import described
from holdfast.workflow.event_data import WorkflowRunState
from holdfast.workflow.executor import Executor
from holdfast.workflow.keeping import last_checkpoint_id
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.seat import Seats
from holdfast.workflow.sub_messages import register_messages


class WorkflowDescription:
    """What a workflow says of itself, and of the run it is on.

    id: of this object, fresh each time one is built. types: what its runs may keep.
    """

    def __init__(self, plan: WorkflowPlan) -> None:
        self.id = str(uuid.uuid4())
        self.plan = plan
        self.types: TypeRegistry = default_types.child()
        if plan.subs:
            register_messages(self.types, plan.annotations)
            for sub in plan.subs.values():
                self.types.include(sub.types)
        for annotation in plan.annotations:
            self.types.register_annotation(annotation)
        self._seats = Seats(plan, Codec(self.types))

    @property
    def name(self) -> str:
        """The name given, or a stable one made from the structure."""
        return self.plan.name

    @property
    def description(self) -> str | None:
        """What the builder said of it."""
        return self.plan.description

    @property
    def fingerprint(self) -> str:
        """A digest of the structure: ids, types, edges; no code, paths or lines."""
        return self.plan.fingerprint

    @property
    def versions(self) -> Versions:
        """The version of the workflow, and its migrations."""
        return self.plan.versions

    @property
    def structure(self) -> Graph:
        """The frozen structure that runs follow."""
        return self.plan.graph

    def change_for(self, run: Run, saved: str) -> Change:
        """What has changed for a run of the structure with that fingerprint."""
        return change_of(run, self.plan.graph, (saved, self.plan.fingerprint))

    def notes_on(self, _run: Run, _resources: Mapping[str, Any] | None) -> tuple[str, ...]:
        """What to look at before a run goes on."""
        shared = self.plan.shared_instances
        if not shared:
            return ()
        names = ", ".join(map(repr, shared))
        return (f"{names} were given as instances: no engine carries it, workflow.run(...) does",)

    @property
    def graph_signature(self) -> dict[str, Any]:
        """The structure that the fingerprint is a digest of, as plain data."""
        return graph_form(self.plan.graph)

    @property
    def graph_signature_hash(self) -> str:
        """Another name of `fingerprint`."""
        return self.plan.fingerprint

    @property
    def start_executor_id(self) -> str:
        """The id of the executor that takes the input."""
        return self.plan.graph.start

    @property
    def max_iterations(self) -> int:
        """Supersteps after the last outside input before a run is stopped."""
        return self.plan.max_iterations

    @property
    def edge_groups(self) -> list[EdgeGroup]:
        """The groups of edges in the order of declaration, those of sub-workflows last."""
        return list(self.plan.graph.groups)

    @property
    def executors(self) -> dict[str, Executor]:
        """The executors by id; those from factories as the current run has them."""
        current = self._seats.latest.current
        return self.plan.make_executors() if current is None else dict(current.graph.executors)

    def get_executors_list(self) -> list[Executor]:
        """The executors, in the order in which the builder met them, inner ones behind theirs."""
        return list(self.executors.values())

    def get_start_executor(self) -> Executor:
        """The executor that takes the input."""
        return self.executors[self.start_executor_id]

    def get_output_executors(self) -> list[Executor]:
        """Those whose yields are results."""
        return [e for path, e in self.executors.items() if self.is_terminal_executor(path)]

    def get_intermediate_executors(self) -> list[Executor]:
        """Those whose yields are progress."""
        return [e for path, e in self.executors.items() if self.is_intermediate_executor(path)]

    def is_terminal_executor(self, executor_id: str) -> bool:
        """Whether what the executor yields are results; inner ones are known by path.

        Raises: KeyError for an unknown id.
        """
        return self.plan.output_kind(executor_id) == "output"

    def is_intermediate_executor(self, executor_id: str) -> bool:
        """Whether what the executor yields is progress. Raises: KeyError for an unknown id."""
        return self.plan.output_kind(executor_id) == "intermediate"

    @property
    def input_types(self) -> list[Any]:
        """The types of messages that a run may begin with: those of the innermost start."""
        graph = self.plan.graph
        return self.executors[graph.entries.get(graph.start, graph.start)].input_types

    @property
    def output_types(self) -> list[Any]:
        """The types of results, in the order of the executors, each once."""
        found: list[Any] = []
        for executor in self.get_output_executors():
            found += [form for form in executor.workflow_output_types if form not in found]
        return found

    @property
    def status(self) -> WorkflowRunState:
        """The state of the run that a call was about last; IDLE before any."""
        return self._seats.latest.state

    @property
    def run_id(self) -> str | None:
        """The id of that run; None before any."""
        return self._seats.latest.run_id

    def to_dict(self) -> dict[str, Any]:
        """Describe the workflow as plain data: executors, edges, sub-workflows, by name."""
        return described(self.plan, self.executors, self.id)

    def to_json(self) -> str:
        """The same as JSON text."""
        return json.dumps(self.to_dict())

    def save_blueprint(self) -> dict[str, Any]:
        """Give the structure as data, from which `WorkflowBuilder.from_blueprint` builds it again.

        Raises: DefinitionError for a condition or selection that has no name of its own.
        """
        return saved(self.plan)

    def get_last_checkpoint_id(self) -> str | None:
        """The id of the newest checkpoint that that run has saved."""
        current = self._seats.latest.current
        if current is None or current.live.saver is None:
            return None
        return last_checkpoint_id(current.live.saver)
