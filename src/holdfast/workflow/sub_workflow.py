# SPDX-License-Identifier: Apache-2.0
"""`WorkflowExecutor`: a workflow as one node of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from holdfast.errors import DefinitionError
from holdfast.workflow.executor import Executor
from holdfast.workflow.handler_table import HandlerTable
from holdfast.workflow.handlers import HandlerSpec
from holdfast.workflow.outlets import outlet
from holdfast.workflow.plan import SubPlan
from holdfast.workflow.sub_messages import SubWorkflowRequestMessage, SubWorkflowResponseMessage
from holdfast.workflow.workflow import Workflow


@runtime_checkable
class Buildable(Protocol):
    """A builder of workflows."""

    def build(self) -> Workflow:
        """Give the workflow."""


class WorkflowExecutor(Executor):
    """A node whose inside is a workflow: its executors run as "outer/inner" in the run around it.

    workflow: the workflow, a builder of it, or a factory that each run calls for executors of its
    own. What is sent to this node is taken by the inner start. What the inner workflow yields is
    sent along the edges of this node; with allow_direct_output it is yielded by the outer
    workflow instead. What an inner executor asks is sent along the edges as a
    `SubWorkflowRequestMessage`; if no edge takes that, or with propagate_request, the outer
    workflow asks it.
    """

    def __init__(
        self,
        workflow: Workflow | Buildable | Callable[[], Workflow],
        id: str,
        *,
        allow_direct_output: bool = False,
        propagate_request: bool = False,
    ) -> None:
        self.allow_direct_output = allow_direct_output
        self.propagate_request = propagate_request
        self._factory: Callable[[], Workflow] | None = None
        if isinstance(workflow, Workflow):
            self._workflow = workflow
        elif isinstance(workflow, Buildable):
            self._workflow = workflow.build()
        else:
            self._factory = workflow
            self._workflow = _made(workflow, id)
        self._inner = self._workflow.plan.make_executors()
        super().__init__(id, type="WorkflowExecutor")

    @property
    def workflow(self) -> Workflow:
        """The inner workflow; one of those that the factory makes."""
        return self._workflow

    @property
    def sub_plan(self) -> SubPlan:
        """The inner plan, and how each run comes to its executors."""
        return SubPlan(
            plan=self._workflow.plan,
            types=self._workflow.types,
            remake=None if self._factory is None else self._remade,
        )

    def can_handle(self, message: object) -> bool:
        """Tell whether the inner start takes this message, or it is a response to a request."""
        if isinstance(message, SubWorkflowResponseMessage):
            return True
        return self._inner[self._workflow.plan.graph.start].can_handle(message)

    def _remade(self) -> Any:
        assert self._factory is not None
        return _made(self._factory, self.id).plan

    def _handlers(self) -> HandlerTable:
        start = self._inner[self._workflow.plan.graph.start]
        taken = [form for form in start.input_types if form is not SubWorkflowResponseMessage]
        yields = tuple(self._yielded())
        sends = () if self.allow_direct_output else yields
        if self._may_ask():
            sends = (*sends, SubWorkflowRequestMessage)
        return HandlerTable(
            HandlerSpec(
                kind="message",
                name=f"to {start.id}",
                message_type=form,
                output_types=sends,
                workflow_output_types=yields if self.allow_direct_output else (),
                function=_never_called,
            )
            for form in (*taken, SubWorkflowResponseMessage)
        )

    def _yielded(self) -> list[Any]:
        """The types that leave the inner workflow as results."""
        graph = self._workflow.plan.graph
        found: list[Any] = []
        for path, one in self._inner.items():
            if outlet(graph, path).kind == "output":
                found += [form for form in one.workflow_output_types if form not in found]
        return found

    def _may_ask(self) -> bool:
        return not self.propagate_request and any(
            one.is_request_response_capable for one in self._inner.values()
        )


def _made(factory: Callable[[], Workflow], name: str) -> Workflow:
    if not callable(factory):
        raise TypeError(
            f"sub-workflow {name!r}: expected a workflow, a builder or a factory, "
            f"not {type(factory).__name__}"
        )
    made: Any = factory()
    if isinstance(made, Buildable):
        made = made.build()
    if not isinstance(made, Workflow):
        raise DefinitionError(
            f"The factory of the sub-workflow {name!r} gave {made!r}, not a workflow",
            hint="Let the factory return what WorkflowBuilder.build() gives.",
        )
    return made


async def _never_called(_executor: Any, message: Any, _context: Any) -> None:
    """What is sent to a sub-workflow is called at its start, in its frame."""
    raise AssertionError(f"a sub-workflow was called with a {type(message).__name__}")
