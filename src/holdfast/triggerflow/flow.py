# SPDX-License-Identifier: Apache-2.0
"""A flow: the definition, and the ways to run it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

from holdfast.definition.retry import Retry, Tries, tries
from holdfast.machine.run import new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import Store, check_run_id
from holdfast.persistence.types import TypeRegistry, default_types
from holdfast.runtime import migrating
from holdfast.runtime.clock import CLOCK, IDS
from holdfast.runtime.home import Home
from holdfast.runtime.migrating import Migration, Step, Versions
from holdfast.triggerflow import intervening, skipping, sub_flows
from holdfast.triggerflow.blueprint_face import BlueprintFace, Given
from holdfast.triggerflow.checking_face import CheckingFace
from holdfast.triggerflow.child import Child, Embeddable
from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.compiled import Compiled
from holdfast.triggerflow.contract_face import ContractFace
from holdfast.triggerflow.data import TriggerFlowRuntimeData
from holdfast.triggerflow.drawing_face import DrawingFace
from holdfast.triggerflow.execution import Execution
from holdfast.triggerflow.flow_data_face import FlowDataFace
from holdfast.triggerflow.flow_starts import FlowStarts
from holdfast.triggerflow.intervening import Policy
from holdfast.triggerflow.process import Process
from holdfast.triggerflow.resource_face import ResourceFace
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.shared import SharedData
from holdfast.triggerflow.unset import UNSET
from holdfast.triggerflow.wiring import Wiring

I = TypeVar("I")  # noqa: E741
S = TypeVar("S")
R = TypeVar("R")


class TriggerFlow(
    BlueprintFace,
    CheckingFace,
    ContractFace,
    DrawingFace,
    ResourceFace,
    FlowDataFace,
    FlowStarts,
    Embeddable,
    Generic[I, S, R],
):
    """A definition of chunks and the events between them; it serves any number of executions.

    The first positional argument is a blueprint, not the name. Building on the flow later does
    not reach executions that exist already. version: stands in every save. migrations: functions
    over save documents by (from, to); a save of another version is brought to this one by them.
    """

    front = "flow"

    def __init__(
        self,
        blueprint: Given | None = None,
        name: str | None = None,
        skip_exceptions: bool = False,  # noqa: FBT002 - the documented order
        *,
        version: str | None = None,
        migrations: Mapping[Step, Migration] | None = None,
    ) -> None:
        self._versions = migrating.checked(version, migrations)
        self.name = name or f"flow-{IDS.new()}"
        self._is_named = bool(name)
        self.types: TypeRegistry = default_types.child()
        self._wiring = Wiring(self.types)
        self._resources = Resources()
        self._data = SharedData(Codec(self.types))
        self.settings: dict[str, Any] = {}
        self._skips = skip_exceptions
        skipping.register(self.types)
        if blueprint is not None:
            self.load_blueprint(blueprint)

    @property
    def chunks(self) -> dict[str, Chunk]:
        """The chunks by name."""
        return dict(self._wiring.chunks)

    @property
    def versions(self) -> Versions:
        """The version of the flow, and its migrations."""
        return self._versions

    @property
    def fingerprint(self) -> str:
        """A digest of the structure: names, kinds, edges; no code, paths or lines."""
        return self.compiled().fingerprint

    def compiled(self) -> Compiled:
        """The frozen definition as it stands now."""
        return self._wiring.compiled(self.name)

    def chunk(
        self,
        target: Callable[..., Any] | str | None = None,
        *,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Make a chunk of a function: `@flow.chunk`, `@flow.chunk("name")`.

        Or `@flow.chunk("name", retry=Retry(3), timeout_s=10.0)`: the name may be left out. retry:
        call it again when it fails. timeout_s: fail a call that takes longer.
        Raises: DefinitionError, TypeError.
        """
        how = tries(retry, timeout_s)
        if target is None or isinstance(target, str):
            return lambda function: self._chunk(function, target, how)
        return self._chunk(target, None, how)

    def _chunk(self, function: Callable[..., Any], name: str | None, how: Tries) -> Chunk:
        with self._wiring.building():
            chunk = self._wiring.make_chunk(function, name, "chunk")
            self._wiring.put_tries(chunk, how)
        chunk.handler = replace(chunk.handler, tries=how.over(chunk.handler.tries))
        return chunk

    def register_chunk_handler(
        self, function: Callable[..., Any], *, name: str | None = None
    ) -> TriggerFlow[I, S, R]:
        """Make a handler known by name, so that blueprints can refer to it. Returns the flow."""
        self._wiring.register(function, name)
        return self

    def register_condition_handler(
        self, function: Callable[..., Any], *, name: str | None = None
    ) -> TriggerFlow[I, S, R]:
        """Make a condition known by name, so that blueprints can refer to it. Returns the flow."""
        self._wiring.register_condition(function, name)
        return self

    def register_type(self, cls: type, name: str | None = None, **how: Any) -> TriggerFlow[I, S, R]:
        """Let instances of a class be kept by runs of this flow. Returns the flow."""
        self.types.register(cls, name, **how)
        return self

    def to(
        self,
        target: Any,
        side_branch: bool = False,  # noqa: FBT002 - the documented order
        name: str | None = None,
        *,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> Process:
        """Put a handler at the start; see `Process.to`."""
        start = Process(self._wiring)
        return start.to(target, side_branch, name, retry=retry, timeout_s=timeout_s)

    def side_branch(
        self,
        target: Any,
        *,
        name: str | None = None,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> Process:
        """Put a handler beside the start; see `Process.side_branch`."""
        start = Process(self._wiring)
        return start.side_branch(target, name=name, retry=retry, timeout_s=timeout_s)

    def to_sub_flow(
        self,
        flow: Any,
        *,
        side_branch: bool = False,
        name: str | None = None,
        capture: Mapping[str, Any] | None = None,
        write_back: Mapping[str, Any] | None = None,
        concurrency: int | None = None,
    ) -> Process:
        """Run another flow as the first step; see `Process.to_sub_flow`."""
        # Many parameters because: they are the documented keywords of a sub-flow.
        return Process(self._wiring).to_sub_flow(
            flow,
            side_branch=side_branch,
            name=name,
            capture=capture,
            write_back=write_back,
            concurrency=concurrency,
        )

    def as_child(self) -> Child:
        """The flow, to stand inside another one."""
        return Child(
            self.name, self._wiring, self._resources, self._data, self.settings, self._is_named
        )

    def when(self, trigger: Any, *, mode: str = "and") -> Process:
        """Begin a chain at a signal; see `Process.when`."""
        return Process(self._wiring).when(trigger, mode=mode)

    def for_each(self, *, concurrency: int | None = None, name: str | None = None) -> Process:
        """Run what follows once for each item of the input; see `Process.for_each`."""
        return Process(self._wiring).for_each(concurrency=concurrency, name=name)

    def batch(
        self,
        *targets: Any,
        side_branch: bool = False,
        concurrency: int | None = None,
        name: str | None = None,
    ) -> Process:
        """Run several handlers at once on the input; see `Process.batch`."""
        return Process(self._wiring).batch(
            *targets, side_branch=side_branch, concurrency=concurrency, name=name
        )

    def match(self, *, mode: str = "hit_first", name: str | None = None) -> Process:
        """Open a choice between cases of the input; see `Process.match`."""
        return Process(self._wiring).match(mode=mode, name=name)

    def if_condition(self, condition: Any, *, name: str | None = None) -> Process:
        """Open a choice with its first case; see `Process.if_condition`."""
        return Process(self._wiring).if_condition(condition, name=name)

    def intervention_point(self, *, name: str, target: str | None = None) -> Process:
        """Take interventions up at the start; see `Process.intervention_point`."""
        return Process(self._wiring).intervention_point(name=name, target=target)

    def _layer(self) -> Resources:
        return self._resources

    def _shared(self) -> SharedData:
        return self._data

    def remove_execution(self, execution: Execution | str) -> None:
        """Let an execution, or the one of that id, hear of flow data no more; ended ones do so."""
        self._data.forget(execution if isinstance(execution, str) else execution.id)

    def create_execution(
        self,
        *,
        runtime_resources: Mapping[str, Any] | None = None,
        auto_close: bool = UNSET,
        auto_close_timeout: float | None = UNSET,
        store: Store | None = None,
        run_id: str | None = None,
        intervention_mode: str | None = UNSET,
        intervention_policy: Policy | None = None,
        resume_handle_exposed: bool = True,
        concurrency: int | None = None,
        skip_exceptions: bool | None = None,
        stream_limit: int | None = None,
    ) -> Execution:
        """A run of this flow as it is now.

        auto_close: close by itself, by default yes. auto_close_timeout: after so many idle
        seconds, None for never; by default at once where the caller waits in `async_start`, else
        after 10. A run that is loaded keeps what it had, unless these are given. store: keep the
        run there, saved at every finished chunk; a run of that run_id is opened if it exists.
        intervention_mode: "planned" (the default where there is an intervention_point), "auto",
        with a policy if one is given, or None for off. resume_handle_exposed: whether somebody
        could answer a pause. concurrency: how many handlers may work at once; one that waits for
        others of this run does not count. skip_exceptions: as the flow says, unless given here: a
        failing handler ends its branch only, and its exception stands among the results.
        stream_limit: how many stream items stay for readers who come late; by default all.
        Raises: InvalidId, DefinitionError.
        """
        # Many parameters because: they are the documented options of an execution.
        mode = intervening.chosen_mode(self.compiled().plan, intervention_mode, intervention_policy)
        home = None if store is None else Home(store)
        execution = self.execution_in(
            home,
            run_id,
            runtime_resources,
            auto_close=auto_close,
            auto_close_timeout=auto_close_timeout,
        )
        if intervention_mode is not UNSET:
            execution.take_interventions(mode, intervention_policy)
        execution.bound_stream(stream_limit)
        if not resume_handle_exposed:
            execution.hide()
        if concurrency is not None:
            execution.set_concurrency(concurrency)
        if skip_exceptions is not None:
            execution.skip_exceptions = skip_exceptions
        return execution

    def _created(self, options: dict[str, Any]) -> Execution:
        return self.create_execution(**options)

    def execution_in(
        self,
        home: Home | None,
        run_id: str | None,
        resources: Mapping[str, Any] | None = None,
        *,
        auto_close: bool = UNSET,
        auto_close_timeout: float | None = UNSET,
    ) -> Execution:
        """A run kept in a home, for an engine; in none, for memory."""
        compiled = self.compiled()
        run = new_run(
            check_run_id(run_id) if run_id is not None else IDS.new(), "flow", compiled.plan
        )
        flow = FlowRun(
            run,
            compiled,
            Codec(self.types),
            Resources(self._resources, resources),
            TriggerFlowRuntimeData,
            (CLOCK, IDS) if home is None else (home.clock, home.ids),
            shared=self._data,
        )
        run.facts["created_at"] = flow.live.clock.now()
        flow.settings = ChainMap({}, self.settings)
        flow.versions = self._versions
        flow.skips = self._skips
        flow.carry_sub_flow = sub_flows.carry
        return Execution(
            flow, auto_close=auto_close, auto_close_timeout=auto_close_timeout, home=home
        )
