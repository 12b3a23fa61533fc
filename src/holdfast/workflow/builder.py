# SPDX-License-Identifier: Apache-2.0
"""`WorkflowBuilder`: collects executors and edges, checks them, and gives a workflow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Self

from holdfast.definition.edges import When
from holdfast.definition.embedding import embedded
from holdfast.definition.fingerprint import fingerprint, graph_form
from holdfast.definition.graph import Graph, Node
from holdfast.errors import DefinitionError, GraphConnectivityError, WorkflowValidationError
from holdfast.runtime import migrating
from holdfast.runtime.migrating import Migration, Step
from holdfast.workflow import edges
from holdfast.workflow.agent import Agent, is_agent
from holdfast.workflow.agent_executor import AgentExecutor
from holdfast.workflow.blueprint_loading import Code, loaded
from holdfast.workflow.designation import IntermediateChoice, OutputChoice, kept, resolved
from holdfast.workflow.edges import Case, Declared, Default, EdgeCondition, Selection
from holdfast.workflow.executor import Executor, checked_id
from holdfast.workflow.function_executor import FunctionExecutor
from holdfast.workflow.plan import CheckpointErrors, Factory, SubPlan, WorkflowPlan, make_executor
from holdfast.workflow.sub_plans import (
    inner_graphs,
    inner_rules,
    shared_executors,
    sub_notices,
    sub_plans,
)
from holdfast.workflow.validation import ValidationTypeEnum, check, notices, remarks
from holdfast.workflow.workflow import Workflow

_logger = logging.getLogger("holdfast.workflow")

#: What stands in a graph: an executor, an agent, or the id of what was named before.
Place = Executor | Agent | str

#: Enough for long conversations, and soon reached by a loop that nobody meant.
MAX_ITERATIONS = 100

#: The digits of the fingerprint in a name that nobody gave.
NAME_DIGITS = 12


class WorkflowBuilder:
    """Builds a workflow: executors, edges between them, a start.

    An executor is given as an instance, as an agent (anything with `run` and a name, which is
    wrapped in an `AgentExecutor` once), or by the id under which a factory was registered or
    under which it was given before. With instances the workflow has one run at a time; with
    factories and functions, any number.
    output_from, intermediate_output_from: whose yields are results, and whose are progress:
    executors or ids, "all" for those that declare what they yield, "all_other" (progress) for
    those not in output_from. With neither, every yield is a result.
    strict: what would be a warning stops the run, or the build. strict_state: only a key that
    several executors write in one superstep does.
    on_checkpoint_error: "fail" stops a run whose checkpoint could not be saved; "warn" lets it go
    on with a `warning` event, where a checkpoint storage keeps it. A store cannot be told that.
    version: of the workflow, kept with its runs. migrations: functions over the record of a run as
    a document, by (from, to); a run of another version is brought to this one by them.

    Long because: it is what users write against, and each of its methods is short.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        max_iterations: int = MAX_ITERATIONS,
        start_executor: Place | None = None,
        checkpoint_storage: Any = None,
        output_from: OutputChoice = None,
        intermediate_output_from: IntermediateChoice = None,
        strict: bool = False,
        strict_state: bool = False,
        on_checkpoint_error: CheckpointErrors = "fail",
        version: str | None = None,
        migrations: Mapping[Step, Migration] | None = None,
    ) -> None:
        # Many parameters because: published programs set all of these by keyword.
        self._name = name
        self._description = description
        self._max_iterations = _limit(max_iterations)
        self._storage = checkpoint_storage
        self._outputs = kept(output_from, "output_from", ("all",))
        self._intermediates = kept(
            intermediate_output_from, "intermediate_output_from", ("all", "all_other")
        )
        self._instances: dict[str, Executor] = {}
        self._factories: dict[str, Factory] = {}
        self._strict = strict
        self._checkpoint_errors = _checkpoint_errors(on_checkpoint_error, strict=strict)
        self._strict_state = strict_state
        self._versions = migrating.checked(version, migrations)
        self._edges: list[Declared] = []
        self._lone: list[str] = []
        self._agents: dict[int, AgentExecutor] = {}  # by identity; each keeps its agent alive
        self._notices: list[str] = []
        self._start: str | None = None
        if start_executor is not None:
            self.set_start_executor(start_executor)

    def register(self, id: str, factory: Factory) -> Self:
        """Name a factory: each run gets its own executor, made by calling it without arguments.

        The executor it gives has this id. Raises: DefinitionError if the id is in use.
        """
        if isinstance(factory, Executor) or not callable(factory):
            raise TypeError(f"A factory makes executors when called; {factory!r} does not")
        self._claim(checked_id(id), factory, self._factories.get(id, self._instances.get(id)))
        self._factories[id] = factory
        return self

    def add_executor(self, executor: Place) -> Self:
        """Put an executor into the graph that no edge has named yet."""
        self._lone.append(self._id_of(executor))
        return self

    def set_start_executor(self, executor: Place) -> Self:
        """Say which executor takes the input; said again, the last one counts."""
        name = self._id_of(executor)
        if self._start is not None and self._start != name:
            self._notices.append(f"The start {self._start!r} was replaced by {name!r}.")
        self._start = name
        return self

    def add_edge(
        self,
        source: Place,
        target: Place,
        condition: EdgeCondition | None = None,
    ) -> Self:
        """Let the target take what the source sends, as far as it has handlers for it.

        condition: is asked with each such message and opens the edge for it, or not.
        """
        pair = self._id_of(source), self._id_of(target)
        self._edges.append(edges.single(*pair, condition))
        return self

    def add_fan_out_edges(self, source: Place, targets: Sequence[Place]) -> Self:
        """Let each of several targets take what the source sends.

        Raises: DefinitionError for fewer than two.
        """
        self._edges.append(edges.fan_out(self._id_of(source), self._ids_of(targets)))
        return self

    def add_fan_in_edges(
        self,
        sources: Sequence[Place],
        target: Place,
        when: When = "all",
    ) -> Self:
        """Let the target take what several sources send, as one list in the order of the sources.

        when: "all" calls it when each source has sent something; "any", after each superstep in
        which one did; "settled", when no other source can send any more.
        Raises: DefinitionError for fewer than two sources.
        """
        names = self._ids_of(sources)
        self._edges.append(edges.fan_in(names, self._id_of(target), when))
        return self

    def add_switch_case_edge_group(self, source: Place, cases: Sequence[Case | Default]) -> Self:
        """Send each message where its first case that holds says; the last case is the Default.

        Raises: DefinitionError for fewer than two cases, or if there is not one Default at the
        end.
        """
        self._edges.append(edges.switch(self._id_of(source), cases, self._id_of))
        return self

    def add_multi_selection_edge_group(
        self,
        source: Place,
        targets: Sequence[Place],
        selection_func: Selection,
    ) -> Self:
        """Send each message to those targets whose ids the function gives.

        selection_func: called with the message and the ids of all targets; none is fine.
        Raises: DefinitionError for fewer than two targets.
        """
        names = self._ids_of(targets)
        self._edges.append(edges.multi_selection(self._id_of(source), names, selection_func))
        return self

    def add_chain(self, executors: Sequence[Place]) -> Self:
        """Add an edge from each executor to the next.

        Raises: DefinitionError for fewer than two.
        """
        if isinstance(executors, str) or len(executors) < 2:
            raise DefinitionError(
                f"A chain joins two or more executors, not {executors!r}",
                hint="Pass a list: add_chain([first, second]).",
            )
        for source, target in pairwise(self._ids_of(executors)):
            self._edges.append(edges.single(source, target, None))
        return self

    def add_group(self, declared: Declared) -> Self:
        """Add a group of edges with its functions, as the other calls make them."""
        self._edges.append(declared)
        return self

    def with_checkpointing(self, storage: Any) -> Self:
        """Keep a checkpoint of every superstep in this storage."""
        self._storage = storage
        return self

    def set_max_iterations(self, limit: int) -> Self:
        """Stop a run that takes more supersteps than this after the last outside input."""
        self._max_iterations = _limit(limit)
        return self

    @classmethod
    def from_blueprint(
        cls,
        blueprint: Mapping[str, Any] | str,
        *,
        executors: Mapping[str, Executor | Factory],
        conditions: Mapping[str, Callable[..., Any]] | None = None,
        selections: Mapping[str, Callable[..., Any]] | None = None,
        version: str | None = None,
        migrations: Mapping[Step, Migration] | None = None,
    ) -> Self:
        """Give a builder of the workflow that `workflow.save_blueprint()` described.

        blueprint: the mapping, or its JSON text. executors: factories, or instances, by id; those
        of sub-workflows by path ("outer/inner"). conditions, selections: functions by name.
        version, migrations: as of a builder; a blueprint has none.
        Raises: HandlersMissing with every name that was not given, DefinitionError, TypeError.
        """
        given = Code(executors=executors, conditions=conditions or {}, selections=selections or {})
        builder: Self = loaded(cls, blueprint, given)
        builder._versions = migrating.checked(version, migrations)
        return builder

    def plan(self) -> WorkflowPlan:
        """Check what was declared and give it as a frozen plan; the builder can go on.

        Every factory is called once, to learn its types.
        Raises: the first of the problems found, most of them a WorkflowValidationError.
        """
        start = self._given_start()
        executors = self._one_of_each()
        level = self._graph(start, executors)
        for problem in check(level, executors):
            raise problem
        told = (*self._notices, *notices(level, executors), *sub_notices(level, executors))
        self._log(told, level)
        subs = sub_plans(executors, self._factories)
        graph = embedded(level, inner_graphs(executors))
        digest = fingerprint(graph_form(graph))
        if self._name is None:
            digits = digest.partition(":")[2][:NAME_DIGITS]
            graph = replace(graph, name=f"workflow-{digits}")
        # A sub-workflow's node holds nothing: the one at hand serves all runs.
        made = {n: f for n, f in self._factories.items() if n in executors and n not in subs}
        instances = {n: one for n, one in executors.items() if n not in made}
        shared = shared_executors(instances, subs)
        return WorkflowPlan(
            graph=graph,
            fingerprint=digest,
            description=self._description,
            checkpoint_storage=self._storage,
            executors=instances,
            factories=made,
            shared_instances=shared,
            annotations=tuple(_annotations(executors, subs)),
            warnings=told,
            subs=subs,
            on_checkpoint_error=self._checkpoint_errors,
            versions=self._versions,
            rules={
                **{one.group.name: one.rules for one in self._edges if one.rules},
                **inner_rules(subs),
            },
        )

    def build(self) -> Workflow:
        """Give the workflow, ready to run. Raises: what `plan` raises."""
        return Workflow(self.plan())

    def _id_of(self, executor: Place) -> str:
        if isinstance(executor, str):
            return checked_id(executor)
        one = executor if isinstance(executor, Executor) else self._wrapped(executor)
        self._claim(one.id, one, self._instances.get(one.id, self._factories.get(one.id)))
        self._instances[one.id] = one
        return one.id

    def _wrapped(self, agent: Any) -> Executor:
        """The node of an agent, the same whenever it is named."""
        if isinstance(agent, Workflow):
            raise TypeError("a workflow is no executor; wrap it: WorkflowExecutor(workflow, id)")
        if not is_agent(agent):
            raise TypeError(
                f"Expected an executor or the id of one, not {type(agent).__name__}: "
                f"{agent!r}; a factory is named first: register(id, factory); an agent has a "
                "method run, and a name or an id"
            )
        if id(agent) not in self._agents:
            self._agents[id(agent)] = AgentExecutor(agent)
        return self._agents[id(agent)]

    def _ids_of(self, executors: Sequence[Place]) -> list[str]:
        if isinstance(executors, str | Executor):
            raise TypeError(f"Expected a list of executors, not {executors!r}")
        return [self._id_of(executor) for executor in executors]

    def _claim(self, name: str, new: object, known: object) -> None:
        if known is not None and known is not new:
            raise WorkflowValidationError(
                f"Two executors have the id {name!r}",
                hint="Give each executor an id of its own.",
                executor_id=name,
                validation_type=ValidationTypeEnum.EXECUTOR_DUPLICATION.value,
            )

    def _given_start(self) -> str:
        if self._start is None:
            raise DefinitionError(
                "The workflow has no start", hint="Call set_start_executor(...) before build()."
            )
        return self._start

    def _one_of_each(self) -> dict[str, Executor]:
        """Give an executor for each node, in the order in which the nodes were named."""
        ends = (name for e in self._edges for name in (*e.group.sources, *e.group.targets))
        named = [self._given_start(), *ends, *self._lone]
        executors: dict[str, Executor] = {}
        for name in dict.fromkeys([*named, *self._factories]):
            if name in self._factories:
                executors[name] = make_executor(name, self._factories[name])
            elif name in self._instances:
                executors[name] = self._instances[name]
            else:
                known = ", ".join([*self._instances, *self._factories]) or "none"
                raise GraphConnectivityError(
                    f"There is no executor {name!r}; known: {known}",
                    hint="Pass the executor itself, or register(id, factory).",
                    executor_ids=(name,),
                    validation_type=ValidationTypeEnum.GRAPH_CONNECTIVITY.value,
                )
        return executors

    def _graph(self, start: str, executors: dict[str, Executor]) -> Graph:
        outputs, intermediates = resolved(self._outputs, self._intermediates, executors)
        return Graph(
            name=self._name or "",
            start=start,
            nodes=tuple(
                Node(id=name, type=one.type, is_function=isinstance(one, FunctionExecutor))
                for name, one in executors.items()
            ),
            groups=tuple(declared.group for declared in self._edges),
            max_iterations=self._max_iterations,
            outputs=outputs,
            intermediates=intermediates,
            strict=self._strict,
            strict_state=self._strict_state,
        )

    def _log(self, notices: Sequence[str], graph: Graph) -> None:
        """Write down what is probably not meant. Raises: WorkflowValidationError when strict."""
        if notices and self._strict:
            raise WorkflowValidationError(
                notices[0],
                hint="Mend it, or build without strict=True.",
                validation_type=ValidationTypeEnum.STRICT.value,
            )
        for text in notices:
            _logger.warning(text)
        for level, text in remarks(graph):
            _logger.log(level, text)


def _limit(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise DefinitionError(
            f"max_iterations is {given!r}", hint="Give a whole number, 1 or more."
        )
    return given


def _annotations(executors: dict[str, Executor], subs: Mapping[str, SubPlan]) -> Iterator[Any]:
    """Give the types that handlers name, each once; those of sub-workflows last."""
    found: list[Any] = []
    for executor in executors.values():
        for spec in executor.handler_specs:
            named = (spec.message_type, spec.response_type)
            for form in (*named, *spec.output_types, *spec.workflow_output_types):
                if form is not None and form not in found:
                    found.append(form)
                    yield form
    for sub in subs.values():
        yield from (form for form in sub.plan.annotations if form not in found)


def _checkpoint_errors(given: CheckpointErrors, *, strict: bool) -> CheckpointErrors:
    if given not in ("fail", "warn"):
        raise DefinitionError(f'on_checkpoint_error= is "fail" or "warn"; found {given!r}')
    if strict and given == "warn":
        raise DefinitionError(
            'on_checkpoint_error="warn" and strict=True contradict each other',
            hint="Leave one of them out: a strict workflow stops at what would be a warning.",
        )
    return given
