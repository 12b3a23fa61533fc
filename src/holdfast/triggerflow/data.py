# SPDX-License-Identifier: Apache-2.0
"""What a handler receives: the value, the signal, and the run it may read and change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from holdfast.errors import HandlerTimeout, PauseNotAllowed
from holdfast.machine.run import MISSING, Delivery
from holdfast.runtime.portal import at_home, blocking, without_waiting
from holdfast.runtime.step_face import StepFace
from holdfast.runtime.steps import Caller
from holdfast.runtime.timers import Deadline
from holdfast.triggerflow import interrupts, pausing, signals
from holdfast.triggerflow.asking import asked
from holdfast.triggerflow.compat.results import ResultNames
from holdfast.triggerflow.compat.runtime_data import RuntimeDataNames
from holdfast.triggerflow.flow_data_face import FlowDataFace
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.seen import SeenInterventions
from holdfast.triggerflow.seen_signal import SeenSignal
from holdfast.triggerflow.shared import SharedData
from holdfast.triggerflow.views import FlowDataHolder, StateView

I = TypeVar("I")  # noqa: E741
S = TypeVar("S")
R = TypeVar("R")


class TriggerFlowRuntimeData(
    SeenSignal,
    ResultNames,
    RuntimeDataNames,
    FlowDataFace,
    SeenInterventions,
    StepFace,
    Generic[I, S, R],
):
    """One handler call's view of its run. Writes and emits are known to come from this call."""

    __slots__ = ("_attempt", "_delivery", "_flow", "_late", "is_judging", "paused", "seen", "value")

    def __init__(self, run: FlowRun, delivery: Delivery) -> None:
        self._flow = run
        self._late: HandlerTimeout | None = None
        self._delivery = delivery
        self._attempt = delivery.attempt
        self.value: Any = delivery.payload
        self.paused = False
        self.is_judging = False

    @property
    def _run(self) -> FlowRun:
        if self._late is not None:
            raise self._late
        return self._flow

    def give_up(self, error: HandlerTimeout) -> None:
        """The call ran out of time: what its handler still does with this raises the error."""
        self._late = error

    def _access(self) -> tuple[FlowRun, Delivery]:
        return self._run, self._delivery

    def _shared(self) -> SharedData:
        frame = self._delivery.frame
        return self._run.inside(frame).shared if frame else self._run.shared

    def _stepping(self) -> Caller:
        return Caller(self._run, self._delivery, self._attempt)

    def _writer(self) -> tuple[FlowRun, Delivery]:
        return self._run, self._delivery

    @property
    def state(self) -> StateView:
        """State as a mapping."""
        return StateView(self)

    @property
    def flow_state(self) -> StateView:
        """Flow data as a mapping; each use warns, as the calls that it stands for."""
        return StateView(FlowDataHolder(self))

    @property
    def execution(self) -> Any:
        """The execution this call belongs to."""
        return self._run.execution

    @property
    def execution_id(self) -> str:
        """The id of that execution."""
        return self._run.run.run_id

    def _layer(self) -> Resources:
        frame = self._delivery.frame
        return self._run.inside(frame).resources if frame else self._run.resources

    @property
    def resources(self) -> Mapping[str, Any]:
        """The live resources of this execution, or sub-flow, to read."""
        return self._layer()

    def get_resource(self, key: str, default: Any = None) -> Any:
        """A live resource, or the default."""
        return self._layer().get(key, default)

    def require_resource(self, key: str) -> Any:
        """A live resource. Raises: ResourceMissing, a KeyError that lists what there is."""
        return self._layer().require(key)

    def set_resource(self, key: str, value: Any) -> None:
        """Put a live resource into this execution."""
        self._layer().set(key, value)

    def del_resource(self, key: str) -> None:
        """Take a live resource out of this execution."""
        self._layer().delete(key)

    async def async_emit(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> Any:
        """Send a signal and wait for all that follows. Returns the handlers' values, or None."""
        return await signals.emit_from(self._run, self._delivery, event, value, trigger_type)

    async def async_emit_nowait(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> asyncio.Future[Any] | None:
        """Send a signal and go on; close waits for what follows."""
        return await signals.emit_nowait_from(self._run, self._delivery, event, value, trigger_type)

    def emit(self, event: str, value: Any = None, *, trigger_type: str = "event") -> Any:
        """The blocking form of `async_emit`, for sync handlers."""
        return blocking(self.async_emit(event, value, trigger_type=trigger_type))

    def emit_nowait(self, event: str, value: Any = None, *, trigger_type: str = "event") -> Any:
        """As `async_emit_nowait`; in an async handler too, where no open question can be met."""
        run = self._run.run
        call = self.async_emit_nowait(event, value, trigger_type=trigger_type)
        return without_waiting(call, waits=bool(run.waits))

    async def async_put_into_stream(self, item: Any) -> None:
        """Put an item into the runtime stream."""
        self._run.put(item, self._delivery.frame)

    def put_into_stream(self, item: Any) -> None:
        """Put an item into the runtime stream."""
        at_home(self._run.put, item, self._delivery.frame)

    async def async_put(self, item: Any) -> None:
        """Another name of `async_put_into_stream`."""
        self._run.put(item, self._delivery.frame)

    def put(self, item: Any) -> None:
        """Another name of `put_into_stream`."""
        at_home(self._run.put, item, self._delivery.frame)

    async def async_stop_stream(self) -> None:
        """End the runtime stream; a sub-flow does not end that of the flow around it."""
        if not self._delivery.frame:
            self._run.stop_stream()

    def stop_stream(self) -> None:
        """End the runtime stream; a sub-flow does not end that of the flow around it."""
        if not self._delivery.frame:
            at_home(self._run.stop_stream)

    async def async_pause_for(
        self,
        *,
        type: str = "pause",
        payload: Any = None,
        resume_to: Any = None,
        resume_event: str | None = None,
        interrupt_id: str | None = None,
        max_resumes: int | None = 1,
        response_schema: Any = None,
        deadline: Deadline | None = None,
        default: Any = MISSING,
        timeout_event: str | None = None,
        exchange_kind: str | None = None,
    ) -> dict[str, Any]:
        """Ask somebody outside and withhold this chunk's continuation until the answer.

        resume_to: "next" (the answer becomes this chunk's output), "self" (this chunk runs again,
        at most max_resumes times) or {"event": name}. response_schema: which answers fit: a dict
        of the closed subset of JSON Schema, or a type. deadline: seconds or a timedelta from now,
        or an aware datetime; when it passes, the default counts as the answer, or timeout_event
        is sent with the payload, or the branch ends with a warning. exchange_kind: a label.
        Returns a marker that holds the interrupt; code after the call still runs.
        Raises: PauseNotAllowed, WaitExists, SelfResumeLimit, DefinitionError (a ValueError).
        """
        # Many parameters because: they are the documented keywords of a pause.
        if self.is_judging:
            raise PauseNotAllowed(
                "a condition judges a value and cannot pause",
                hint="Pause in a chunk before the match.",
                run_id=self.execution_id,
            )
        ask = asked(
            type=type,
            payload=payload,
            resume_to=resume_to,
            resume_event=resume_event,
            interrupt_id=interrupt_id,
            max_resumes=max_resumes,
            response_schema=response_schema,
            deadline=deadline,
            default=default,
            timeout_event=timeout_event,
            exchange_kind=exchange_kind,
        )
        interrupt = await pausing.pause(self._run, self._delivery, ask)
        self.paused = True
        return {"interrupt": interrupt, "interrupt_id": interrupt["id"]}

    def pause_for(self, **options: Any) -> dict[str, Any]:
        """The blocking form of `async_pause_for`, for sync handlers."""
        return blocking(self.async_pause_for(**options))

    async def async_continue_with(
        self,
        interrupt_id: str,
        value: Any = None,
        *,
        resume_request_id: str | None = None,
        actor: str | None = None,
    ) -> dict[str, Any] | None:
        """Answer an interrupt of this execution; see `Execution.async_continue_with`."""
        known_as = interrupts.known_as(self._run.run, self._delivery.frame, interrupt_id)
        return await pausing.continue_with(self._run, known_as, value, resume_request_id, actor)

    def continue_with(
        self, interrupt_id: str, value: Any = None, **options: Any
    ) -> dict[str, Any] | None:
        """The blocking form of `async_continue_with`, for sync handlers."""
        return blocking(self.async_continue_with(interrupt_id, value, **options))

    def get_interrupt(self, interrupt_id: str) -> dict[str, Any] | None:
        """An interrupt of this execution, or None."""
        run = self._run.run
        known_as = interrupts.known_as(run, self._delivery.frame, interrupt_id)
        return interrupts.find(run, known_as)

    def get_pending_interrupts(self) -> dict[str, dict[str, Any]]:
        """The open interrupts of this execution, by id, oldest first; or of this sub-flow."""
        if self._delivery.frame:
            return interrupts.pending_in(self._run.run, self._delivery.frame)
        return interrupts.pending(self._run.run)

    def is_waiting(self) -> bool:
        """Whether this execution has open interrupts."""
        return self._run.is_waiting

    def get_status(self) -> str:
        """The status word of this execution."""
        return self._run.status


TriggerFlowEventData = TriggerFlowRuntimeData
