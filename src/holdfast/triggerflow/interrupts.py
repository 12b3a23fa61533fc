# SPDX-License-Identifier: Apache-2.0
"""Waits as users of flows see them: interrupts, plain dicts."""

from __future__ import annotations

from typing import Any

from holdfast.machine.run import Run, Settled, Wait

_WORDS = {"answered": "resumed", "withdrawn": "cancelled", "expired": "cancelled"}


def interrupt_of(run: Run, wait: Wait) -> dict[str, Any]:
    """One wait. status: "waiting" or "resumed"."""
    event = wait.resume.removeprefix("event:") if wait.resume.startswith("event:") else None
    return {
        "id": wait.id,
        "type": wait.type,
        "status": "resumed" if wait.answered else "waiting",
        "payload": wait.payload,
        "resume_to": {"event": event} if event is not None else wait.resume,
        "resume_event": event,
        "response": wait.value,
        "resume_value": wait.value,
        "created_at": wait.opened_at,
        "resumed_at": wait.settled_at,
        "resumed_by": wait.actor,
        "resume_request_id": wait.request_id,
        "resume_count": wait.resumes,
        "max_resumes": wait.limit,
        "source_execution_id": run.run_id,
        "source_flow_name": run.plan.name,
        "source_operator_id": wait.origin.node if wait.origin is not None else None,
    }


def settled_of(line: Settled) -> dict[str, Any]:
    """What is left of a wait whose continuation has ended."""
    return {
        "id": line.id,
        "status": _WORDS.get(line.status, line.status),
        "resumed_at": line.at,
        "resumed_by": line.actor,
        "resume_request_id": line.request_id,
    }


def find(run: Run, wait_id: str) -> dict[str, Any] | None:
    """An interrupt by id, open or among the last that were settled; None if unknown."""
    wait = run.waits.get(wait_id)
    if wait is not None:
        return interrupt_of(run, wait)
    for line in reversed(run.settled):
        if line.id == wait_id:
            return settled_of(line)
    return None


def pending(run: Run) -> dict[str, dict[str, Any]]:
    """The open interrupts by id, oldest first."""
    return {wait.id: interrupt_of(run, wait) for wait in run.waits.values() if not wait.answered}
