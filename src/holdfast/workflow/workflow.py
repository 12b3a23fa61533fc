# SPDX-License-Identifier: Apache-2.0
"""A workflow: a checked graph with its executors, and the ways to run it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Literal, overload

from holdfast.errors import DefinitionError, RunBusy, RunError
from holdfast.machine.effects import Effect
from holdfast.machine.run import MISSING
from holdfast.persistence.checkpoint import CheckpointStorage
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import Store, check_run_id
from holdfast.persistence.types import TypeRegistry, default_types
from holdfast.runtime.home import Home
from holdfast.workflow.driving import Keeping, WorkflowRun, fresh
from holdfast.workflow.event_data import WorkflowErrorDetails, WorkflowRunState
from holdfast.workflow.events import (
    WorkflowEvent,
    WorkflowFailedEvent,
    WorkflowStartedEvent,
    WorkflowStatusEvent,
    WorkflowWarningEvent,
)
from holdfast.workflow.executor import Executor
from holdfast.workflow.keeping import last_checkpoint_id
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.request import RunRequest, checked
from holdfast.workflow.result import WorkflowRunResult
from holdfast.workflow.response_stream import ResponseStream

NOTHING: Any = MISSING


class Workflow:
    """An immutable graph, and the run this object is on. Made by `WorkflowBuilder.build()`.

    One object runs one run at a time; an engine runs any number of runs of a workflow whose
    executors are functions or come from factories.
    """

    front = "workflow"

    def __init__(self, plan: WorkflowPlan) -> None:
        self.plan = plan
        self.types: TypeRegistry = default_types.child()
        for annotation in plan.annotations:
            self.types.register_annotation(annotation)
        self._codec = Codec(self.types)
        self._current: WorkflowRun | None = None
        self._is_busy = False
        self._state = WorkflowRunState.IDLE

    # -- description ---------------------------------------------------------------------------------

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
    def executors(self) -> dict[str, Executor]:
        """The executors by id; those from factories as the current run has them."""
        if self._current is not None:
            return dict(self._current.graph.executors)
        return self.plan.make_executors()

    @property
    def status(self) -> WorkflowRunState:
        """The state of the current run; IDLE before any."""
        return self._state

    @property
    def run_id(self) -> str | None:
        """The id of the current run; None before any."""
        return None if self._current is None else self._current.run_id

    def get_last_checkpoint_id(self) -> str | None:
        """The id of the newest checkpoint that the current run has saved."""
        if self._current is None or self._current.live.saver is None:
            return None
        return last_checkpoint_id(self._current.live.saver)

    def register_type(self, cls: type, name: str | None = None, **how: Any) -> Workflow:
        """Let instances of a class be kept by runs of this workflow. Returns the workflow."""
        self.types.register(cls, name, **how)
        return self

    # -- running -------------------------------------------------------------------------------------

    @overload
    def run(self, message: Any = ..., *, stream: Literal[True], **how: Any) -> ResponseStream: ...

    @overload
    def run(
        self, message: Any = ..., *, stream: Literal[False] = ..., **how: Any
    ) -> Coroutine[Any, Any, WorkflowRunResult]: ...

    def run(
        self,
        message: Any = NOTHING,
        *,
        stream: bool = False,
        responses: Mapping[str, Any] | None = None,
        checkpoint_id: str | None = None,
        checkpoint_storage: Store | CheckpointStorage | None = None,
        include_status_events: bool = False,
        fresh: bool = False,
        resume: bool = False,
        run_id: str | None = None,
    ) -> Coroutine[Any, Any, WorkflowRunResult] | ResponseStream:
        """Run from a message, from answers, from a checkpoint, or on from a failure.

        message: begins a new run, which takes over the shared state of the one before unless
        fresh; while requests are open it continues that run. responses: request id -> answer.
        checkpoint_id: restore first; may be combined with responses. resume: take up what a
        failed or stopped run left undone. checkpoint_storage: a store or any object with the six
        verbs; replaces the one given at build. run_id: of a new run.
        Returns an awaitable of the result, or with stream=True a stream of events.
        Raises: DefinitionError (a ValueError) for a bad combination and RunBusy, at the call;
        what a handler raised, WorkflowConvergenceException, WorkflowCheckpointException, later.
        """
        # Many parameters because: they are the documented keywords of a run call.
        request = checked(
            RunRequest(
                message=message,
                has_message=message is not NOTHING,
                responses=responses,
                checkpoint_id=checkpoint_id,
                fresh=fresh,
                resume=resume,
                run_id=None if run_id is None else check_run_id(run_id),
                keeping=self._keeping(checkpoint_storage),
            )
        )
        if self._is_busy:
            raise RunBusy(f"workflow {self.name!r} is running; one object runs one run at a time")
        if stream:
            return ResponseStream(lambda put: self._run(request, put, streaming=True))
        return self._collect(request, with_status=include_status_events)

    def run_stream(self, message: Any = NOTHING, **how: Any) -> ResponseStream:
        """`run(message, stream=True)`."""
        return self.run(message, stream=True, **how)

    def run_streaming(self, message: Any = NOTHING, **how: Any) -> ResponseStream:
        """`run(message, stream=True)`."""
        return self.run(message, stream=True, **how)

    async def run_from_checkpoint(
        self, checkpoint_id: str, checkpoint_storage: Any = None, **how: Any
    ) -> WorkflowRunResult:
        """`run(checkpoint_id=...)`."""
        how |= {"checkpoint_id": checkpoint_id, "checkpoint_storage": checkpoint_storage}
        return await self.run(**how)

    def run_stream_from_checkpoint(
        self, checkpoint_id: str, checkpoint_storage: Any = None, **how: Any
    ) -> ResponseStream:
        """`run(checkpoint_id=..., stream=True)`."""
        how |= {"checkpoint_id": checkpoint_id, "checkpoint_storage": checkpoint_storage}
        return self.run(stream=True, **how)

    async def send_responses(self, responses: Mapping[str, Any]) -> WorkflowRunResult:
        """`run(responses=...)`."""
        return await self.run(responses=responses)

    def send_responses_streaming(self, responses: Mapping[str, Any]) -> ResponseStream:
        """`run(responses=..., stream=True)`."""
        return self.run(responses=responses, stream=True)

    def reset(self) -> None:
        """Forget the current run. What executors hold as instances stays theirs."""
        if self._is_busy:
            raise RunBusy(f"workflow {self.name!r} is running")
        self._current = None
        self._state = WorkflowRunState.IDLE

    def _keeping(self, storage: Store | CheckpointStorage | None) -> Keeping:
        chosen = storage if storage is not None else self.plan.checkpoint_storage
        return Home(chosen) if isinstance(chosen, Store) else chosen

    async def _collect(self, request: RunRequest, *, with_status: bool) -> WorkflowRunResult:
        events: list[WorkflowEvent] = []
        try:
            earlier = await self._run(request, events.append, streaming=False)
        except Exception as error:
            error.workflow_result = WorkflowRunResult(events)  # type: ignore[attr-defined]
            raise
        statuses = [e for e in events if isinstance(e, WorkflowStatusEvent)]
        hidden = (WorkflowStartedEvent,) if with_status else (WorkflowStartedEvent, WorkflowStatusEvent)
        shown = [e for e in events if not isinstance(e, hidden)]
        return WorkflowRunResult(shown, statuses, earlier_outputs=earlier)

    async def _run(self, request: RunRequest, put: Any, *, streaming: bool) -> list[Any]:
        """One run call; returns the outputs of the run from before it."""
        if self._is_busy:
            raise RunBusy(f"workflow {self.name!r} is running; one object runs one run at a time")
        self._is_busy = True
        try:
            run = self._chosen(request)
            fitting = None
            if request.responses is not None and request.checkpoint_id is None:
                fitting = run.checked_answers(request.responses)
            if request.has_message:
                run.graph.check_input(request.message)
            run.graph.publish = put
            run.graph.is_streaming = streaming
            run.graph.told_pending = False
            put(WorkflowStartedEvent())
            self._tell(put, WorkflowRunState.IN_PROGRESS)
            return await self._driven(run, request, fitting, put)
        finally:
            self._is_busy = False

    def _chosen(self, request: RunRequest) -> WorkflowRun:
        """The run that the request is about: the current one, or a new one."""
        current = self._current
        if request.checkpoint_id is not None:
            return fresh_run(self, request)
        if request.has_message:
            if current is None or request.fresh or not current.graph.open_waits():
                return fresh_run(self, request)
            return current
        if current is None:
            raise RunError("there is no run to continue", hint="Start one with run(message).")
        return current

    async def _driven(
        self, run: WorkflowRun, request: RunRequest, fitting: Any, put: Any
    ) -> list[Any]:
        earlier: list[Any] = []
        try:
            effects = await self._prepared(run, request, fitting, put)
            if request.checkpoint_id is not None:
                earlier = [o.value for o in run.run.outputs if o.kind == "output"]
            await run.go(effects)
        except asyncio.CancelledError:
            self._tell(put, WorkflowRunState.CANCELLED)
            await self._let_go(run)
            raise
        except BaseException as error:
            put(WorkflowFailedEvent(WorkflowErrorDetails.from_exception(error)))
            self._tell(put, WorkflowRunState.FAILED)
            await self._let_go(run)
            raise
        waiting = bool(run.graph.open_waits())
        idle = WorkflowRunState.IDLE
        self._tell(put, WorkflowRunState.IDLE_WITH_PENDING_REQUESTS if waiting else idle)
        return earlier

    async def _prepared(
        self, run: WorkflowRun, request: RunRequest, fitting: Any, put: Any
    ) -> list[Effect]:
        """Everything before the first superstep of this call, saved; the effects that start it."""
        if request.checkpoint_id is not None:
            return await self._restored(run, request, put)
        before = self._current
        self._current = run
        if request.has_message:
            inherit = None
            if before is not None and before is not run and not request.fresh:
                inherit = before.run.frames[0]
            for text in self.plan.warnings if before is None else ():
                put(WorkflowWarningEvent(text))
            await run.enter(request.message, state=inherit)
            return run.begin_step()
        if fitting is not None:
            await run.answer(fitting)
            return run.begin_step()
        return await self._saved(run, run.take_up(retry_parked=True))

    async def _restored(self, run: WorkflowRun, request: RunRequest, put: Any) -> list[Effect]:
        await run.restore(request.checkpoint_id or "")
        self._current = run
        for text in run.warnings:
            put(WorkflowWarningEvent(text))
        answered = set(request.responses or ())
        for event in run.reopened():
            if event.request_id not in answered:
                put(event)
        effects = run.take_up(retry_parked=True)
        if request.responses:
            await run.answer(run.checked_answers(request.responses))
            return effects or run.begin_step()
        return await self._saved(run, effects) if effects else run.begin_step()

    async def _saved(self, run: WorkflowRun, effects: list[Effect]) -> list[Effect]:
        if run.live.saver is not None:
            await run.live.saver.commit()
        return effects

    async def _let_go(self, run: WorkflowRun) -> None:
        """After a failure or a stop: others may take the run up from the store."""
        saver = run.live.saver
        if saver is None or not isinstance(run.keeping, Home):
            return
        await saver.settle()
        if run.live.dead is None and saver.keeper.head:
            await saver.keeper.release()

    def _tell(self, put: Any, state: WorkflowRunState) -> None:
        self._state = state
        put(WorkflowStatusEvent(state))

    # -- what an engine needs ------------------------------------------------------------------------

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
        return fresh(self.plan, self._codec, home, run_id)


def fresh_run(workflow: Workflow, request: RunRequest) -> WorkflowRun:
    """A run that has not begun, for one request."""
    return fresh(workflow.plan, Codec(workflow.types), request.keeping, request.run_id)
