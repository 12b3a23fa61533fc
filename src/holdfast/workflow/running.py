# SPDX-License-Identifier: Apache-2.0
"""A workflow's run in this process: calls handlers, routes messages, tells watchers.

The machine decides about supersteps and `LiveRun` carries; here is what only graphs have: whose
handler takes a message, what executors hold, and which event says what happened.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from holdfast.errors import InputRefused, WorkflowConvergenceException
from holdfast.machine import superstep
from holdfast.machine.effects import (
    Barrier,
    Began,
    Effect,
    Ended,
    Finished,
    Input,
    Retried,
    Sent,
    Skipped,
    Stuck,
    Warn,
    Withdrawn,
)
from holdfast.machine.run import PARKED, Delivery, Run, Wait
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import CheckpointMark, InboxItem
from holdfast.runtime import inbox
from holdfast.runtime.calling import THREADS, in_context
from holdfast.runtime.clock import CLOCK, IDS, Clock, Ids
from holdfast.runtime.inbox import PostBody
from holdfast.runtime.live import LiveRun
from holdfast.workflow import hooks
from holdfast.workflow.call import HandlerCall
from holdfast.workflow.coercion import MISFIT, coerced
from holdfast.workflow.context import WorkflowContext
from holdfast.workflow.event_data import (
    CheckpointInfo,
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
from holdfast.workflow.keeping import last_checkpoint_id
from holdfast.workflow.plan import WorkflowPlan

External = "internal:"


class GraphRun:
    """One run of a workflow, as `LiveRun` drives it.

    publish: where events go. on_quiet: called when nothing is under way any more. spoiled:
    executors whose last call did not end, and who are rebuilt or restored before the next one.
    """

    __slots__ = (
        "codec",
        "executors",
        "is_streaming",
        "live",
        "on_quiet",
        "plan",
        "publish",
        "run",
        "spoiled",
        "told_pending",
    )

    def __init__(
        self,
        run: Run,
        plan: WorkflowPlan,
        codec: Codec,
        executors: Mapping[str, Executor],
        times: tuple[Clock, Ids] = (CLOCK, IDS),
    ) -> None:
        self.run = run
        self.plan = plan
        self.codec = codec
        self.executors: dict[str, Executor] = dict(executors)
        self.live = LiveRun(run, self, *times)
        self.is_streaming = False
        self.publish: Callable[[WorkflowEvent], None] = _ignore
        self.on_quiet: Callable[[], None] | None = None
        self.spoiled: set[str] = set()
        self.told_pending = False

    # -- the front that LiveRun drives ---------------------------------------------------------------

    def step(self, run: Run, happened: Input) -> list[Effect]:
        """The machine of graphs; a barrier makes the coming commit a checkpoint."""
        effects = superstep.step(run, happened)
        saver = self.live.saver
        if saver is not None and effects and any(type(e) is Barrier for e in effects):
            saver.mark = CheckpointMark(
                kind="superstep",
                iteration=run.frames[0].iteration,
                parent=saver.last_checkpoint,
            )
        return effects

    async def call(self, live: LiveRun, delivery: Delivery) -> Input:
        """Call the handler that takes the message, and route what it sends."""
        node = delivery.node
        if node in self.spoiled:
            await self._renew(node)
        executor = self.executors[node]
        call = HandlerCall(self, delivery)
        if delivery.wait is None:
            payload = delivery.payload
            spec = executor.find_handler(payload)
            arguments: tuple[Any, ...] = (executor, payload)
        else:
            wait = self.run.waits[delivery.wait]
            payload, spec = self.response_for(executor, wait.payload, delivery.payload)
            arguments = (executor, wait.payload, payload)
        if spec is None:
            raise InputRefused(
                f"executor {node!r} has no handler for {type(payload).__name__}", executor_id=node
            )
        self.publish(ExecutorInvokedEvent(node, payload))
        context: WorkflowContext[Any, Any] = WorkflowContext(call)
        if spec.is_sync:
            await THREADS.call(spec.function, *arguments, context)
        else:
            await in_context(contextvars.copy_context(), spec.function(*arguments, context))
        made = [message for message, _, _ in call.sent] + [value for _, value, _ in call.outputs]
        self.publish(ExecutorCompletedEvent(node, made or None))
        held = None
        if live.saver is not None:
            if self.run.waits:
                await inbox.withdraw_unasked(live, delivery)
            if executor.has_hooks:
                held = await hooks.collect(executor, self.codec)
        return Finished(
            delivery,
            sends=tuple(self._routed(node, call)) if call.sent else (),
            writes=tuple(call.written.values()) if call.written else (),
            outputs=tuple(call.outputs) if call.outputs else (),
            hooks=held,
        )

    def _routed(self, node: str, call: HandlerCall) -> list[Sent]:
        """Who takes each message: the targets of this executor's edges that can handle it."""
        groups = self.plan.graph.out_groups(node)
        routed: list[Sent] = []
        for message, data, target_id in call.sent:
            reachable = [target for group in groups for target in group.targets]
            if target_id is not None:
                reachable = [target for target in reachable if target == target_id]
            takers = tuple(t for t in reachable if self.executors[t].can_handle(message))
            if takers:
                routed.append(Sent(message, data, takers))
            elif groups or target_id is not None:
                where = f"to {target_id!r}" if target_id is not None else "along its edges"
                text = (
                    f"a {type(message).__name__} that {node!r} sent {where} was dropped: "
                    "no executor there takes it"
                )
                self.publish(WorkflowWarningEvent(text))
        return routed

    def response_for(
        self, executor: Executor, request: Any, answer: Any
    ) -> tuple[Any, HandlerSpec | None]:
        """An answer in the type that a response handler takes, and that handler; or None."""
        spec = executor.find_response_handler(request, answer)
        if spec is not None:
            return answer, spec
        for candidate in executor.handler_specs:
            if candidate.kind != "response":
                continue
            fitting = coerced(answer, candidate.response_type)
            if fitting is MISFIT:
                continue
            spec = executor.find_response_handler(request, fitting)
            if spec is not None:
                return fitting, spec
        return answer, None

    async def _renew(self, node: str) -> None:
        """An executor whose call did not end: made anew, or given back what it last held."""
        self.spoiled.discard(node)
        factory = self.plan.factories.get(node)
        if factory is not None:
            self.executors[node] = factory()
        executor = self.executors[node]
        held = self.run.executors.get(node)
        if executor.has_hooks and held is not None:
            await hooks.give_back(executor, held, self.codec)
        elif factory is None and node in self.plan.shared_instances:
            text = (
                f"executor {node!r} runs again after a call that did not end; it has no factory "
                "and no hooks, so what it holds may be half-changed"
            )
            self.publish(WorkflowWarningEvent(text))

    def failed(self, live: LiveRun, delivery: Delivery, error: BaseException) -> None:
        """A handler raised: watchers hear of it before the run stops."""
        self.spoiled.add(delivery.node)
        details = WorkflowErrorDetails.from_exception(error, executor_id=delivery.node)
        self.publish(ExecutorFailedEvent(delivery.node, details))

    def perform(self, live: LiveRun, effect: Effect) -> list[Effect] | None:
        """Tell watchers; after a barrier, begin what it let through."""
        if isinstance(effect, Barrier):
            self._completed(effect)
            if not effect.idle:
                return superstep.begin(self.run, self.plan.max_iterations)
        elif isinstance(effect, Began):
            external = any(name.startswith(External) for name in effect.senders)
            info = StartInfo(sending_executors=effect.senders, has_external_messages=external)
            self.publish(SuperStepStartedEvent(effect.iteration, info))
        elif isinstance(effect, Warn):
            self.publish(WorkflowWarningEvent(effect.text))
        elif isinstance(effect, Withdrawn):
            self.publish(WorkflowWarningEvent(f"request {effect.wait.id!r} was withdrawn"))
        elif isinstance(effect, Stuck):
            if live.orphans is None:
                live.orphans = []
            live.orphans.append(
                WorkflowConvergenceException(
                    f"{effect.limit} supersteps went by and messages are still waiting",
                    run_id=self.run.run_id,
                    limit=effect.limit,
                )
            )
        return None

    def _completed(self, barrier: Barrier) -> None:
        run = self.run
        checkpoint = None
        if self.live.saver is not None:
            checkpoint_id = last_checkpoint_id(self.live.saver)
            if checkpoint_id is not None:
                checkpoint = CheckpointInfo(run.run_id, checkpoint_id)
        info = CompletionInfo(
            checkpoint=checkpoint,
            activated_executors=barrier.activated,
            state_updated=barrier.wrote,
            has_pending_messages=not barrier.idle,
            has_pending_requests=bool(run.waits),
        )
        self.publish(SuperStepCompletedEvent(barrier.iteration, info))

    def quiet(self, live: LiveRun) -> None:
        """Nothing is under way any more."""
        if self.on_quiet is not None:
            self.on_quiet()

    # -- what calls need -----------------------------------------------------------------------------

    def output_kind(self, executor_id: str) -> str:
        """What yields of an executor are."""
        return self.plan.output_kind(executor_id)

    def asked(self) -> None:
        """A request was raised: the first one of a run call changes the run's state."""
        if not self.told_pending:
            self.told_pending = True
            self.publish(WorkflowStatusEvent(WorkflowRunState.IN_PROGRESS_PENDING_REQUESTS))

    # -- input, answers, decisions -------------------------------------------------------------------

    def check_input(self, message: Any) -> None:
        """Raises: InputRefused, a RuntimeError and ValueError, naming what the start takes."""
        start = self.executors[self.plan.graph.start]
        if not start.can_handle(message):
            takes = ", ".join(str(getattr(t, "__name__", t)) for t in start.input_types)
            raise InputRefused(
                f"the start executor {start.id!r} takes {takes}; found {type(message).__name__}"
            )

    async def first_hooks(self) -> None:
        """Before the first checkpoint: ask every executor that holds something."""
        for name, executor in self.executors.items():
            if executor.has_hooks:
                held = await hooks.collect(executor, self.codec)
                self.run.executors[name] = held
                if self.run.journal is not None:
                    self.run.journal.put(f"executor/{name}", held)

    async def restore_executors(self) -> None:
        """Give every executor back what the record holds for it."""
        for name, held in self.run.executors.items():
            await hooks.give_back(self.executors[name], held, self.codec)

    def mark(self, kind: str) -> None:
        """Make the coming commit a checkpoint."""
        saver = self.live.saver
        if saver is not None:
            iteration = self.run.frames[0].iteration
            saver.mark = CheckpointMark(
                kind=kind, iteration=iteration, parent=saver.last_checkpoint
            )

    def open_waits(self) -> dict[str, Wait]:
        """The requests that nobody has answered, by id."""
        return {wait.id: wait for wait in self.run.waits.values() if not wait.answered}

    def parked(self) -> list[Delivery]:
        """The deliveries that failed and wait for a decision."""
        return [d for d in self.run.deliveries.values() if d.status == PARKED]

    def posted(self, item: InboxItem) -> list[Effect]:
        """What a post that is no answer means: cancel, close, retry or skip."""
        body = msgspec.json.decode(item.post.body, type=PostBody)
        chosen = [d for d in self.parked() if body.delivery in (None, d.id)]
        match item.post.kind:
            case "retry":
                return [e for d in chosen for e in self.step(self.run, Retried(d))]
            case "skip":
                return [e for d in chosen for e in self.step(self.run, Skipped(d, None))]
            case "cancel":
                return self.step(self.run, Ended("cancelled"))
            case "close":
                return self.step(self.run, Ended("completed"))
            case kind:
                return [Warn("post.ignored", f"a workflow run takes no post of kind {kind!r}")]


def _ignore(_event: WorkflowEvent) -> None:
    """Where events go when nobody watches."""
