# SPDX-License-Identifier: Apache-2.0
"""A flow's run in this process: calls handlers, sends signals, keeps state, asks and is answered.

`Execution` is what users hold and `TriggerFlowRuntimeData` what handlers hold; both are thin over
this. The machine decides, `LiveRun` carries; here is what only flows have.
"""

from __future__ import annotations

import asyncio
import contextvars
import warnings
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.machine import dispatch, ledger, state
from holdfast.machine.effects import (
    Effect,
    Emitted,
    Ended,
    Finished,
    Input,
    Retried,
    Skipped,
    Warn,
    Withdrawn,
)
from holdfast.machine.run import MISSING, PARKED, Delivery, Entry, Run, Wait
from holdfast.persistence.codec import Codec, is_scalar
from holdfast.persistence.store import InboxItem
from holdfast.runtime import inbox
from holdfast.runtime.calling import THREADS, in_context
from holdfast.runtime.clock import CLOCK, IDS, Clock, Ids
from holdfast.runtime.inbox import PostBody
from holdfast.runtime.live import LiveRun
from holdfast.runtime.portal import at_home, blocking
from holdfast.runtime.stream import Stream
from holdfast.triggerflow import writes
from holdfast.triggerflow.interrupts import interrupt_of
from holdfast.triggerflow.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.triggerflow.wiring import Compiled


