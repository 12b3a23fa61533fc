# SPDX-License-Identifier: Apache-2.0
"""What becomes of what handlers send: it finds its takers, or watchers hear why it has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from holdfast.errors import WorkflowStrictException
from holdfast.machine.effects import Finished, Input, Sent, Unrouted
from holdfast.machine.run import Delivery, Run, Unsent
from holdfast.runtime.live import LiveRun
from holdfast.workflow.crossing import Border
from holdfast.workflow.events import WorkflowEvent, WorkflowWarningEvent
from holdfast.workflow.executor import Executor
from holdfast.workflow.plan import WorkflowPlan


class Sender(Protocol):
    """What is needed of the run whose messages these are."""

    plan: WorkflowPlan
    run: Run
    live: LiveRun
    border: Border | None
    failure: tuple[BaseException, str] | None
    publish: Callable[[WorkflowEvent], None]

    @property
    def executors(self) -> Mapping[str, Executor]:
        """Who stands at the nodes."""


class Sending:
    """The messages of one run."""

    __slots__ = ("_graph", "_told")

    def __init__(self, graph: Sender) -> None:
        self._graph = graph
        self._told: set[str] = set()

    def at_once(self, done: Finished, messages: list[Unsent]) -> bool:
        """Whether all messages found their takers along edges on which nothing is to be asked."""
        graph = self._graph
        if graph.border is not None:
            return False
        sends = []
        for message in messages:
            takers = graph.plan.router.open_to(graph.executors, done.delivery.node, message)
            if not takers:
                return False
            sends.append(Sent(message.value, message.data, takers))
        done.sends = tuple(sends)
        return True

    async def routed(self, done: Finished, messages: list[Unsent]) -> Input:
        """The end of a handler with the takers of what it sent.

        If a condition raises, the end stands all the same, and only the routing is to be repeated.
        """
        graph = self._graph
        node = done.delivery.node
        try:
            sends, dropped = await graph.plan.router.routed(graph.executors, node, messages)
            if graph.plan.graph.strict:
                self._check_strictly(sends, dropped)
        except Exception as error:  # noqa: BLE001 - whatever a user's function raises
            graph.failure = (error, node)
            graph.live.errors = {**(graph.live.errors or {}), done.delivery.id: error}
            return Unrouted(done, tuple(messages), f"{type(error).__name__}: {error}")
        for text in dropped:
            graph.publish(WorkflowWarningEvent(text))
        done.sends += sends
        if graph.border is not None:
            await graph.border.answer(done)
        return done

    def not_taken(self, delivery: Delivery) -> Input:
        """Each message of a fan-in found a handler, and the list of them finds none."""
        text = f"a list gathered for {delivery.node!r} was dropped: no handler there takes it"
        if self._graph.plan.graph.strict:
            raise self.strict(text)
        self._graph.publish(WorkflowWarningEvent(text))
        return Finished(delivery)

    def _check_strictly(self, sends: tuple[Sent, ...], dropped: list[str]) -> None:
        border = self._graph.border
        stray = None if border is None else border.stray(sends)
        told = dropped if stray is None else [*dropped, stray]
        if told:
            raise self.strict(told[0])

    def strict(self, text: str) -> WorkflowStrictException:
        """The error that a warning is in a strict workflow."""
        return WorkflowStrictException(text, run_id=self._graph.run.run_id)

    def warn_once(self, text: str) -> None:
        """Tell watchers what they were not told before in this run; an error when strict."""
        if self._graph.plan.graph.strict:
            raise self.strict(text)
        if text not in self._told:
            self._told.add(text)
            self._graph.publish(WorkflowWarningEvent(text))
