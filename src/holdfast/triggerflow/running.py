# SPDX-License-Identifier: Apache-2.0
"""A flow's run in this process: what `LiveRun` drives, and what the faces are thin over.

`Execution` is what users hold and `TriggerFlowRuntimeData` what handlers hold. The machine
decides and `LiveRun` carries; signals, state and pauses are functions over a `FlowRun`, in files
of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.errors import InternalError, RunFrozen, SubFlowNotActive
from holdfast.machine import dispatch, interventions, state, visits
from holdfast.machine.effects import (
    Effect,
    Ended,
    Finished,
    FrameCancelled,
    FrameEnded,
    Input,
    Lapsed,
    Resumed,
    Retrying,
    Warn,
    Withdrawn,
)
from holdfast.machine.interventions import Intervention
from holdfast.machine.run import MISSING, PARKED, Delivery, Run, Visit, Wait
from holdfast.machine.visit_parts import KEPT_PASSED
from holdfast.persistence.codec import Codec, is_scalar
from holdfast.runtime import halting, inbox
from holdfast.runtime.bell import Bell
from holdfast.runtime.calling import THREADS, in_context
from holdfast.runtime.clock import CLOCK, IDS, Clock, Ids
from holdfast.runtime.live import LiveRun
from holdfast.runtime.migrating import NO_VERSIONS, Versions
from holdfast.runtime.permits import HOLDER, Permits, checked_limit
from holdfast.runtime.stepping import outside
from holdfast.triggerflow import insides, skipping, trying
from holdfast.triggerflow.insides import Inside
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.shared import SharedData
from holdfast.triggerflow.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from holdfast.definition.blueprint import Listeners
    from holdfast.triggerflow.bound import Bound
    from holdfast.triggerflow.compiled import Compiled


async def _no_sub_flow(flow: FlowRun, delivery: Delivery) -> Input:
    raise InternalError(f"node {delivery.node!r} of {flow.run.plan.name!r} has no handler")


class FlowRun(Telling):
    """One run of a flow: the record, who carries it, and what its handlers find.

    hidden: nobody outside holds the run, so it cannot pause. on_quiet: called when nothing is
    under way any more, and on_activity when something came that is no handler's work; the
    lifecycle decides then whether and when to close. close_posted: begins a close that was posted.
    before: what a run that takes interventions does before each call; policy: what it asks then.
    resolved: what resolvers gave to sub-flows, by the paths of their nodes. insides: the live side
    of sub-flows under way, by frame; results: what those that ended lately gave.
    """

    __slots__ = (
        "before",
        "bound",
        "carry_sub_flow",
        "close_posted",
        "codec",
        "compiled",
        "execution",
        "expired",
        "frozen",
        "hidden",
        "insides",
        "last",
        "live",
        "make_data",
        "on_quiet",
        "permits",
        "policy",
        "resolved",
        "resources",
        "result_bell",
        "results",
        "settings",
        "shared",
        "skips",
        "versions",
    )

    def __init__(
        self,
        run: Run,
        compiled: Compiled,
        codec: Codec,
        resources: Resources,
        make_data: Callable[[FlowRun, Delivery], Any],
        times: tuple[Clock, Ids] = (CLOCK, IDS),
        *,
        shared: SharedData,
    ) -> None:
        # Many parameters because: a run has that many parts, and one place makes it.
        super().__init__(run)
        self.compiled = compiled
        self.codec = codec
        self.resources = resources
        self.shared = shared
        self.settings: MutableMapping[str, Any] = {}
        self.versions: Versions = NO_VERSIONS
        self.live = LiveRun(run, self, *times)
        self.permits: Permits | None = None
        self.skips = False
        self.hidden = False
        self.frozen = False
        self.result_bell: Bell | None = None
        self.insides: dict[int, Inside] = {}
        self.resolved: dict[str, dict[str, Any]] = {}
        self.results: dict[int, Any] = {}
        self.carry_sub_flow: Callable[[FlowRun, Delivery], Awaitable[Input]] = _no_sub_flow
        self.expired: list[Intervention] = []
        self.bound: Bound | None = None
        self.last: Delivery | None = None
        self.before: Callable[[FlowRun, Delivery], Awaitable[int]] | None = None
        self.policy: Callable[[dict[str, Any]], Any] | None = None
        self.execution: Any = None
        self.on_quiet: Callable[[], None] | None = None
        self.close_posted: Callable[[int, str, str], None] | None = None
        self.make_data: Callable[[FlowRun, Delivery], Any] = make_data

    def step(self, run: Run, happened: Input) -> list[Effect]:
        """The machine of event flows."""
        return dispatch.step(run, happened)

    async def call(self, live: LiveRun, delivery: Delivery) -> Input:
        """Call a chunk's handler in a context of its own; one with a timeout, in a task."""
        try:
            handler = self.compiled.handlers[delivery.node]
        except KeyError:
            # Only the node of a sub-flow calls no handler: it opens a frame, or closes it.
            return await self.carry_sub_flow(self, delivery)
        self.last = delivery
        data = self.make_data(self, delivery)
        permits = self.permits_of(delivery.frame) if delivery.frame else self.permits
        if permits is not None:
            await permits.take(delivery.id)
            holder = HOLDER.set((permits, delivery.id))
        try:
            if permits is not None:
                halting.turn_away(live, delivery)
            if self.before is not None:
                data.seen = await self.before(self, delivery)
            if handler.tries.timeout_s is not None:
                value = await trying.timed(live, delivery, handler, data)
            elif handler.is_async:
                value = await in_context(outside(), handler.function(data))
            else:
                under = (live.running, delivery.id)
                value = await THREADS.call(handler.function, data, under=under)
        finally:
            if permits is not None:
                HOLDER.reset(holder)
                permits.give(delivery.id)
        if live.saver is None:
            return Finished(delivery, value, None, data.paused)
        is_awaited = delivery.slot >= 0 and delivery.group not in (live.detached or ())
        if data.paused or not (self.compiled.plan.after[delivery.node] or is_awaited):
            encoded = None
        else:
            encoded = self.codec.encode(value, f"return value of {delivery.node}")
        if self.run.waits:
            await inbox.withdraw_unasked(live, delivery)
        return Finished(delivery, value, encoded, data.paused)

    def failed(self, live: LiveRun, delivery: Delivery, error: BaseException) -> Input | None:
        """The handler is called again; or whoever awaits the group is told; or it is skipped."""
        again = trying.again(live, self.compiled.handlers.get(delivery.node), delivery, error)
        if again is not None or not self.skips or not isinstance(error, Exception):
            return again
        if live.errors is not None:
            live.errors.pop(delivery.id, None)
        text = f"{delivery.node} failed and was skipped: {skipping.text_of(error)}"
        self.warn("failure.skipped", text)
        number = visits.number_of(delivery)
        if number:
            # What a sub-flow gave cannot be written back: the run goes on without the sub-flow.
            return FrameCancelled(number, live.clock.now(), skipping.text_of(error))
        return skipping.skipped(self.run, delivery, error, live.clock.now())

    def permits_of(self, frame: int) -> Permits | None:
        """What limits the handlers of a sub-flow: its own limit, or the nearest one around it."""
        while frame:
            permits = self.inside(frame).permits
            if permits is not None:
                return permits
            frame = self.visit(frame).parent
        return self.permits

    @property
    def held_permits(self) -> Permits | None:
        """The permits of this run that the handler which runs here holds one of, if it does."""
        if self.permits is None and not self.insides:
            return None
        holder = HOLDER.get()
        if holder is None:
            return None
        own = [self.permits, *(inside.permits for inside in self.insides.values())]
        return holder[0] if any(holder[0] is each for each in own) else None

    def limit(self, concurrency: Any) -> None:
        """Let so many handlers work at once. Raises: TypeError."""
        most = checked_limit(concurrency)
        if self.permits is not None:
            self.permits.set(most)
        elif most:
            self.permits = Permits(most)

    def perform(self, live: LiveRun, effect: Effect) -> list[Effect] | None:
        """Warnings, and waits that nobody answered, go into the stream."""
        if isinstance(effect, Warn):
            self.warn(effect.code, effect.text)
        elif isinstance(effect, Retrying):
            self.tell(trying.retrying(self.run, effect))
        elif isinstance(effect, Lapsed):
            self.publish("interrupt", "expire", effect.wait)
        elif isinstance(effect, Resumed):
            self.publish("interrupt", "resume", effect.wait, value=effect.wait.value)
        elif isinstance(effect, FrameEnded):
            self.insides.pop(effect.frame, None)
        elif isinstance(effect, Withdrawn) and not effect.wait.answered:
            self.publish("interrupt", "cancel", effect.wait)
        return None

    async def time(self) -> None:
        """Before something is decided: what has come in time is decided first."""
        live = self.live
        if live.on_time is not None:
            await live.on_time(live.clock.now())

    def quiet(self, live: LiveRun) -> None:
        """Nothing is under way: the lifecycle may close the run."""
        if self.on_quiet is not None:
            self.on_quiet()

    def end(self, status: str, reason: str) -> list[Effect]:
        """The run ends; interventions that nothing took up expire with it."""
        run, now = self.run, self.live.clock.now()
        run.facts["close_reason"] = reason
        run.facts["closed_at"] = now
        if run.journal is not None:
            run.journal.put("facts", self.codec.encode(run.facts, "facts"))
        if run.intervening is not None:
            self.expired = interventions.expire(run.intervening, run.journal, now)
        return self.step(run, Ended(status, at=now))

    def inside(self, frame: int) -> Inside:
        """The resources and flow data of a sub-flow. Raises: SubFlowNotActive."""
        found = self.insides.get(frame)
        if found is None:
            visit = self.visit(frame)
            around = self.inside(visit.parent).resources if visit.parent else self.resources
            sub = self.compiled.subs[visit.node]
            found = self.insides[frame] = insides.made(self, frame, sub, around)
        return found

    def visit(self, frame: int) -> Visit:
        """A sub-flow that has not ended. Raises: SubFlowNotActive."""
        visit = self.run.visits.get(frame)
        if visit is None:
            name = insides.frame_id(frame)
            raise SubFlowNotActive(
                f"sub-flow frame {name!r} is not active: it has ended",
                run_id=self.run.run_id,
                frame=name,
            )
        return visit

    def listeners(self, frame: int) -> Listeners:
        """Who listens to what in a sub-flow, or in the flow itself."""
        plan = self.compiled.plan
        return plan.inside[self.visit(frame).node].listeners if frame else plan.listeners

    def keep_result(self, frame: int, value: Any) -> None:
        """Keep what a sub-flow gave, for whoever looks at frames; the record keeps but a line."""
        self.results[frame] = value
        if len(self.results) > KEPT_PASSED:
            del self.results[next(iter(self.results))]

    def fitted(self, part: str, value: Any, frame: int = 0) -> Any:
        """The value as the contract declares that part. Raises: ContractRefused."""
        compiled = self.compiled
        contract = compiled.contract
        if frame:
            contract = compiled.subs[self.visit(frame).node].compiled.contract
        return value if contract is None else contract.check(part, value, self.run.run_id)

    def kept(self, value: Any, place: str, signal: tuple[str, str], frame: int = 0) -> bytes | None:
        """The bytes of a payload when the run is kept and somebody listens; None otherwise."""
        if self.run.journal is None or signal not in self.listeners(frame):
            return None
        return self.codec.encode(value, place)

    def get_state(self, key: str | None, default: Any = None, number: int = 0) -> Any:
        """The value of a key or of all of a frame; containers are copies."""
        frame = self.run.frames.get(number)
        if frame is None:
            self.visit(number)
            return default
        if key is None:
            return self.codec.copy(state.whole(frame))
        value = state.read(frame, key)
        if value is MISSING:
            return default
        return value if is_scalar(value) else self.codec.copy(value)

    def check_frozen(self) -> None:
        """Raises: RunFrozen while the close snapshot is taken and not yet down."""
        if self.frozen:
            raise RunFrozen(
                "the terminal close snapshot is frozen, and the run is about to be closed",
                run_id=self.run.run_id,
            )

    def has_result(self) -> None:
        """A result was set, or none can come any more: tell who waits, and begin to idle anew."""
        if self.result_bell is not None:
            self.result_bell.ring()
        if self.on_activity is not None:
            self.on_activity()

    def parked(self, number: int | None = None) -> list[Delivery]:
        """The parked deliveries, or the one of that number."""
        return [
            d for d in self.run.deliveries.values() if d.status == PARKED and number in (None, d.id)
        ]

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
