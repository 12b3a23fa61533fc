# SPDX-License-Identifier: Apache-2.0
"""Requests of a sub-workflow as messages of the graph around it, and the answers to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from holdfast.persistence.types import TypeRegistry
from holdfast.workflow.events import RequestInfoEvent
from holdfast.workflow.responses import BUILT_IN, type_name
from holdfast.workflow.typing_match import flatten_union, is_instance_of


@dataclass(frozen=True, slots=True)
class SubWorkflowResponseMessage:
    """What the graph around says to a request; send it to the sub-workflow that asked."""

    data: Any
    source_event: RequestInfoEvent


@dataclass(frozen=True, slots=True)
class SubWorkflowRequestMessage:
    """A question that an executor of a sub-workflow asks; whoever takes it may answer.

    source_event: the question, with its id, its data and the type of the answer.
    executor_id: the sub-workflow, as target of the response.
    """

    source_event: RequestInfoEvent
    executor_id: str

    def create_response(self, data: Any) -> SubWorkflowResponseMessage:
        """Make the answer. Raises: TypeError for another type than was asked for."""
        form = self.source_event.response_type
        if form is not None and not is_instance_of(data, form):
            raise TypeError(
                f"request {self.source_event.request_id!r} asks for {type_name(form)}; "
                f"found {type(data).__name__}"
            )
        return SubWorkflowResponseMessage(data, self.source_event)


def register_messages(types: TypeRegistry, annotations: Iterable[Any]) -> None:
    """Let both messages be kept. A type is written by name, and found again by it.

    annotations: the types that the handlers of the workflow name.
    """
    forms = dict(BUILT_IN)
    for annotation in annotations:
        for form in (annotation, *flatten_union(annotation)):
            forms.setdefault(type_name(form), form)

    def event_of(plain: dict[str, Any]) -> RequestInfoEvent:
        return RequestInfoEvent(
            plain["data"],
            plain["request_id"],
            plain["source_executor_id"],
            forms.get(plain["response_type"]),
        )

    types.register(
        SubWorkflowRequestMessage,
        "holdfast.SubWorkflowRequestMessage",
        to=lambda message: {
            "event": _plain(message.source_event),
            "executor_id": message.executor_id,
        },
        make=lambda plain: SubWorkflowRequestMessage(
            event_of(plain["event"]), plain["executor_id"]
        ),
    )
    types.register(
        SubWorkflowResponseMessage,
        "holdfast.SubWorkflowResponseMessage",
        to=lambda message: {"data": message.data, "event": _plain(message.source_event)},
        make=lambda plain: SubWorkflowResponseMessage(plain["data"], event_of(plain["event"])),
    )


def _plain(event: RequestInfoEvent) -> dict[str, Any]:
    return {
        "data": event.data,
        "request_id": event.request_id,
        "source_executor_id": event.source_executor_id,
        "response_type": type_name(event.response_type),
    }
