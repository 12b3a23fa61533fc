# SPDX-License-Identifier: Apache-2.0
"""An execution: one run of a flow, as its caller holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.machine.run import MISSING
from holdfast.runtime.home import Home
from holdfast.runtime.timers import Deadline
from holdfast.triggerflow import interrupts, pausing, signals
from holdfast.triggerflow.asking import asked
from holdfast.triggerflow.compat.results import ResultNames
from holdfast.triggerflow.compat.runtime_data import RuntimeDataNames
from holdfast.triggerflow.contract_face import ContractReading
from holdfast.triggerflow.contracts import NO_CONTRACT, Contract
from holdfast.triggerflow.execution_twins import ExecutionTwins
from holdfast.triggerflow.frame_face import FrameFace
from holdfast.triggerflow.intervention_face import Intervenable
from holdfast.triggerflow.portable import Portable
from holdfast.triggerflow.resource_face import ResourceFace
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.result import ExecutionResult
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.signal_face import SignalFace
from holdfast.triggerflow.stream_face import StreamFace
from holdfast.triggerflow.unset import UNSET


class Execution(
    Portable,
    SignalFace,
    StreamFace,
    FrameFace,
    Intervenable,
    ResultNames,
    RuntimeDataNames,
    ContractReading,
    ResourceFace,
    ExecutionTwins,
):
    """One run of a flow. Made by `flow.create_execution(...)`.

    Every method `async_x` has a blocking twin `x`. on_closed: called once with the execution when
    it has ended. Long because: it is the documented face of a run, thin over its parts.
    """

    def __init__(
        self,
        flow: FlowRun,
        *,
        auto_close: bool = UNSET,
        auto_close_timeout: float | None = UNSET,
        home: Home | None = None,
    ) -> None:
        asked: dict[str, Any] = {}
        if auto_close is not UNSET:
            asked["auto_close"] = auto_close
        if auto_close_timeout is not UNSET:
            asked["auto_close_timeout"] = auto_close_timeout
        super().__init__(flow, home, asked)
        self.on_closed: Callable[[Execution], None] | None = None
        self._closer.on_closed = self._closed
        flow.execution = self
        if "flow_data" in flow.compiled.plan.hears:
            flow.shared.enter(self)
        flow.on_quiet = self._closer.on_quiet
        flow.close_posted = self._closer.posted.begin
        flow.on_activity = self._closer.on_activity

    @property
    def resources(self) -> Resources:
        """The live resources of this execution."""
        return self._flow.resources

    @property
    def result(self) -> ExecutionResult:
        """What came of this execution, to be read before and after its end."""
        return ExecutionResult(self._flow, self._closer, self._ready)

    def _layer(self) -> Resources:
        return self._flow.resources

    def _needs_changed(self) -> None:
        self._keep_needs()

    def _contract(self) -> Contract:
        return self._flow.compiled.contract or NO_CONTRACT

    def _closed(self) -> None:
        self._flow.shared.leave(self)
        if self.on_closed is not None:
            self.on_closed(self)

    def hide(self) -> None:
        """Nobody outside holds this execution: a pause in it raises PauseNotAllowed."""
        self._flow.hidden = True

    def _access(self) -> tuple[FlowRun, None]:
        return self._flow, None

    async def _prepared(self) -> None:
        await self._ready()

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
        """Ask from outside a chunk: the answer is recorded, and sent as the event if one is named.

        The keywords are those of a handler's `async_pause_for`; nothing here runs again, so
        resume_to="self" is refused, and max_resumes bounds nothing.
        Raises: WaitExists, DefinitionError (a ValueError).
        """
        await self._ready()
        # Many parameters because: they are the documented keywords of a pause.
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
        interrupt = await pausing.pause(self._flow, None, ask)
        return {"interrupt": interrupt, "interrupt_id": interrupt["id"]}

    async def async_continue_with(
        self,
        interrupt_id: str,
        value: Any = None,
        *,
        resume_request_id: str | None = None,
        actor: str | None = None,
    ) -> dict[str, Any] | None:
        """Answer an interrupt, and wait for all that is awaited behind it. Returns the interrupt.

        resume_request_id: the same id with the same value is the same answer, at any later time.
        Raises: WaitNotFound (KeyError), AlreadyAnswered, AnswerConflict, WaitClosed (ValueError),
        what a handler raised.
        """
        await self._ready()
        return await pausing.continue_with(
            self._flow, interrupt_id, value, resume_request_id, actor
        )

    def get_interrupt(self, interrupt_id: str) -> dict[str, Any] | None:
        """An interrupt by id, open or lately settled; None if unknown."""
        return interrupts.find(self._flow.run, interrupt_id)

    def get_pending_interrupts(self) -> dict[str, dict[str, Any]]:
        """The open interrupts by id, oldest first."""
        return interrupts.pending(self._flow.run)

    async def async_retry(self, delivery: int | None = None) -> Execution:
        """Run parked deliveries again, or the one of that number, and wait for what follows."""
        await self._ready()
        await signals.retry(self._flow, signals.undecided(self._flow, delivery))
        return self

    async def async_skip(self, delivery: int, value: Any = None) -> Execution:
        """Let a parked delivery count as done, with a value, and wait for what follows."""
        await self._ready()
        await signals.skip(self._flow, signals.undecided(self._flow, delivery), value)
        return self
