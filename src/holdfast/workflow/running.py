# SPDX-License-Identifier: Apache-2.0
"""A workflow's run in this process: calls handlers, routes messages, tells watchers.

The machine decides about supersteps and `LiveRun` carries; here is what only graphs have: whose
handler takes a message, what executors hold, and which event says what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.definition.retry import ONCE, Tries
from holdfast.errors import (
    InputRefused,
    WorkflowConvergenceException,
)
from holdfast.machine import barrier, superstep
from holdfast.machine.effects import (
    AskedOutside,
    Barrier,
    Began,
    Effect,
    Finished,
    Input,
    Refused,
    Retrying,
    Sent,
    Stuck,
    Unrouted,
    Warn,
    Withdrawn,
)
from holdfast.machine.frames import OUTSIDE
from holdfast.machine.run import PARKED, Delivery, Run, Wait
from holdfast.persistence.checkpoint import CheckpointInfo
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import CheckpointMark, InboxItem
from holdfast.runtime import inbox
from holdfast.runtime.calling import THREADS, in_context
from holdfast.runtime.clock import CLOCK, IDS, Clock, Ids
from holdfast.runtime.live import LiveRun
from holdfast.runtime.retrying import faltered
from holdfast.runtime.stepping import outside
from holdfast.workflow import crossing, posts, trying
from holdfast.workflow.call import HandlerCall
from holdfast.workflow.context import WorkflowContext
from holdfast.workflow.crossing import Border
from holdfast.workflow.event_data import (
    CompletionInfo,
    StartInfo,
    WorkflowErrorDetails,
    WorkflowRunState,
)
from holdfast.workflow.events import (
    ExecutorCompletedEvent,
    ExecutorFailedEvent,
    ExecutorInvokedEvent,
    SuperStepCompletedEvent,
    SuperStepStartedEvent,
    WorkflowEvent,
    WorkflowStatusEvent,
    WorkflowWarningEvent,
)
from holdfast.workflow.executor import Executor
from holdfast.workflow.handlers import HandlerSpec
from holdfast.workflow.holding import Held
from holdfast.workflow.keeping import taken_checkpoint_id
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.responses import response_for
from holdfast.workflow.sending import Sending


class GraphRun:
    """One run of a workflow, as `LiveRun` drives it.

    Long because: it is the front that `LiveRun` knows, and each of its methods is short.
    publish: where events go. on_rest: called when the run rests: completed, waiting, or standing
    with what failed. held: the executors and what is kept of them. response_types: what open
    requests ask for, by id, as far as this process has heard it. border: of its sub-workflows.
    run_context: what the caller gave for handlers to use; never saved.
    failure: the last error that a handler raised, and whose. tries: how handlers under way are
    called, as far as they or their executors say so, by delivery.
    """

    __slots__ = (
        "border",
        "codec",
        "failure",
        "held",
        "is_streaming",
        "live",
        "on_rest",
        "plan",
        "publish",
        "response_types",
        "roused",
        "run",
        "run_context",
        "sending",
        "told_pending",
        "tries",
    )

    def __init__(
        self, run: Run, plan: WorkflowPlan, codec: Codec, times: tuple[Clock, Ids] = (CLOCK, IDS)
    ) -> None:
        self.run = run
        self.plan = plan
        self.codec = codec
        self.held = Held(plan, codec)
        self.border = Border(self) if plan.subs else None
        self.sending = Sending(self)
        self.live = LiveRun(run, self, *times)
        self.is_streaming = False
        self.publish: Callable[[WorkflowEvent], None] = _ignore
        self.on_rest: Callable[[], None] = _rest
        self.response_types: dict[str, Any] = {}
        self.run_context: Mapping[str, Any] = {}
        self.failure: tuple[BaseException, str] | None = None
        self.told_pending = False
        self.roused = False
        self.tries: dict[int, Tries] = {}

    @property
    def executors(self) -> Mapping[str, Executor]:
        """Who stands at the nodes."""
        return self.held.executors

    @property
    def held_permits(self) -> None:
        """Nothing limits how many handlers of a graph work at once."""

    def adopt(self, run: Run) -> None:
        """Go on with another record of the same run."""
        self.run = run
        self.live.run = run

    def step(self, run: Run, happened: Input) -> list[Effect]:
        """The machine of graphs; a barrier makes the coming commit a checkpoint."""
        done = happened.done if type(happened) is Unrouted else happened
        if type(done) is Finished and done.delivery.kind != "routing":
            # Its call ended, and that is kept; one stopped while it is routed is made again.
            self.held.spoiled.discard(done.delivery.node)
        effects = superstep.step(run, happened)
        return effects if self.live.saver is None else self._marked(effects)

    def resume(self) -> list[Effect]:
        """Take up what an interrupted superstep has left undone, or a run that stands."""
        return self._marked(superstep.resume(self.run))

    def _marked(self, effects: list[Effect]) -> list[Effect]:
        saver = self.live.saver
        if saver is not None:
            for effect in effects:
                if type(effect) is Barrier:
                    self.mark("superstep")
                elif type(effect) is AskedOutside:
                    saver.opened.append(effect.wait)
        return effects

    async def call(self, live: LiveRun, delivery: Delivery) -> Input:
        """Call the handler that takes the message, and route what it sends."""
        if delivery.kind == "routing":
            return await self.sending.routed(Finished(delivery), delivery.payload)
        node = delivery.node
        if node in self.held.spoiled:
            warning = await self.held.renew(node, self.run)
            if warning is not None:
                self.publish(WorkflowWarningEvent(warning))
        if delivery.kind == "gathered" and not self.executors[node].can_handle(delivery.payload):
            return self.sending.not_taken(delivery)
        # Whatever ends this call early leaves the executor half-way: failure, stop, cancellation.
        self.held.spoiled.add(node)
        if node in self.held.unstarted:
            await self.held.start(node)
        spec, payload, arguments = self._taker(delivery)
        self.publish(ExecutorInvokedEvent(node, payload))
        call = HandlerCall(self, delivery, spec)
        context: WorkflowContext[Any, Any] = WorkflowContext(call)
        tries = trying.of(spec, self.executors[node])
        if tries is not ONCE:
            self.tries[delivery.id] = tries
        if tries.timeout_s is not None:
            await trying.timed(call, tries.timeout_s, (*arguments, context))
        elif spec.is_sync:
            under = (live.running, delivery.id)
            await THREADS.call(spec.function, *arguments, context, under=under)
        else:
            await in_context(outside(), spec.function(*arguments, context))
        held = None
        if live.saver is not None:
            if self.run.waits:
                await inbox.withdraw_unasked(live, delivery)
            held = await self.held.after(node, self.run)
        if tries is not ONCE:
            self.tries.pop(delivery.id, None)
        made = [message.value for message in call.sent]
        if call.outputs:
            made += [value for _, value, _ in call.outputs]
        self.publish(ExecutorCompletedEvent(node, made or None))
        done = Finished(
            delivery,
            writes=call.writes,
            outputs=tuple(call.outputs) if call.outputs else (),
            hooks=held,
            halt=call.halts,
        )
        messages = call.sent if self.border is None else self.border.outgoing(call, done)
        if (not messages and not done.sends) or self.sending.at_once(done, messages):
            return done
        return await self.sending.routed(done, messages)

    async def offer(self, wait: Wait, response_type: Any) -> tuple[Sent, ...]:
        """Messages that hand the request of a sub-workflow to the graph around it, if any do."""
        return () if self.border is None else await self.border.offer(wait, response_type)

    def warn_once(self, text: str) -> None:
        """Tell watchers what they were not told before in this run; an error when strict."""
        self.sending.warn_once(text)

    def _taker(self, delivery: Delivery) -> tuple[HandlerSpec, Any, tuple[Any, ...]]:
        """The handler for a delivery, what watchers are shown, and what it is called with."""
        executor = self.executors[delivery.node]
        payload = delivery.payload
        arguments: tuple[Any, ...]
        if delivery.wait is None:
            spec = executor.find_handler(payload)
            arguments = (executor, payload)
        else:
            request = self.run.waits[delivery.wait].payload
            payload, spec = response_for(executor, request, payload)
            arguments = (executor, request, payload)
        if spec is None:
            raise InputRefused(
                f"executor {delivery.node!r} has no handler for {type(payload).__name__}",
                run_id=self.run.run_id,
            )
        return spec, payload, arguments

    def failed(self, live: LiveRun, delivery: Delivery, error: BaseException) -> Input | None:
        """A handler raised: it is called again, or watchers hear of it before the run stops."""
        tries = self.tries.pop(delivery.id, ONCE)
        if tries.retry is not None:
            again = faltered(live, delivery, error, tries.retry)
            if again is not None:
                return again
        self.failure = (error, delivery.node)
        details = WorkflowErrorDetails.from_exception(error, executor_id=delivery.node)
        self.publish(ExecutorFailedEvent(delivery.node, details))
        return None

    def perform(self, live: LiveRun, effect: Effect) -> list[Effect] | None:
        """Tell watchers what is saved now."""
        if isinstance(effect, Barrier):
            self._completed(effect)
        elif isinstance(effect, Began):
            self._began(effect)
        elif isinstance(effect, Warn):
            self.publish(WorkflowWarningEvent(effect.text))
        elif isinstance(effect, Retrying):
            self.publish(trying.retrying(effect))
        elif isinstance(effect, AskedOutside):
            crossing.tell_asked_outside(self, effect.wait)
        elif isinstance(effect, Withdrawn):
            self.publish(WorkflowWarningEvent(f"request {effect.wait.id!r} was withdrawn"))
        elif isinstance(effect, Stuck):
            stuck = WorkflowConvergenceException(
                f"{_where(effect)}{effect.limit} supersteps went by and messages are still waiting",
                run_id=self.run.run_id,
                limit=effect.limit,
            )
            live.orphans = [*(live.orphans or ()), stuck]
        elif isinstance(effect, Refused):
            live.orphans = [*(live.orphans or ()), self.sending.strict(effect.text)]
        return None

    def _began(self, began: Began) -> None:
        senders = began.senders
        if len(senders) == 1:
            external = senders[0].startswith(OUTSIDE)
        else:
            external = any(name.startswith(OUTSIDE) for name in senders)
        info = StartInfo(sending_executors=senders, has_external_messages=external)
        self.publish(SuperStepStartedEvent(began.iteration, info))

    def _completed(self, barrier: Barrier) -> None:
        run, checkpoint = self.run, None
        if self.live.saver is not None:
            checkpoint_id = taken_checkpoint_id(self.live.saver)
            if checkpoint_id is not None:
                checkpoint = CheckpointInfo(run.run_id, checkpoint_id)
        info = CompletionInfo(
            checkpoint=checkpoint,
            activated_executors=barrier.activated,
            instantiated_executors=self.held.take_made(),
            state_updated=barrier.wrote,
            has_pending_messages=not barrier.idle,
            has_pending_requests=bool(run.waits),
        )
        self.publish(SuperStepCompletedEvent(barrier.iteration, info))

    def quiet(self, live: LiveRun) -> None:
        """Nothing is under way any more, but its commit may be."""
        saver = live.saver
        if saver is None or live.dead is not None or saver.done == saver.wanted:
            self.on_rest()

    def output_kind(self, executor_id: str) -> str:
        """What yields of an executor are."""
        return self.plan.output_kind(executor_id)

    def asked(self, wait_id: str, response_type: Any) -> None:
        """A request was raised: the first one of a run call changes the run's state."""
        self.response_types[wait_id] = response_type
        if not self.told_pending:
            self.told_pending = True
            self.publish(WorkflowStatusEvent(WorkflowRunState.IN_PROGRESS_PENDING_REQUESTS))

    def check_input(self, message: Any) -> None:
        """Raises: InputRefused, a RuntimeError and ValueError, naming what the start takes."""
        graph = self.plan.graph
        start = self.executors[graph.entries.get(graph.start, graph.start)]
        if not start.can_handle(message):
            takes = ", ".join(str(getattr(t, "__name__", t)) for t in start.input_types)
            raise InputRefused(
                f"the start executor {start.id!r} takes {takes}; found {type(message).__name__}",
                run_id=self.run.run_id,
            )

    def mark(self, kind: str) -> None:
        """Make the coming commit a checkpoint."""
        saver = self.live.saver
        if saver is not None:
            iteration = self.run.frames[0].iteration
            saver.mark = CheckpointMark(
                kind=kind, iteration=iteration, parent=saver.last_checkpoint
            )

    def parked(self) -> list[Delivery]:
        """The deliveries that failed and wait for a decision."""
        return [d for d in self.run.deliveries.values() if d.status == PARKED]

    def posted(self, item: InboxItem) -> list[Effect]:
        """What a post that is no answer means: cancel, close, retry or skip."""
        effects, is_roused = posts.taken(self.run, self.step, item)
        if is_roused is not None:
            self.roused = is_roused
        return effects

    def onward(self) -> list[Effect]:
        """What follows from the posts taken in, as part of the same commit."""
        if self.roused:
            self.roused = False
            self.live.orphans = None
            return self.resume()
        effects = barrier.begin(self.run)
        if effects:
            self.mark("response")
        return effects


def _ignore(_event: WorkflowEvent) -> None:
    """Where events go when nobody watches."""


def _where(stuck: Stuck) -> str:
    return f"sub-workflow {stuck.path!r}: " if stuck.path else ""


def _rest() -> None:
    """What happens at rest when nobody waits."""
