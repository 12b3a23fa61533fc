# SPDX-License-Identifier: Apache-2.0
"""Waits as users of flows see them: interrupts, plain dicts."""

from __future__ import annotations

from typing import Any

from holdfast.definition.blueprint import SEPARATOR, Blueprint
from holdfast.machine.run import Delivery, Run, Settled, Wait
from holdfast.persistence.copies import isolated
from holdfast.runtime.inbox import MARKS
from holdfast.triggerflow.insides import child_id, frame_id, frame_of, local_id, prefix
from holdfast.triggerflow.signal import signal_of

_WORDS = {"answered": "resumed", "withdrawn": "cancelled"}


def interrupt_of(run: Run, wait: Wait) -> dict[str, Any]:
    """One wait. status: "waiting", "resumed", or "expired" by its deadline."""
    event = wait.resume.removeprefix("event:") if wait.resume.startswith("event:") else None
    kind = wait.exchange_kind
    frame = frame_of(wait)
    inside: dict[str, Any] = {}
    if frame:
        inside = {
            "local_interrupt_id": local_id(wait.id),
            "sub_flow_frame_id": frame_id(frame),
            "source_execution_id": child_id(run, frame),
        }
        inside["source_flow_name"] = _flow_name(run, wait.origin)
    return {
        "id": wait.id,
        "type": wait.type,
        "status": _status(wait),
        "payload": isolated(wait.payload),
        "resume_to": {"event": event} if event is not None else wait.resume,
        "resume_event": event,
        "response": isolated(wait.value),
        "resume_value": isolated(wait.value),
        "created_at": wait.opened_at,
        "deadline": wait.deadline,
        "response_schema": wait.schema,
        "resumed_at": wait.settled_at,
        "resumed_by": wait.actor,
        "resume_request_id": _request_id(wait.request_id),
        "resume_requests": _requests(run, wait),
        "cancelled_at": None,
        "cancel_reason": None,
        "resume_count": wait.resumes,
        "max_resumes": wait.limit,
        "external_wait_request": None if kind is None else {"exchange_kind": kind},
        "source_execution_id": run.run_id,
        "source_flow_name": run.plan.name,
        **_source(run, wait.origin),
        **inside,
    }


def _status(wait: Wait) -> str:
    if not wait.answered:
        return "waiting"
    return "expired" if wait.expired else "resumed"


def _request_id(given: str | None) -> str | None:
    """The id that somebody gave; marks of signals are our own business."""
    return None if given is None or given.startswith(MARKS) else given


def _requests(run: Run, wait: Wait) -> dict[str, Any]:
    """The request that answered, by its id, if it had one: later ones get the same answer."""
    request_id = _request_id(wait.request_id)
    if not wait.answered or request_id is None:
        return {}
    return {
        request_id: {
            "request_id": request_id,
            "status": "accepted" if wait.opener in run.deliveries else "dispatched",
            "value": isolated(wait.value),
            "actor": wait.actor,
            "accepted_at": wait.settled_at,
        }
    }


def _source(run: Run, origin: Delivery | None) -> dict[str, Any]:
    """Where a pause is from: the chunk, the signal that reached it, and what goes on behind it."""
    if origin is None:
        return {"source_operator_id": None, "source_signal": None, "continuation_event": None}
    node = run.plan.by_id.get(origin.node)
    return {
        "source_operator_id": origin.node,
        "source_signal": signal_of(run, origin).to_dict(),
        "continuation_event": None if node is None else node.emits,
    }


def _flow_name(run: Run, origin: Delivery | None) -> str:
    """The name of the flow, or of the innermost sub-flow, that a handler stands in."""
    plan: Blueprint = run.plan
    paths = (
        [] if origin is None else [p for p in plan.inside if origin.node.startswith(p + SEPARATOR)]
    )
    return plan.inside[max(paths, key=len)].name if paths else plan.name


def settled_of(run: Run, line: Settled) -> dict[str, Any]:
    """What is left of a wait whose continuation has ended, or that was cancelled."""
    if line.status not in ("answered", "expired"):
        facts = run.facts if line.status == "cancelled" else {}
        return {
            "id": line.id,
            "status": _WORDS.get(line.status, line.status),
            "cancelled_at": line.at or facts.get("closed_at"),
            "cancel_reason": facts.get("close_reason", line.status),
        }
    return {
        "id": line.id,
        "status": _WORDS.get(line.status, line.status),
        "resumed_at": line.at,
        "resumed_by": line.actor,
        "resume_request_id": _request_id(line.request_id),
    }


def find(run: Run, wait_id: str) -> dict[str, Any] | None:
    """An interrupt by id, open or among the last that were settled; None if unknown."""
    wait = run.waits.get(wait_id)
    if wait is not None:
        return interrupt_of(run, wait)
    for line in reversed(run.settled):
        if line.id == wait_id:
            return settled_of(run, line)
    return None


def pending(run: Run) -> dict[str, dict[str, Any]]:
    """The open interrupts by id, oldest first."""
    return {wait.id: interrupt_of(run, wait) for wait in run.waits.values() if not wait.answered}


def known_as(run: Run, frame: int, wait_id: str) -> str:
    """The id under which the run knows an interrupt that a handler of a frame names."""
    if not frame or frame not in run.visits or wait_id in run.waits:
        return wait_id
    return prefix(run, frame) + wait_id


def pending_in(run: Run, frame: int) -> dict[str, dict[str, Any]]:
    """The open interrupts of a sub-flow, by the ids that it gave them, oldest first."""
    return {
        local_id(wait.id): interrupt_of(run, wait)
        for wait in run.waits.values()
        if not wait.answered and frame_of(wait) == frame
    }
