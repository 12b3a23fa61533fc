# SPDX-License-Identifier: Apache-2.0
"""What one handler call collects until it ends: sends, writes, outputs; and what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from holdfast.definition.graph import Graph
from holdfast.definition.schema import schema_of
from holdfast.errors import DefinitionError, HandlerTimeout, WaitExists
from holdfast.machine import layout, ledger, waits
from holdfast.machine.effects import Sent, Written
from holdfast.machine.frames import OUTSIDE
from holdfast.machine.run import MISSING, Delivery, Entry, Unsent, Wait
from holdfast.persistence.store import check_id
from holdfast.runtime import stepping
from holdfast.runtime.steps import Host
from holdfast.runtime.timers import Deadline, due_at
from holdfast.workflow.call_state import CallState
from holdfast.workflow.coercion import MISFIT, coerced
from holdfast.workflow.events import (
    RequestInfoEvent,
    WorkflowEvent,
    WorkflowIntermediateEvent,
    WorkflowOutputEvent,
)
from holdfast.workflow.executor import Executor
from holdfast.workflow.handlers import HandlerSpec
from holdfast.workflow.responses import fitting_answer, is_answerable, type_name
from holdfast.workflow.sub_messages import SubWorkflowResponseMessage


class Terms(NamedTuple):
    """What a request asks for, and until when."""

    response_type: Any
    request_id: str | None = None
    deadline: Deadline | None = None
    default: Any = MISSING

    def check(self) -> None:
        """Raises: DefinitionError for a default that could never be the answer."""
        if self.default is MISSING:
            return
        if self.deadline is None:
            raise DefinitionError("default= needs a deadline")
        if coerced(self.default, self.response_type) is MISFIT:
            raise DefinitionError(
                f"the default is no answer: expected {type_name(self.response_type)}; "
                f"found {type(self.default).__name__}"
            )


class Watched(Host, Protocol):
    """What a call needs of the run it belongs to."""

    is_streaming: bool
    run_context: Mapping[str, Any]

    @property
    def executors(self) -> Mapping[str, Executor]:
        """Who stands at the nodes."""

    def publish(self, event: WorkflowEvent) -> None:
        """Tell watchers."""

    def output_kind(self, executor_id: str) -> str:
        """What yields of an executor are: "output", "intermediate", "hidden" or "message"."""

    async def offer(self, wait: Wait, response_type: Any) -> tuple[Sent, ...]:
        """Messages that hand the request of a sub-workflow to the graph around it, if any do."""

    def asked(self, wait_id: str, response_type: Any) -> None:
        """A request was raised."""

    def warn_once(self, text: str) -> None:
        """Tell watchers what they were not told before in this run; an error when strict."""


class HandlerCall:
    """One call of a handler. Nothing in here is in the record until the handler ends.

    attempt: of the delivery, when the call began. late: set once the handler ran out of time; then
    nothing of the call counts.
    """

    __slots__ = (
        "_state",
        "attempt",
        "codec",
        "delivery",
        "graph",
        "halts",
        "late",
        "offered",
        "outputs",
        "run",
        "sent",
        "spec",
    )

    def __init__(self, graph: Watched, delivery: Delivery, spec: HandlerSpec) -> None:
        self.graph = graph
        self.run = graph.run
        self.codec = graph.codec
        self.delivery = delivery
        self.attempt = delivery.attempt
        self.sent: list[Unsent] = []
        self.outputs: list[tuple[str, Any, bytes | None]] = []
        self.spec = spec
        self.halts = False
        self.late: HandlerTimeout | None = None
        self.offered: list[Sent] = []
        self._state: CallState | None = None

    def give_up(self, error: HandlerTimeout) -> None:
        """The call ran out of time: what its handler still does raises the error."""
        self.late = error

    @property
    def state(self) -> CallState:
        """The state that this call reads and writes: that of its frame."""
        if self._state is None:
            delivery, run = self.delivery, self.run
            frame = run.frames[delivery.frame]
            node, journal = delivery.node, run.journal
            self._state = CallState(frame, node, self.codec, journal, self.may_change)
        return self._state

    @property
    def writes(self) -> tuple[Written, ...]:
        """What this call has written."""
        return () if self._state is None else self._state.writes()

    def may_change(self, what: str) -> None:
        """Raises: StepRefused where a repeat would not do it again."""
        live = self.graph.live
        if live.stepping:
            stepping.refuse(live.running, self.delivery.id, what)

    @property
    def is_streaming(self) -> bool:
        """Whether somebody watches events as they come."""
        return self.graph.is_streaming

    @property
    def run_context(self) -> Mapping[str, Any]:
        """What the caller gave for handlers to use."""
        return self.graph.run_context

    def publish(self, event: WorkflowEvent) -> None:
        """Tell watchers."""
        self.graph.publish(event)

    def sources(self) -> tuple[str, ...]:
        """Who sent what is handled, by their ids in the graph of the executor."""
        delivery = self.delivery
        graph: Graph = self.run.plan
        if not delivery.frame:
            return delivery.sources
        local = graph.local_id(delivery.node)
        return tuple(
            graph.local_id(source) if graph.frame_of(source) == delivery.frame else OUTSIDE + local
            for source in delivery.sources
        )

    def _address(self, target_id: str | None) -> str | None:
        """The path of the executor that has this id in the graph of the sender."""
        if target_id is None or not self.delivery.frame:
            return target_id
        graph: Graph = self.run.plan
        return graph.path_in(self.delivery.frame, target_id)

    def send(self, message: Any, target_id: str | None) -> None:
        """A message, routed when the handler ends."""
        self.may_change("send a message")
        if not self.spec.sends.allows(message):
            self._undeclared("sends", message)
        if type(message) is SubWorkflowResponseMessage:
            message = self._fitting(message)
        journal = self.run.journal
        place = f"message of {self.delivery.node}"
        data = None if journal is None else journal.codec.encode(message, place)
        self.sent.append(Unsent(message, data, self._address(target_id)))

    def _undeclared(self, verb: str, value: Any) -> None:
        node, name = self.delivery.node, self.spec.name
        kind = type(value).__name__
        text = f"executor {node!r} {verb} a {kind}, which its handler {name!r} does not declare"
        self.graph.warn_once(text)

    def _fitting(self, response: SubWorkflowResponseMessage) -> SubWorkflowResponseMessage:
        """The response in the type that the inner executor takes. Raises: AnswerRefused."""
        event = response.source_event
        wait = self.run.waits.get(event.request_id)
        if wait is None or wait.answered:
            return response  # Watchers hear of it when it arrives.
        executors, form = self.graph.executors, event.response_type
        value = fitting_answer(self.run, executors, wait, response.data, form)
        return SubWorkflowResponseMessage(value, event)

    def give_out(self, value: Any) -> None:
        """A yield: an event of its kind at once; in the record when the handler ends."""
        self.may_change("yield an output")
        node = self.delivery.node
        if not self.spec.yields.allows(value):
            self._undeclared("yields", value)
        kind = self.graph.output_kind(node)
        journal = self.run.journal
        data = None if journal is None else journal.codec.encode(value, f"output of {node}")
        self.outputs.append((kind, value, data))
        if kind == "output":
            self.graph.publish(WorkflowOutputEvent(node, value))
        elif kind == "intermediate":
            self.graph.publish(WorkflowIntermediateEvent(node, value))

    async def ask(self, request: Any, terms: Terms) -> None:
        """Open a wait, save it, then tell watchers."""
        self.may_change("ask for something")
        run, delivery = self.run, self.delivery
        response_type, request_id = terms.response_type, terms.request_id
        terms.check()
        deadline = due_at(terms.deadline, self.graph.live.clock.now())
        if request_id is not None:
            check_id(request_id, "request_id")
        journal = run.journal
        data = None if journal is None else journal.codec.encode(request, "request")
        name = request_id or type_name(response_type)
        digest = ledger.digest_of(data)
        found = ledger.find(run, delivery.id, "pause", name, request, digest)
        if found >= 0:
            wait = run.waits.get(run.ledgers[delivery.id].entries[found].wait or "")
            if wait is not None:
                await self._ask_again(wait, response_type)
            return
        if request_id is not None:
            self._check_free(request_id)
        if not is_answerable(self.graph.executors[delivery.node], request, response_type):
            self._warn_unanswerable(request, response_type)
        live = self.graph.live
        wait = self._wait(request_id or live.ids.new(), request, data, response_type)
        wait.deadline = deadline
        if terms.default is not MISSING:
            wait.lapse, wait.default = "default", self.codec.copy(terms.default)
        offered: tuple[Sent, ...] = ()
        if delivery.frame:
            offered = await self.graph.offer(wait, response_type)
        waits.open_wait(run, wait)
        ledger.record(run, delivery.id, Entry("pause", name, digest, request, wait=wait.id))
        if offered:
            # The graph around hears of it when this handler ends, like of all that it sends.
            self.offered.extend(offered)
        else:
            await self._ask_outside(wait, response_type)

    def _warn_unanswerable(self, request: Any, response_type: Any) -> None:
        node, kind = self.delivery.node, type(request).__name__
        text = f"executor {node!r} asks a {kind} for {type_name(response_type)}"
        self.graph.warn_once(f"{text}, and no response handler of it takes such an answer")

    async def _ask_again(self, wait: Wait, response_type: Any) -> None:
        """A repeat found its question: what was only offered inside is offered anew."""
        wait.asked = True
        if not wait.via:
            return
        wait.via = ""
        offered = await self.graph.offer(wait, response_type)
        if self.run.journal is not None:
            layout.mark_wait(self.run.journal, wait)
        if offered:
            self.offered.extend(offered)
        else:
            await self._ask_outside(wait, response_type)

    async def _ask_outside(self, wait: Wait, response_type: Any) -> None:
        live = self.graph.live
        if live.saver is not None:
            live.saver.opened.append(wait)
            await live.advance([], here=False)
        elif wait.deadline is not None:
            live.arm()
        self.graph.publish(
            RequestInfoEvent(wait.payload, wait.id, self.delivery.node, response_type)
        )
        self.graph.asked(wait.id, response_type)

    def _check_free(self, request_id: str) -> None:
        """Whoever handles the answer to a request may ask again under its id; nobody else may.

        Raises: WaitExists while the answer is being handled by another call.
        """
        wait = self.run.waits.get(request_id)
        if wait is None or not wait.answered:
            return
        if self.delivery.wait == wait.key:
            waits.set_aside(self.run, wait)
        else:
            raise WaitExists(
                f"the answer to {request_id!r} is still being handled",
                hint="Ask again under another id; without request_id= a fresh one is made.",
                run_id=self.run.run_id,
                wait_id=request_id,
            )

    def _wait(self, wait_id: str, request: Any, data: bytes | None, response_type: Any) -> Wait:
        node = self.delivery.node
        return Wait(
            id=wait_id,
            type=type(request).__name__,
            payload=request,
            opener=self.delivery.id,
            resume="response",
            origin=Delivery(0, node, None, b"null", self.delivery.frame),
            data=data,
            opened_at=self.graph.live.clock.now(),
            schema=schema_of(response_type),
            expects=type_name(response_type),
        )
