# SPDX-License-Identifier: Apache-2.0
"""A workflow: a checked graph with its executors, and the ways to run it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from typing import Any, Literal, overload

from holdfast.definition.edges import EdgeGroup
from holdfast.errors import DefinitionError
from holdfast.machine.run import MISSING
from holdfast.persistence.checkpoint import CheckpointStorage
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import Store, check_run_id
from holdfast.persistence.types import TypeRegistry, default_types
from holdfast.runtime.clock import IDS
from holdfast.runtime.home import Home
from holdfast.workflow.blueprint_saving import saved
from holdfast.workflow.describing import described
from holdfast.workflow.driving import WorkflowRun, fresh
from holdfast.workflow.event_data import WorkflowRunState
from holdfast.workflow.events import WorkflowEvent, WorkflowStartedEvent, WorkflowStatusEvent
from holdfast.workflow.executor import Executor
from holdfast.workflow.keeping import keeping_of, last_checkpoint_id
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.request import RunRequest, checked
from holdfast.workflow.response_stream import ResponseStream
from holdfast.workflow.result import WorkflowRunResult
from holdfast.workflow.run_call import RunCall, Seat
from holdfast.workflow.sub_messages import register_messages

Storage = Store | CheckpointStorage
_NOTHING: Any = MISSING


class WorkflowDescription:
    """What a workflow says of itself, and of the run it is on."""

    def __init__(self, plan: WorkflowPlan) -> None:
        self.plan = plan
        self.id = IDS.new()
        self.types: TypeRegistry = default_types.child()
        if plan.subs:
            register_messages(self.types, plan.annotations)
            for sub in plan.subs.values():
                self.types.include(sub.types)
        for annotation in plan.annotations:
            self.types.register_annotation(annotation)
        self._seat = Seat(plan, Codec(self.types))

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
        current = self._seat.current
        return self.plan.make_executors() if current is None else dict(current.graph.executors)

    @property
    def status(self) -> WorkflowRunState:
        """The state of the current run; IDLE before any."""
        return self._seat.state

    @property
    def run_id(self) -> str | None:
        """The id of the current run; None before any."""
        return None if self._seat.current is None else self._seat.current.run_id

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
        """The id of the newest checkpoint that the current run has saved."""
        current = self._seat.current
        if current is None or current.live.saver is None:
            return None
        return last_checkpoint_id(current.live.saver)


class Workflow(WorkflowDescription):
    """An immutable graph, and the run this object is on. Made by `WorkflowBuilder.build()`.

    One object runs one run at a time; an engine runs any number of runs of a workflow whose
    executors are functions or come from factories.
    """

    front = "workflow"

    def register_type(self, cls: type, name: str | None = None, **how: Any) -> Workflow:
        """Let instances of a class be kept by runs of this workflow. Returns the workflow."""
        self.types.register(cls, name, **how)
        return self

    @overload
    def run(
        self,
        message: Any = ...,
        *,
        stream: Literal[True],
        responses: Mapping[str, Any] | None = ...,
        checkpoint_id: str | None = ...,
        checkpoint_storage: Storage | None = ...,
        include_status_events: bool = ...,
        fresh: bool = ...,
        resume: bool = ...,
        run_id: str | None = ...,
    ) -> ResponseStream:
        # Many parameters because: they are those of the call below.
        ...

    @overload
    def run(
        self,
        message: Any = ...,
        *,
        stream: Literal[False] = ...,
        responses: Mapping[str, Any] | None = ...,
        checkpoint_id: str | None = ...,
        checkpoint_storage: Storage | None = ...,
        include_status_events: bool = ...,
        fresh: bool = ...,
        resume: bool = ...,
        run_id: str | None = ...,
    ) -> Coroutine[Any, Any, WorkflowRunResult]:
        # Many parameters because: they are those of the call below.
        ...

    def run(
        self,
        message: Any = _NOTHING,
        *,
        stream: bool = False,
        responses: Mapping[str, Any] | None = None,
        checkpoint_id: str | None = None,
        checkpoint_storage: Storage | None = None,
        include_status_events: bool = False,
        fresh: bool = False,
        resume: bool = False,
        run_id: str | None = None,
    ) -> Coroutine[Any, Any, WorkflowRunResult] | ResponseStream:
        """Run from a message, from answers, from a checkpoint, or on from a failure.

        message: begins a new run, which takes over the shared state of the one before unless
        fresh; while the run rests with open requests, the message continues it. responses:
        request id -> answer. checkpoint_id: restore first; may be combined with responses.
        resume: take up what a failed or stopped run left undone. checkpoint_storage: a store or
        any object with the six verbs; replaces the one given at build. run_id: of a new run.
        Returns an awaitable of the result, or with stream=True a stream of events.
        Raises: DefinitionError (a ValueError) for a bad combination and RunBusy, at the call;
        what a handler raised, WorkflowConvergenceException, WorkflowCheckpointException, later.
        """
        # Many parameters because: they are the documented keywords of a run call.
        # Long because: so are they, and a list of keywords is no algorithm.
        request = checked(
            RunRequest(
                message=message,
                has_message=message is not _NOTHING,
                responses=responses,
                checkpoint_id=checkpoint_id,
                fresh=fresh,
                resume=resume,
                run_id=None if run_id is None else check_run_id(run_id),
                keeping=keeping_of(
                    self.plan.checkpoint_storage
                    if checkpoint_storage is None
                    else checkpoint_storage
                ),
            )
        )
        self._seat.check_free()
        if stream:
            return self._streamed(request)
        return self._collected(request, with_status=include_status_events)

    def run_stream(self, message: Any = _NOTHING, **how: Any) -> ResponseStream:
        """`run(message, stream=True)`."""
        return self.run(message, stream=True, **how)

    def run_streaming(self, message: Any = _NOTHING, **how: Any) -> ResponseStream:
        """`run(message, stream=True)`."""
        return self.run(message, stream=True, **how)

    async def run_from_checkpoint(
        self, checkpoint_id: str, checkpoint_storage: Storage | None = None, **how: Any
    ) -> WorkflowRunResult:
        """`run(checkpoint_id=...)`."""
        return await self.run(
            checkpoint_id=checkpoint_id, checkpoint_storage=checkpoint_storage, stream=False, **how
        )

    def run_stream_from_checkpoint(
        self, checkpoint_id: str, checkpoint_storage: Storage | None = None, **how: Any
    ) -> ResponseStream:
        """`run(checkpoint_id=..., stream=True)`."""
        return self.run(
            checkpoint_id=checkpoint_id, checkpoint_storage=checkpoint_storage, stream=True, **how
        )

    async def send_responses(self, responses: Mapping[str, Any]) -> WorkflowRunResult:
        """`run(responses=...)`."""
        return await self.run(responses=responses)

    def send_responses_streaming(self, responses: Mapping[str, Any]) -> ResponseStream:
        """`run(responses=..., stream=True)`."""
        return self.run(responses=responses, stream=True)

    def reset(self) -> None:
        """Forget the current run. What executors hold as instances stays theirs.

        Raises: RunBusy while a call is under way.
        """
        self._seat.check_free()
        self._seat.current = None
        self._seat.state = WorkflowRunState.IDLE

    def _streamed(self, request: RunRequest) -> ResponseStream:
        def left(task: asyncio.Task[list[Any]]) -> None:
            self._seat.leaving = task

        return ResponseStream(
            lambda put: RunCall(self._seat, request, put, is_streaming=True).perform(), left
        )

    async def _collected(self, request: RunRequest, *, with_status: bool) -> WorkflowRunResult:
        events: list[WorkflowEvent] = []
        call = RunCall(self._seat, request, events.append, is_streaming=False)
        try:
            earlier = await call.perform()
        except Exception as error:
            error.workflow_result = _result(events, [], with_status=True)  # type: ignore[attr-defined]
            raise
        return _result(events, earlier, with_status=with_status)

    def execution_in(
        self, home: Home | None, run_id: str | None, resources: Any = None
    ) -> WorkflowRun:
        """A run kept in a home, for an engine. Raises: DefinitionError for shared instances."""
        del resources
        if self.plan.shared_instances:
            names = ", ".join(self.plan.shared_instances)
            raise DefinitionError(
                f"executors given as instances serve one run at a time: {names}",
                hint="Give them as factories: WorkflowBuilder.register(id, factory).",
            )
        return fresh(self.plan, Codec(self.types), home, run_id)


def _result(
    events: list[WorkflowEvent], earlier: list[Any], *, with_status: bool
) -> WorkflowRunResult:
    statuses = [event for event in events if isinstance(event, WorkflowStatusEvent)]
    hidden = (WorkflowStartedEvent,) if with_status else _QUIET
    shown = [event for event in events if not isinstance(event, hidden)]
    return WorkflowRunResult(shown, statuses, earlier_outputs=earlier)


_QUIET = (WorkflowStartedEvent, WorkflowStatusEvent)
