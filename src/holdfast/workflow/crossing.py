# SPDX-License-Identifier: Apache-2.0
"""What crosses the border of a sub-workflow: results and requests outward, answers inward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from holdfast.definition.subgraph import SEPARATOR
from holdfast.errors import WaitError
from holdfast.machine import waits
from holdfast.machine.effects import Answered, AnsweredInside, Finished, Sent
from holdfast.machine.run import Run, Unsent, Wait
from holdfast.persistence.codec import Codec
from holdfast.runtime import inbox
from holdfast.runtime.live import LiveRun
from holdfast.workflow.call import HandlerCall
from holdfast.workflow.events import RequestInfoEvent, WorkflowEvent, WorkflowWarningEvent
from holdfast.workflow.executor import Executor
from holdfast.workflow.outlets import offered_to
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.responses import response_form
from holdfast.workflow.sub_messages import SubWorkflowRequestMessage, SubWorkflowResponseMessage


class Bordered(Protocol):
    """What is needed of the run whose sub-workflows these are."""

    plan: WorkflowPlan
    run: Run
    live: LiveRun
    codec: Codec
    response_types: dict[str, Any]

    @property
    def executors(self) -> Mapping[str, Executor]:
        """Who stands at the nodes."""

    def publish(self, event: WorkflowEvent) -> None:
        """Tell watchers."""

    def asked(self, wait_id: str, response_type: Any) -> None:
        """A request of the outside was raised."""


class Border:
    """The borders of all sub-workflows of one run."""

    __slots__ = ("graph",)

    def __init__(self, graph: Bordered) -> None:
        self.graph = graph

    def outgoing(self, call: HandlerCall, done: Finished) -> list[Unsent]:
        """What a handler sent, and what its sub-workflow sends by it; offers have their takers."""
        messages = call.sent
        via = self.graph.plan.outlet(call.delivery.node).via
        if via and done.outputs:
            results = [Unsent(value, data, None, via) for _, value, data in done.outputs]
            messages = [*messages, *results]
            done.outputs = ()
        done.sends += tuple(call.offered)
        return messages

    def stray(self, sends: tuple[Sent, ...]) -> str | None:
        """A sentence about a response that no sub-workflow waits for, if there is one."""
        for path, response in self._responses(sends)[1]:
            wait_id = response.source_event.request_id
            if waits.open_inside(self.graph.run, wait_id, path) is None:
                return waits.no_request_text(wait_id, path)
        return None

    async def answer(self, done: Finished) -> None:
        """Let responses to requests take their way into the sub-workflows that asked."""
        graph, node = self.graph, done.delivery.node
        done.sends, responses = self._responses(done.sends)
        for path, response in responses:
            at = graph.live.clock.now()
            event, value = response.source_event, response.data
            answer = AnsweredInside(Answered(event.request_id, value, None, None, at), path)
            if not await self._settled_in_store(answer, node):
                done.answers += (answer,)

    async def offer(self, wait: Wait, response_type: Any) -> tuple[Sent, ...]:
        """The messages that hand a request to the inmost graph with somebody who takes it.

        The wait is then that graph's to answer; with no messages, it is for the outside.
        """
        graph = self.graph
        assert wait.origin is not None
        node = wait.origin.node
        for path in offered_to(graph.plan.graph, node):
            inside = node[len(path) + len(SEPARATOR) :]
            event = RequestInfoEvent(wait.payload, wait.id, inside, response_type)
            message = SubWorkflowRequestMessage(event, graph.plan.graph.local_id(path))
            journal = graph.run.journal
            data = None if journal is None else journal.codec.encode(message, f"request {wait.id}")
            offer = [Unsent(message, data, None, path)]
            sends, _ = await graph.plan.router.routed(graph.executors, path, offer)
            if sends:
                wait.via = path
                return sends
        return ()

    def _responses(
        self, sends: tuple[Sent, ...]
    ) -> tuple[tuple[Sent, ...], list[tuple[str, SubWorkflowResponseMessage]]]:
        """What is left to deliver, and the responses with the sub-workflows that they are for."""
        if not any(type(sent.value) is SubWorkflowResponseMessage for sent in sends):
            return sends, []
        inner = self.graph.plan.graph.entries
        left: list[Sent] = []
        responses: list[tuple[str, SubWorkflowResponseMessage]] = []
        for sent in sends:
            others = sent.targets
            if type(sent.value) is SubWorkflowResponseMessage:
                responses += [(path, sent.value) for path in sent.targets if path in inner]
                others = tuple(target for target in sent.targets if target not in inner)
            if others or sent.gathers:
                left.append(msgspec.structs.replace(sent, targets=others))
        return tuple(left), responses

    async def _settled_in_store(self, inside: AnsweredInside, node: str) -> bool:
        """Where a store shows the question to the outside, it decides about this answer too.

        The first one wins, whoever gave it; this one is then heard like any other.
        """
        graph, answer = self.graph, inside.answer
        wait = graph.run.waits.get(answer.wait_id)
        if wait is None or wait.via or inbox.store_of(graph.live) is None:
            return False
        data = graph.codec.encode(answer.value, f"response to {wait.id}")
        digest = graph.codec.digest(answer.value)
        try:
            await inbox.settle(graph.live, wait.id, data, digest, (None, node))
        except WaitError as error:
            text = f"the response of {node!r} to {wait.id!r} was dropped: {error}"
            graph.publish(WorkflowWarningEvent(text))
        else:
            await inbox.take_in(graph.live, None)
        return True


def tell_asked_outside(graph: Bordered, wait: Wait) -> None:
    """Watchers hear of a request that nobody inside has answered."""
    assert wait.origin is not None
    node = wait.origin.node
    text = f"{waits.unanswered_text(wait)}; it is asked outside now"
    graph.publish(WorkflowWarningEvent(text))
    form = graph.response_types.get(wait.id) or response_form(graph.executors[node], wait)
    asked = object if form is None else form
    graph.publish(RequestInfoEvent(wait.payload, wait.id, node, asked))
    graph.asked(wait.id, asked)
