# SPDX-License-Identifier: Apache-2.0
"""An execution: one run of a flow, as its caller holds it."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

from holdfast.machine import layout
from holdfast.runtime.home import Home
from holdfast.triggerflow import interrupts, pausing, reading, signals
from holdfast.triggerflow.compat.results import ResultNames
from holdfast.triggerflow.compat.runtime_data import RuntimeDataNames
from holdfast.triggerflow.compat.waiting import NOT_PASSED, ignore_wait
from holdfast.triggerflow.contract_face import ContractReading
from holdfast.triggerflow.contracts import NO_CONTRACT, Contract
from holdfast.triggerflow.execution_twins import ExecutionTwins
from holdfast.triggerflow.intervention_face import Intervenable
from holdfast.triggerflow.portable import Portable
from holdfast.triggerflow.resource_face import ResourceFace
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.running import FlowRun

#: Seconds of idleness after which an execution that nobody waits for closes by itself.
AUTO_CLOSE_S = 10.0


class Execution(
    Portable,
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
        auto_close: bool,
        auto_close_timeout: float | None,
        home: Home | None = None,
    ) -> None:
        self._auto_close = auto_close
        self._delay = auto_close_timeout if auto_close else None
        super().__init__(flow, home, self._delay)
        self.on_closed: Callable[[Execution], None] | None = None
        self._closer.on_closed = self._closed
        flow.execution = self
        if "flow_data" in flow.compiled.plan.hears:
            flow.shared.enter(self)
        flow.on_quiet = self._closer.on_quiet
        flow.on_activity = self._closer.on_activity

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._flow.run.run_id

    @property
    def started(self) -> bool:
        """Whether the run has been started."""
        return bool(self._flow.run.facts.get("started"))

    @property
    def resources(self) -> Resources:
        """The live resources of this execution."""
        return self._flow.resources

    def _layer(self) -> Resources:
        return self._flow.resources

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

    def _is_kept(self) -> bool:
        return self._home is not None

    def get_status(self) -> str:
        """created, running, waiting, completed, failed or cancelled."""
        return self._flow.status

    def get_lifecycle_state(self) -> str:
        """open, sealed or closed."""
        return self._flow.run.lifecycle

    def is_open(self) -> bool:
        """Whether signals from outside are taken."""
        return self._flow.run.lifecycle == "open"

    def is_sealed(self) -> bool:
        """Whether only work that descends from accepted signals goes on."""
        return self._flow.run.lifecycle == "sealed"

    def is_closed(self) -> bool:
        """Whether the run has ended."""
        return self._flow.run.lifecycle == "closed"

    def is_idle(self) -> bool:
        """Whether nothing is under way; an execution that waits for an answer is idle."""
        return not self._flow.run.live

    def is_waiting(self) -> bool:
        """Whether an interrupt is open."""
        return self._flow.is_waiting

    async def async_start(
        self,
        value: Any = None,
        *,
        timeout: float | None = None,
        wait_for_result: Any = NOT_PASSED,
    ) -> Any:
        """Start with a value, and wait for all that is awaited downstream.

        With auto_close the call waits for the close and returns its snapshot; otherwise it
        returns the execution. timeout: seconds of idleness before the run closes by itself; by
        default those that the execution was created with, and if those are the default too, it
        closes at once when idle, since the caller is waiting. Starting twice dispatches once.
        wait_for_result: ignored, with a warning. Raises: what a handler raised; StoreError.
        """
        ignore_wait("execution.start", wait_for_result)
        await self._ready()
        if self.is_sealed() or self.is_closed():
            self._ignored("START")
            return self._closer.copy() if self._auto_close and self.is_closed() else self
        delay = timeout
        if delay is None:
            delay = 0.0 if self._delay == AUTO_CLOSE_S else self._delay
        if not self._auto_close:
            if not self.started:
                await signals.follow(self._flow, *self._begin(value))
            return self
        with self._closer.waited_for(delay):
            if not self.started:
                await signals.follow(self._flow, *self._begin(value))
            if delay == 0 and self._closer.may_close:
                return await self._closer.close("auto_close_idle_timeout")
            self._closer.on_activity()
            return await self._closer.until_closed()

    def _ignored(self, event: str) -> None:
        text = f"ignored event {event!r}: the execution is {self._flow.run.lifecycle}"
        warnings.warn(text, RuntimeWarning, stacklevel=4)

    async def async_emit(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> Any:
        """Send a signal from outside and wait for all that follows.

        Returns the handlers' values in the order they were attached, or None if nobody listens
        or the execution is not open (with a RuntimeWarning). Raises: what a handler raised.
        """
        await self._ready()
        if not self.is_open():
            self._ignored(event)
            return None
        return await signals.emit(self._flow, event, value, trigger_type)

    async def async_emit_nowait(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> asyncio.Future[Any] | None:
        """Send a signal and return once it is taken in; close waits for what follows.

        Returns a future of what the handlers return, or None if nobody listens.
        """
        await self._ready()
        if not self.is_open():
            self._ignored(event)
            return None
        return await signals.emit_nowait(self._flow, event, value, trigger_type)

    async def async_seal(self, *, reason: str = "manual") -> Execution:
        """Take no more signals from outside; what was accepted goes on. Returns the execution."""
        await self._ready()
        if self.is_open():
            await self._turn("sealed", reason)
        return self

    async def async_unseal(self, *, reason: str = "manual") -> Execution:
        """Take signals again. A closed execution stays closed, with a RuntimeWarning."""
        await self._ready()
        if self.is_closed():
            warnings.warn("a closed execution stays closed", RuntimeWarning, stacklevel=3)
        elif self.is_sealed():
            await self._turn("open", reason)
            self._closer.on_activity()
        return self

    async def _turn(self, lifecycle: str, reason: str) -> None:
        run = self._flow.run
        run.lifecycle = lifecycle
        run.facts["seal_reason"] = reason
        self._note_facts()
        layout.mark_head(run)
        await self._flow.live.advance([])

    async def async_close(
        self,
        *,
        reason: str = "manual",
        timeout: float | None = None,
        seal: bool = True,
        pending_interrupts: str = "error",
    ) -> dict[str, Any]:
        """End the run: let accepted work end, freeze the state, and return it as the snapshot.

        timeout: seconds for the work to end; then it is cancelled. pending_interrupts: "error"
        or "cancel". Closing again returns the same snapshot.
        Raises: RunOpen, CloseTimeout, the first error of background work (once), StoreError.
        """
        await self._ready()
        return await self._closer.close(
            reason, timeout_s=timeout, seal=seal, pending=pending_interrupts
        )

    async def async_pause_for(
        self,
        *,
        type: str = "pause",
        payload: Any = None,
        resume_to: Any = None,
        resume_event: str | None = None,
        interrupt_id: str | None = None,
    ) -> dict[str, Any]:
        """Ask from outside a chunk: the answer is recorded, and sent as the event if one is named.

        Raises: WaitExists, DefinitionError (a ValueError).
        """
        await self._ready()
        ask = pausing.Ask(
            type=type,
            payload=payload,
            resume=pausing.resume_word(resume_to, resume_event),
            interrupt_id=interrupt_id,
            max_resumes=1,
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

    def get_async_runtime_stream(
        self, value: Any = None, *, timeout: float | None = 10.0
    ) -> AsyncIterator[Any]:
        """The items of the runtime stream, from the first; starts the run if nobody has.

        timeout: seconds to wait for the next item; then the iteration ends with a UserWarning.
        Raises: what a handler raised, if this reader started the run.
        """
        return reading.items(self, self._flow.the_stream(), value, timeout)

    async def async_put_into_stream(self, item: Any) -> None:
        """Put an item into the runtime stream."""
        self._flow.put(item)

    async def async_stop_stream(self) -> None:
        """End the runtime stream."""
        self._flow.stop_stream()

    async def async_retry(self, delivery: int | None = None) -> Execution:
        """Run parked deliveries again, or the one of that number, and wait for what follows."""
        await self._ready()
        await signals.retry(self._flow, self._flow.parked(delivery))
        return self

    async def async_skip(self, delivery: int, value: Any = None) -> Execution:
        """Let a parked delivery count as done, with a value, and wait for what follows."""
        await self._ready()
        await signals.skip(self._flow, self._flow.parked(delivery), value)
        return self
