# SPDX-License-Identifier: Apache-2.0
"""An execution: one run of a flow, as its caller holds it."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import DefinitionError, RunError
from holdfast.runtime.home import Home
from holdfast.triggerflow import interrupts, pausing, saves
from holdfast.triggerflow.execution_twins import ExecutionTwins
from holdfast.triggerflow.kept import Kept
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.state_face import StateFace

if TYPE_CHECKING:
    from holdfast.triggerflow.resources import Resources


class Execution(Kept, StateFace, ExecutionTwins):
    """One run of a flow. Long because: it is the documented face of a run, thin over its parts.

    Made by `flow.create_execution(...)`. Every method `async_x` has a blocking twin `x`.
    """

    def __init__(
        self,
        flow: FlowRun,
        *,
        auto_close: bool,
        auto_close_timeout: float | None,
        home: Home | None = None,
    ) -> None:
        super().__init__(flow, home)
        self._auto_close = auto_close
        self._default_delay = auto_close_timeout
        self.on_closed: Callable[[Execution], None] | None = None
        flow.execution = self
        flow.on_quiet = self._closer.on_quiet

    # -- identity and status -------------------------------------------------------------------------

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

    def get_status(self) -> str:
        """created, running, waiting, completed, failed or cancelled."""
        return self._flow.status

    def hide(self) -> None:
        """Nobody outside holds this execution: a pause in it raises PauseNotAllowed."""
        self._flow.hidden = True

    def _access(self) -> tuple[FlowRun, None]:
        return self._flow, None

    async def _prepared(self) -> None:
        await self._ready()

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

    # -- start ---------------------------------------------------------------------------------------

    async def async_start(self, value: Any = None, *, timeout: float | None = None) -> Any:
        """Start with a value, and wait for all that is awaited downstream.

        With auto_close the call waits for the close and returns its snapshot; otherwise it
        returns the execution. timeout: seconds of idleness before the run closes by itself; by
        default it closes at once when idle, since the caller is waiting. Starting twice does
        nothing. Raises: what a handler raised; StoreError.
        """
        await self._ready()
        if self.is_sealed() or self.is_closed():
            self._ignored("START")
            return self._closer.copy() if self._auto_close and self.is_closed() else self
        delay = timeout if timeout is not None else (0.0 if self._auto_close else None)
        if not self.started:
            group, effects = self._begin(value)
            if not self._auto_close:
                await self._flow.follow(group, effects)
                return self
            self._closer.delay = delay
            await self._flow.follow(group, effects)
        elif not self._auto_close:
            return self
        self._closer.delay = delay
        if not delay and self._closer.is_idle and not self.is_closed():
            return await self._close("auto_close_idle_timeout")
        if self._closer.is_idle:
            self._closer.on_quiet()
        return await self._closer.until_closed()

    def _ignored(self, event: str) -> None:
        text = f"ignored event {event!r}: the execution is {self._flow.run.lifecycle}"
        warnings.warn(text, RuntimeWarning, stacklevel=4)

    # -- events --------------------------------------------------------------------------------------

    async def async_emit(self, event: str, value: Any = None, *, trigger_type: str = "event") -> Any:
        """Send a signal from outside and wait for all that follows.

        Returns the handlers' values in the order they were attached, or None if nobody listens
        or the execution is not open (with a RuntimeWarning).
        """
        await self._ready()
        if not self.is_open():
            self._ignored(event)
            return None
        return await self._flow.emit(event, value, trigger_type)

    async def async_emit_nowait(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> asyncio.Future[Any] | None:
        """Send a signal and return once it is taken in; close waits for what follows."""
        await self._ready()
        if not self.is_open():
            self._ignored(event)
            return None
        return await self._flow.emit_nowait(event, value, trigger_type)

    # -- lifecycle -----------------------------------------------------------------------------------

    async def async_seal(self, *, reason: str = "manual") -> Execution:
        """Take no more signals from outside; what was accepted goes on. Returns the execution."""
        await self._ready()
        if self.is_open():
            self._flow.run.lifecycle = "sealed"
            self._flow.run.facts["seal_reason"] = reason
        return self

    async def async_unseal(self, *, reason: str = "manual") -> Execution:
        """Take signals again. A closed execution stays closed, with a RuntimeWarning."""
        await self._ready()
        if self.is_closed():
            warnings.warn("a closed execution stays closed", RuntimeWarning, stacklevel=3)
        elif self.is_sealed():
            self._flow.run.lifecycle = "open"
            self._flow.run.facts["seal_reason"] = reason
        return self

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
        return await self._close(
            reason, timeout_s=timeout, seal=seal, pending=pending_interrupts
        )

    async def _close(self, reason: str, **how: Any) -> dict[str, Any]:
        snapshot = await self._closer.close(reason, **how)
        if self.on_closed is not None:
            self.on_closed(self)
        return snapshot

    # -- pause and answer ----------------------------------------------------------------------------

    async def async_pause_for(
        self,
        *,
        type: str = "pause",  # noqa: A002
        payload: Any = None,
        resume_to: Any = None,
        resume_event: str | None = None,
        interrupt_id: str | None = None,
    ) -> dict[str, Any]:
        """Ask from outside a chunk: the answer is recorded, and sent as an event if one is named."""
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

    # -- resources -----------------------------------------------------------------------------------

    def set_runtime_resource(self, key: str, value: Any) -> Execution:
        """Put a live resource into this execution."""
        self._flow.resources.set(key, value)
        return self

    def get_runtime_resource(self, key: str, default: Any = None) -> Any:
        """A live resource, the flow's if this execution has none of its own; or the default."""
        return self._flow.resources.get(key, default)

    def require_runtime_resource(self, key: str) -> Any:
        """A live resource. Raises: ResourceMissing, a KeyError that lists what there is."""
        return self._flow.resources.require(key)

    def get_runtime_resources(self) -> dict[str, Any]:
        """All live resources by key."""
        return dict(self._flow.resources)

    def del_runtime_resource(self, key: str) -> Execution:
        """Take a resource out of this execution; the flow's shows again."""
        self._flow.resources.delete(key)
        return self

    def update_runtime_resources(
        self, mapping: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Execution:
        """Put several live resources into this execution."""
        self._flow.resources.update(mapping, **more)
        return self

    def clear_runtime_resources(self) -> Execution:
        """Take all of this execution's own resources out."""
        self._flow.resources.clear()
        return self

    # -- stream --------------------------------------------------------------------------------------

    async def get_async_runtime_stream(
        self, value: Any = None, *, timeout: float | None = 10.0
    ) -> AsyncIterator[Any]:
        """The items of the runtime stream, from the first; starts the run if nobody has.

        timeout: seconds to wait for the next item; then the iteration ends with a UserWarning.
        """
        stream = self._flow.the_stream()
        starting: asyncio.Task[Any] | None = None
        if not self.started:
            starting = asyncio.ensure_future(self.async_start(value))
            starting.add_done_callback(lambda task: _end_on_failure(stream, task))
        items = stream.read()
        try:
            while True:
                try:
                    yield await asyncio.wait_for(anext(items), timeout)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    text = f"no stream item came for {timeout} s; the iteration ends"
                    warnings.warn(text, UserWarning, stacklevel=2)
                    return
        finally:
            if starting is not None and starting.done() and not starting.cancelled():
                starting.exception()

    async def async_put_into_stream(self, item: Any) -> None:
        """Put an item into the runtime stream."""
        self._flow.put(item)

    async def async_stop_stream(self) -> None:
        """End the runtime stream."""
        self._flow.stop_stream()

    # -- save and load -------------------------------------------------------------------------------

    def save(
        self, path: Path | str | None = None, *, require_idle: bool = False
    ) -> dict[str, Any]:
        """The run as a JSON-friendly document; with a path it is written there too.

        Work in flight is in it, and runs again after a load. require_idle: RuntimeError while
        work is under way. Raises: ValueRefused with the place of a value that cannot be kept.
        """
        if require_idle and not self.is_idle():
            raise RunError("save(require_idle=True): work is under way", run_id=self.run_id)
        return saves.save(self._flow, path)

    def load(
        self,
        state: Any,
        *,
        runtime_resources: Mapping[str, Any] | None = None,
        validate_resources: bool = False,
        strict: bool = False,
    ) -> Execution:
        """Continue from a saved document: a mapping, text, bytes, or a `Path` to a file.

        Nothing runs until the next awaited call, or `async_resume()`. Everything is checked
        first; an execution that a load fails on is as it was. strict: refuse a changed flow.
        Raises: NotASave, Damaged, UnknownVersion, WrongDefinition, TypeNotAllowed.
        """
        document = saves.opened(state)
        run, warning = saves.record_of(document, self._flow, strict=strict)
        known = {**self._flow.resources, **(runtime_resources or {})}
        missing = sorted(set(document.resource_keys) - set(known))
        if validate_resources and missing:
            raise RunError(f"missing resources: {missing}", run_id=run.run_id, missing=missing)
        if self._home is not None:
            raise RunError("an execution of a store is opened by its id, or by Engine.adopt(...)")
        if warning is not None:
            warnings.warn(warning, RuntimeWarning, stacklevel=2)
        self._flow.resources.update(runtime_resources)
        self._take_over(run)
        return self

    def inspect_load(self, state: Any) -> dict[str, Any]:
        """What a load would find, without loading: status, resources missing, what runs again.

        Raises: NotASave, Damaged, UnknownVersion for a document that cannot be read.
        """
        document = saves.opened(state)
        missing = sorted(set(document.resource_keys) - set(self._flow.resources))
        report: dict[str, Any] = {
            "execution_id": document.run_id,
            "snapshot_fingerprint": document.fingerprint,
            "current_flow_definition_fingerprint": self._flow.compiled.fingerprint,
            "missing_resource_keys": missing,
            "diagnostics": [],
            "will_run_again": [],
        }
        try:
            run, warning = saves.record_of(document, self._flow, strict=False)
        except DefinitionError as error:
            report["diagnostics"].append({"severity": "error", "message": str(error)})
        except ValueError as error:
            report["diagnostics"].append({"severity": "error", "message": str(error)})
        else:
            report["will_run_again"] = saves.will_run_again(run)
            if warning is not None:
                report["diagnostics"].append({"severity": "warning", "message": warning})
        broken = any(d["severity"] == "error" for d in report["diagnostics"])
        word = "invalid_snapshot" if broken else "missing_resources" if missing else "ready"
        report["status"] = word
        report["ready"] = word == "ready"
        return report

    async def async_resume(self) -> Execution:
        """Start what was under way when the run was saved; it runs in tasks. Returns the execution."""
        await self._ready()
        return self

    async def async_retry(self, delivery: int | None = None) -> Execution:
        """Run parked deliveries again, or the one of that number, and wait for what follows."""
        await self._ready()
        for parked in self._flow.parked(delivery):
            await self._flow.retry(parked)
        return self

    async def async_skip(self, delivery: int, value: Any = None) -> Execution:
        """Let a parked delivery count as done, with a value, and wait for what follows."""
        await self._ready()
        for parked in self._flow.parked(delivery):
            await self._flow.skip(parked, value)
        return self

    async def async_release(self) -> dict[str, Any]:
        """Save, and stop without closing, so that somebody else may go on. Returns the document."""
        await self._ready()
        await self._flow.live.halt()
        saved = self.save()
        await self.stop()
        return saved


def _end_on_failure(stream: Any, task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        stream.end()
    elif task.exception() is not None:
        stream.end(task.exception())
    else:
        stream.end()

