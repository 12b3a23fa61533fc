# SPDX-License-Identifier: Apache-2.0
"""The shapes of what the engine itself puts into the stream, for type checkers and validators.

Every field is declared, because validators drop those that are not. More may come: ignore items
of a `type` that you do not know.
"""

from __future__ import annotations

import typing
from typing import Any, Literal

from holdfast.definition.schema import schema_of
from holdfast.triggerflow.typed_dicts import TypedDict


class TriggerFlowSignal(TypedDict, total=False):
    """One delivery of an event: its id, name and kind, what it carries, and who sent it."""

    id: str
    trigger_event: str
    trigger_type: str
    value: Any
    source: str
    meta: dict[str, Any]


class TriggerFlowInterrupt(TypedDict, total=False):
    """A pause, as `get_interrupt` gives it."""

    id: str
    type: str
    status: str
    payload: Any
    resume_to: Any
    resume_event: str | None
    response: Any
    resume_value: Any
    created_at: float | None
    resumed_at: float | None
    resumed_by: str | None
    resume_request_id: str | None
    resume_requests: dict[str, Any]
    resume_count: int
    max_resumes: int | None
    source_execution_id: str
    source_flow_name: str
    source_operator_id: str | None
    source_signal: TriggerFlowSignal | None
    continuation_event: str | None
    cancelled_at: float | None
    cancel_reason: str | None
    local_interrupt_id: str
    sub_flow_frame_id: str
    response_schema: dict[str, Any] | None
    deadline: float | None
    exchange_kind: str | None
    external_wait_request: dict[str, Any] | None


class TriggerFlowInterruptEvent(TypedDict, total=False):
    """A stream item about a pause. signal: with "pause"; value: with "resume" and "project"."""

    type: Literal["interrupt"]
    action: Literal["pause", "resume", "project", "cancel"]
    execution_id: str
    interrupt: TriggerFlowInterrupt
    signal: TriggerFlowSignal | None
    value: Any


class TriggerFlowIntervention(TypedDict, total=False):
    """An intervention, as `get_interventions` gives it."""

    id: str
    version: int
    status: Literal["pending", "inserted", "expired"]
    payload: Any
    target: str | None
    author: str | None
    note: str | None
    metadata: dict[str, Any]
    created_at: float
    inserted_at: float | None
    insertion: dict[str, Any] | None
    expired_at: float | None
    consumers: dict[str, dict[str, Any]]


class TriggerFlowInterventionEvent(TypedDict, total=False):
    """A stream item about an intervention."""

    type: Literal["intervention"]
    action: Literal["append", "insert", "expire", "consume"]
    execution_id: str
    intervention: TriggerFlowIntervention


class TriggerFlowRetryEvent(TypedDict, total=False):
    """A stream item about a handler that failed and is called again."""

    type: Literal["retry"]
    action: Literal["schedule"]
    execution_id: str
    node: str
    failures: int
    error: str
    runs_again_at: float | None
    signal: TriggerFlowSignal


TriggerFlowSystemStreamEvent = (
    TriggerFlowInterruptEvent | TriggerFlowInterventionEvent | TriggerFlowRetryEvent
)


def system_schemas() -> dict[str, Any]:
    """Label and JSON schema of each kind of item; they depend on no library."""
    return {
        "interrupt": _described(TriggerFlowInterruptEvent),
        "intervention": _described(TriggerFlowInterventionEvent),
    }


def _described(cls: type) -> dict[str, Any]:
    return {"label": cls.__name__, "schema": _schema(cls)}


def _schema(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    properties = {name: _field(hint) for name, hint in hints.items()}
    return {"title": cls.__name__, "type": "object", "properties": properties}


def _field(hint: Any) -> dict[str, Any]:
    nested = [each for each in (hint, *typing.get_args(hint)) if _is_shape(each)]
    if nested:
        made = _schema(nested[0])
        return made if hint is nested[0] else {"anyOf": [made, {"type": "null"}]}
    schema = schema_of(hint) or {}
    listed = schema.get("enum", ())
    return {"const": listed[0]} if len(listed) == 1 else schema


def _is_shape(hint: Any) -> bool:
    return isinstance(hint, type) and hint.__module__ == __name__
