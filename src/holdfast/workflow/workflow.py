# SPDX-License-Identifier: Apache-2.0
"""A workflow: a checked graph with its executors, and the ways to run it."""

from __future__ import annotations

import dataclasses
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, Unpack, overload

from holdfast.errors import DefinitionError
from holdfast.persistence.checkpoint import CheckpointInfo
from holdfast.persistence.codec import Codec
from holdfast.runtime.clock import IDS
from holdfast.runtime.home import Home
from holdfast.workflow.description import WorkflowDescription
from holdfast.workflow.driving import WorkflowRun, fresh
from holdfast.workflow.events import WorkflowEvent
from holdfast.workflow.request import (
    NOTHING,
    GraphChange,
    RunOptions,
    RunRequest,
    Storage,
    requested,
)
from holdfast.workflow.response_stream import ResponseStream
from holdfast.workflow.restoring import Reading, outputs_at
from holdfast.workflow.result import WorkflowRunResult, collected
from holdfast.workflow.run_call import RunCall
from holdfast.workflow.run_handle import StreamingRun


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
        self, message: Any = ..., *, stream: Literal[True], **options: Unpack[RunOptions]
    ) -> ResponseStream: ...

    @overload
    def run(
        self, message: Any = ..., *, stream: Literal[False] = ..., **options: Unpack[RunOptions]
    ) -> Coroutine[Any, Any, WorkflowRunResult]: ...

    def run(
        self,
        message: Any = NOTHING,
        *,
        stream: bool = False,
        responses: Mapping[str, Any] | None = None,
        checkpoint_id: str | None = None,
        checkpoint_storage: Storage | None = None,
        include_status_events: bool = False,
        fresh: bool = False,
        resume: bool = False,
        run_id: str | None = None,
        run_context: Mapping[str, Any] | None = None,
        on_graph_change: GraphChange = "allow",
    ) -> Coroutine[Any, Any, WorkflowRunResult] | ResponseStream:
        """Run from a message, from answers, from a checkpoint, or on from a failure.

        message: begins a new run, which takes over the shared state of the one before unless
        fresh; while the run rests with open requests, the message continues it. responses:
        request id -> answer. checkpoint_id: restore first; may be combined with responses.
        resume: take up what a failed or stopped run left undone. checkpoint_storage: a store or
        any object with the six verbs; replaces the one given at build. run_id: of a new run; with
        responses or resume, the run that is meant, if it is another than the one before, in
        memory or where it is kept. run_context: live objects for handlers, never saved.
        on_graph_change: "fail" refuses a checkpoint of another graph; "allow" takes it, with a
        warning, while everything it needs is still there.
        Returns an awaitable of the result, or with stream=True a stream of events.
        Raises: DefinitionError (a ValueError) for a bad combination and WorkflowBusy, at the call;
        what a handler raised, WorkflowConvergenceException, WorkflowCheckpointException, later.
        """
        # Many parameters because: they are the documented keywords of a run call.
        request = self._requested(
            message,
            RunOptions(
                responses=responses,
                checkpoint_id=checkpoint_id,
                checkpoint_storage=checkpoint_storage,
                fresh=fresh,
                resume=resume,
                run_id=run_id,
                run_context=run_context,
                on_graph_change=on_graph_change,
            ),
        )
        return self._called(request, stream=stream, with_status=include_status_events)

    def run_stream(self, message: Any = NOTHING, **options: Unpack[RunOptions]) -> ResponseStream:
        """`run(message, stream=True)`."""
        return self.run(message, stream=True, **options)

    def run_streaming(
        self, message: Any = NOTHING, **options: Unpack[RunOptions]
    ) -> ResponseStream:
        """`run(message, stream=True)`."""
        return self.run(message, stream=True, **options)

    def run_from_checkpoint(
        self,
        checkpoint_id: str,
        checkpoint_storage: Storage | None = None,
        responses: Mapping[str, Any] | None = None,
    ) -> Coroutine[Any, Any, WorkflowRunResult]:
        """`run(checkpoint_id=...)`."""
        return self.run(
            checkpoint_id=checkpoint_id,
            checkpoint_storage=checkpoint_storage,
            responses=responses,
        )

    def run_stream_from_checkpoint(
        self,
        checkpoint_id: str,
        checkpoint_storage: Storage | None = None,
        responses: Mapping[str, Any] | None = None,
    ) -> ResponseStream:
        """`run(checkpoint_id=..., stream=True)`."""
        return self.run(
            checkpoint_id=checkpoint_id,
            checkpoint_storage=checkpoint_storage,
            responses=responses,
            stream=True,
        )

    def send_responses(
        self, responses: Mapping[str, Any]
    ) -> Coroutine[Any, Any, WorkflowRunResult]:
        """`run(responses=...)`."""
        return self.run(responses=responses)

    def send_responses_streaming(self, responses: Mapping[str, Any]) -> ResponseStream:
        """`run(responses=..., stream=True)`."""
        return self.run(responses=responses, stream=True)

    def cancel_pending_requests(
        self,
        request_ids: Iterable[str],
        *,
        checkpoint_id: str | None = None,
        checkpoint_storage: Storage | None = None,
    ) -> Coroutine[Any, Any, WorkflowRunResult]:
        """Ask open requests no more, and go on: their handlers hear nothing.

        A run that only waited for them has then completed. Ids that are not open are ignored, and
        a request that was answered meanwhile stays answered. checkpoint_id: restore first.
        Raises: DefinitionError (a ValueError) for an id that is no text or empty; as `run`.
        """
        names = tuple([request_ids] if isinstance(request_ids, str) else request_ids)
        if not all(isinstance(name, str) and name for name in names):
            raise DefinitionError("request ids are texts that are not empty")
        options = RunOptions(checkpoint_storage=checkpoint_storage)
        if checkpoint_id is None:
            options["resume"] = True
        else:
            options["checkpoint_id"] = checkpoint_id
        request = dataclasses.replace(self._requested(NOTHING, options), cancelled=names)
        self._seats.find(request)
        return self._collected(request, with_status=False)

    async def start(
        self,
        message: Any,
        *,
        checkpoint_manager: Storage | None = None,
        run_id: str | None = None,
        fresh: bool = False,
        run_context: Mapping[str, Any] | None = None,
    ) -> StreamingRun:
        """Begin a new run that goes on by itself; back when its entry checkpoint is kept.

        checkpoint_manager: as checkpoint_storage= of `run`; the other options are those of `run`.
        Raises: what `run` raises before its first superstep.
        """
        # Many parameters because: they are the documented keywords of a run call.
        options = RunOptions(
            checkpoint_storage=checkpoint_manager,
            run_id=run_id or IDS.new(),
            fresh=fresh,
            run_context=run_context,
        )
        request = self._requested(message, options)
        return await StreamingRun(self._seats, request).begin(request)

    async def resume(
        self,
        info: CheckpointInfo,
        *,
        checkpoint_manager: Storage | None = None,
        responses: Mapping[str, Any] | None = None,
        run_context: Mapping[str, Any] | None = None,
        on_graph_change: GraphChange = "allow",
    ) -> StreamingRun:
        """Take a run up from a checkpoint, and let it go on by itself.

        checkpoint_manager: as checkpoint_storage= of `run`; the other options are those of `run`.
        Raises: WorkflowCheckpointException for a checkpoint that does not exist, is of another run
        than the info says, or does not fit this workflow; what `run` raises at the call.
        """
        options = RunOptions(
            checkpoint_id=info.checkpoint_id,
            checkpoint_storage=checkpoint_manager,
            responses=responses,
            run_context=run_context,
            on_graph_change=on_graph_change,
        )
        request = self._requested(NOTHING, options)
        request = replace(request, checkpoint_run=info.run_id)
        return await StreamingRun(self._seats, request).begin(request)

    async def get_checkpoint_outputs(
        self, checkpoint_id: str, checkpoint_storage: Storage | None = None
    ) -> list[Any]:
        """The results that the run had yielded by a checkpoint; nothing is run, or changed.

        checkpoint_storage: replaces the one given at build.
        Raises: WorkflowCheckpointException; DefinitionError, a ValueError, without a storage.
        """
        request = self._requested(
            NOTHING, RunOptions(checkpoint_id=checkpoint_id, checkpoint_storage=checkpoint_storage)
        )
        reading = Reading(self.plan, Codec(self.types))
        return await outputs_at(request.keeping, checkpoint_id, reading)

    def reset(self) -> None:
        """Forget the runs. What executors hold as instances stays theirs.

        Raises: WorkflowBusy while a call is under way.
        """
        self._seats.reset()

    def _requested(self, message: Any, options: RunOptions) -> RunRequest:
        request = requested(message, options, self.plan.checkpoint_storage)
        if isinstance(request.keeping, Home):
            self._check_store()
        return request

    def _check_store(self) -> None:
        if self.plan.on_checkpoint_error == "warn":
            raise DefinitionError(
                'on_checkpoint_error="warn" is for checkpoint storages: what a store does not take '
                "has not happened",
                hint="Leave it out, or keep the run in a checkpoint storage: for example "
                'FileCheckpointStorage("folder").',
            )

    def _called(
        self, request: RunRequest, *, stream: bool, with_status: bool = False
    ) -> Coroutine[Any, Any, WorkflowRunResult] | ResponseStream:
        self._seats.find(request)
        if stream:
            return ResponseStream(self._seats.choose, request)
        return self._collected(request, with_status=with_status)

    async def _collected(self, request: RunRequest, *, with_status: bool) -> WorkflowRunResult:
        events: list[WorkflowEvent] = []
        call = RunCall(self._seats.choose, request, events.append, is_streaming=False)
        try:
            earlier = await call.perform()
        except Exception as error:
            error.workflow_result = collected(  # type: ignore[attr-defined]
                events, run_id=call.run_id, with_status=True
            )
            raise
        return collected(events, earlier, run_id=call.run_id, with_status=with_status)

    def execution_in(
        self, home: Home | None, run_id: str | None, resources: Any = None
    ) -> WorkflowRun:
        """A run kept in a home, for an engine. Raises: DefinitionError for shared instances.

        resources: what its handlers find as `run_context`.
        """
        if self.plan.shared_instances:
            names = ", ".join(self.plan.shared_instances)
            raise DefinitionError(
                f"executors given as instances serve one run at a time: {names}",
                hint="Give them as factories: WorkflowBuilder.register(id, factory).",
            )
        if home is not None:
            self._check_store()
        run = fresh(self.plan, Codec(self.types), home, run_id)
        run.graph.run_context = resources or {}
        return run