class FlowRun:
    """One run of a flow. Long because: it is the one place where data and execution meet.

    hidden: nobody outside holds the run, so it cannot pause. on_quiet: called when nothing is
    under way any more; the lifecycle decides then whether to close.
    """

    __slots__ = (
        "codec",
        "compiled",
        "execution",
        "hidden",
        "live",
        "make_data",
        "on_quiet",
        "resources",
        "run",
        "stream",
    )

    def __init__(
        self,
        run: Run,
        compiled: Compiled,
        codec: Codec,
        resources: Resources,
        make_data: Callable[[FlowRun, Delivery], Any],
        times: tuple[Clock, Ids] = (CLOCK, IDS),
    ) -> None:
        # Many parameters because: each is a collaborator that tests replace.
        self.run = run
        self.compiled = compiled
        self.codec = codec
        self.resources = resources
        self.live = LiveRun(run, self, *times)
        self.stream: Stream[Any] | None = None
        self.hidden = False
        self.execution: Any = None
        self.on_quiet: Callable[[], None] | None = None
        self.make_data: Callable[[FlowRun, Delivery], Any] = make_data

    # -- the front that LiveRun drives ---------------------------------------------------------------

    def step(self, run: Run, happened: Input) -> list[Effect]:
        """The machine of event flows."""
        return dispatch.step(run, happened)

    async def call(self, live: LiveRun, delivery: Delivery) -> Input:
        """Call a chunk's handler in a context of its own."""
        handler = self.compiled.handlers[delivery.node]
        data = self.make_data(self, delivery)
        if handler.is_async:
            value = await in_context(contextvars.copy_context(), handler.function(data))
        else:
            value = await THREADS.call(handler.function, data)
        if live.saver is None:
            return Finished(delivery, value, None, data.paused)
        if data.paused or not (self.compiled.plan.after[delivery.node] or delivery.slot >= 0):
            encoded = None
        else:
            encoded = self.codec.encode(value, f"return value of {delivery.node}")
        if self.run.waits:
            await inbox.withdraw_unasked(live, delivery)
        return Finished(delivery, value, encoded, data.paused)

    def failed(self, live: LiveRun, delivery: Delivery, error: BaseException) -> None:
        """Nothing to tell: the error reaches whoever awaits the group."""

    def perform(self, live: LiveRun, effect: Effect) -> list[Effect] | None:
        """Warnings and withdrawn waits go into the stream."""
        if isinstance(effect, Warn):
            self.warn(effect.code, effect.text)
        elif isinstance(effect, Withdrawn):
            self.publish("interrupt", "cancel", effect.wait)
        return None

    def quiet(self, live: LiveRun) -> None:
        """Nothing is under way: the lifecycle may close the run."""
        if self.on_quiet is not None:
            self.on_quiet()

    # -- signals -------------------------------------------------------------------------------------

    async def emit(self, event: str, value: Any, kind: str = "event") -> Any:
        """A signal from outside; carried in the caller's task. Returns the handlers' values."""
        data = self.kept(value, f"payload of {event}", (kind, event))
        signal = Emitted(kind, event, value, data, wants_results=True)
        group, effects = dispatch.emit(self.run, signal)
        return await self.follow(group, effects)

    async def follow(self, group: int, effects: list[Effect]) -> Any:
        """Save, act, carry on in this task, and wait until the group is done."""
        if not group:
            await self.live.advance(effects)
            return None
        future = self.live.waiter(group)
        await self.live.carry(await self.live.advance(effects))
        return future.result() if future.done() else await future

    async def emit_nowait(self, event: str, value: Any, kind: str = "event") -> Any:
        """A signal from outside that is taken in now and carried by tasks."""
        data = self.kept(value, f"payload of {event}", (kind, event))
        group, effects = dispatch.emit(self.run, Emitted(kind, event, value, data))
        return await self._detach(group, effects)

    async def _detach(self, group: int, effects: list[Effect]) -> asyncio.Future[Any] | None:
        if not group:
            return None
        live = self.live
        future = live.waiter(group)
        if live.detached is None:
            live.detached = set()
        live.detached.add(group)
        future.add_done_callback(lambda done: self._attended(group, done))
        await live.advance(effects, here=False)
        return future

    def _attended(self, group: int, future: asyncio.Future[Any]) -> None:
        if self.live.detached is not None:
            self.live.detached.discard(group)
        if not future.cancelled():
            future.exception()

    async def emit_from(self, by: Delivery, event: str, value: Any, kind: str) -> Any:
        """A signal from a handler, which waits for all that follows; a repeat finds its outcome."""
        index, signal = self._entered(by, "emit", event, value, kind)
        if signal is None:
            return await self._again(by, index)
        group, effects = dispatch.emit(self.run, signal)
        entry = self.run.ledgers[by.id].entries[index]
        entry.group = group
        if not group:
            entry.done = True
            await self.live.advance(effects, here=False)
            return None
        future = self.live.waiter(group)
        await self.live.advance(effects, here=False)
        return await future

    async def emit_nowait_from(self, by: Delivery, event: str, value: Any, kind: str) -> Any:
        """A signal from a handler, which goes on."""
        index, signal = self._entered(by, "nowait", event, value, kind)
        if signal is None:
            for delivery in self.run.held.pop(by.id, ()):
                self.live.spawn(delivery)
            return None
        group, effects = dispatch.emit(self.run, signal)
        self.run.ledgers[by.id].entries[index].group = group
        return await self._detach(group, effects)

    def _entered(
        self, by: Delivery, what: str, event: str, value: Any, kind: str
    ) -> tuple[int, Emitted | None]:
        """The ledger line of an emit; no signal if the handler made it before."""
        data = self.kept(value, f"payload of {event}", (kind, event))
        digest = ledger.digest_of(data)
        found = ledger.find(self.run, by.id, what, event, value, digest)
        if found >= 0:
            return found, None
        index = ledger.record(self.run, by.id, Entry(what, event, digest, value))
        waits_for = what == "emit"
        signal = Emitted(
            kind, event, value, data, by.id, by.scope, index if waits_for else -1, waits_for
        )
        return index, signal

    async def _again(self, by: Delivery, index: int) -> Any:
        """The outcome of an emit that was made before: at once, or when what is left has ended."""
        entry = self.run.ledgers[by.id].entries[index]
        if entry.done or entry.group not in self.run.groups:
            return entry.outcome
        future = self.live.waiter(entry.group)
        held = self.run.held.pop(by.id, [])
        mine = [d for d in held if self._belongs(d, entry.group)]
        rest = [d for d in held if d not in mine]
        if rest:
            self.run.held[by.id] = rest
        for delivery in mine:
            self.live.spawn(delivery)
        return await future

    def _belongs(self, delivery: Delivery, group: int) -> bool:
        return delivery.group == group

    def kept(self, value: Any, place: str, signal: tuple[str, str]) -> bytes | None:
        """The bytes of a payload when the run is kept and somebody listens; None otherwise."""
        if self.run.journal is None or signal not in self.compiled.plan.listeners:
            return None
        return self.codec.encode(value, place)

    # -- state ---------------------------------------------------------------------------------------

    def get_state(self, key: str | None, default: Any = None) -> Any:
        """The value of a key or of all; containers are copies."""
        frame = self.run.frames[0]
        if key is None:
            return self.codec.copy(state.whole(frame))
        value = state.read(frame, key)
        if value is MISSING:
            return default
        return value if is_scalar(value) else self.codec.copy(value)

    async def set_state(self, key: str, value: Any, *, emit: bool, writer: Delivery | None) -> None:
        """Write a key; watchers are told and waited for."""
        writes.put(self.run, self.codec, key, value, _id(writer))
        await self._watchers(key, value, writer, emit=emit)

    async def append_state(
        self, key: str, value: Any, *, emit: bool, writer: Delivery | None
    ) -> None:
        """Append to a key."""
        writes.grow(self.run, self.codec, key, value, _id(writer))
        if emit and self._watched(key):
            await self._watchers(key, self.get_state(key), writer, emit=emit)
        elif writer is None:
            await self._saved()

    async def del_state(self, key: str, *, emit: bool, writer: Delivery | None) -> None:
        """Take a key away."""
        writes.remove(self.run, self.codec, key, _id(writer))
        await self._watchers(key, None, writer, emit=emit)

    def _watched(self, key: str) -> bool:
        return ("runtime_data", key) in self.compiled.plan.listeners

    async def _watchers(self, key: str, value: Any, by: Delivery | None, *, emit: bool) -> None:
        if emit and self._watched(key):
            if by is None:
                await self.emit(key, value, "runtime_data")
            else:
                await self.emit_from(by, key, value, "runtime_data")
        elif by is None:
            await self._saved()

    async def _saved(self) -> None:
        """A write from outside a handler is down when its call returns."""
        if self.live.saver is not None:
            await self.live.advance([])

    def set_state_now(self, key: str, value: Any, *, emit: bool, writer: Delivery | None) -> None:
        """The blocking form; on a running loop only when nobody has to be waited for."""
        if self._must_wait(key, writer, emit=emit):
            blocking(self.set_state(key, value, emit=emit, writer=writer))
        else:
            at_home(writes.put, self.run, self.codec, key, value, _id(writer))

    def append_state_now(
        self, key: str, value: Any, *, emit: bool, writer: Delivery | None
    ) -> None:
        """The blocking form."""
        if self._must_wait(key, writer, emit=emit):
            blocking(self.append_state(key, value, emit=emit, writer=writer))
        else:
            at_home(writes.grow, self.run, self.codec, key, value, _id(writer))

    def del_state_now(self, key: str, *, emit: bool, writer: Delivery | None) -> None:
        """The blocking form."""
        if self._must_wait(key, writer, emit=emit):
            blocking(self.del_state(key, emit=emit, writer=writer))
        else:
            at_home(writes.remove, self.run, self.codec, key, _id(writer))

    def _must_wait(self, key: str, writer: Delivery | None, *, emit: bool) -> bool:
        if emit and self._watched(key):
            return True
        return writer is None and self.live.saver is not None

    # -- stream --------------------------------------------------------------------------------------

    def the_stream(self) -> Stream[Any]:
        """The runtime stream, made when first asked for."""
        if self.stream is None:
            self.stream = Stream()
        return self.stream

    def put(self, item: Any) -> None:
        """Put an item into the stream; after its end it is dropped with a RuntimeWarning."""
        stream = self.the_stream()
        if stream.is_ended:
            warnings.warn("the runtime stream has ended: the item is dropped", RuntimeWarning, 3)
            return
        stream.put(item)

    def stop_stream(self) -> None:
        """End the stream."""
        self.the_stream().end()

    def publish(self, kind: str, action: str, wait: Wait, **more: Any) -> None:
        """Put a system item into the stream."""
        stream = self.the_stream()
        if not stream.is_ended:
            stream.put(
                {
                    "type": kind,
                    "action": action,
                    "execution_id": self.run.run_id,
                    "interrupt": interrupt_of(self.run, wait),
                    **more,
                }
            )

    def warn(self, code: str, text: str) -> None:
        """Tell watchers that something was dropped or could not be done."""
        stream = self.the_stream()
        if not stream.is_ended:
            stream.put(
                {
                    "type": "warning",
                    "code": code,
                    "text": text,
                    "execution_id": self.run.run_id,
                }
            )

    # -- decisions from outside ----------------------------------------------------------------------

    async def retry(self, delivery: Delivery) -> None:
        """Run a parked delivery again and wait for all that follows."""
        await self.follow(delivery.group, self.step(self.run, Retried(delivery)))

    async def skip(self, delivery: Delivery, value: Any) -> None:
        """Let a parked delivery count as done with a value, and wait for all that follows."""
        data = None if self.run.journal is None else self.codec.encode(value, "value of the skip")
        await self.follow(delivery.group, self.step(self.run, Skipped(delivery, value, data)))

    def parked(self, number: int | None = None) -> list[Delivery]:
        """The parked deliveries, or the one of that number."""
        return [
            d
            for d in self.run.deliveries.values()
            if d.status == PARKED and number in (None, d.id)
        ]

    def posted(self, item: InboxItem) -> list[Effect]:
        """What a post that is no answer means: signal, cancel, retry, skip or close."""
        body = msgspec.json.decode(item.post.body, type=PostBody)
        run = self.run
        value = None if run.journal is None else run.journal.codec.decode(bytes(body.value))
        match item.post.kind:
            case "signal":
                data = bytes(body.value)
                return dispatch.emit(run, Emitted("event", body.event, value, data))[1]
            case "retry":
                found = self.parked(body.delivery)
                return [e for d in found for e in self.step(run, Retried(d))]
            case "skip":
                found = self.parked(body.delivery)
                return [
                    e for d in found for e in self.step(run, Skipped(d, value, bytes(body.value)))
                ]
            case kind:
                words = {"cancel": "cancelled", "close": "completed"}
                return self.step(run, Ended(words[kind]))

    # -- waits ---------------------------------------------------------------------------------------

    def answered(self, delivery: Delivery) -> Wait | None:
        """The answered wait that a delivery continues."""
        return None if delivery.wait is None else self.run.waits.get(delivery.wait)

    @property
    def is_waiting(self) -> bool:
        """Whether a wait is open."""
        return any(not wait.answered for wait in self.run.waits.values())

    @property
    def status(self) -> str:
        """created, running, waiting, completed, failed or cancelled."""
        run = self.run
        if run.lifecycle == "closed" or run.status in {"failed", "cancelled"}:
            return run.status
        return "waiting" if self.is_waiting else run.status



def _id(writer: Delivery | None) -> int:
    return 0 if writer is None else writer.id
