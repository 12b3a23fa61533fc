# SPDX-License-Identifier: Apache-2.0
"""What is said of a save before or after it is loaded: a report with coded diagnostics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from holdfast.errors import (
    Damaged,
    DocumentError,
    HoldfastError,
    MigrationFailed,
    NotASave,
    ResourcesNotReady,
    TooLarge,
    TypeNotAllowed,
    UnknownVersion,
    WrongDefinition,
)
from holdfast.machine import steps
from holdfast.machine.run import DUE, Run
from holdfast.persistence.document import Document
from holdfast.triggerflow import providing
from holdfast.triggerflow.providing import Finding

_SNAPSHOT = "triggerflow.snapshot."
_LOAD = "triggerflow.load."
_NET = "triggerflow.signal_net."

#: What a refused save is called, by its error; the first that fits.
_CODES: tuple[tuple[type[HoldfastError], str], ...] = (
    (NotASave, "invalid_kind"),
    (UnknownVersion, "invalid_schema_version"),
    (MigrationFailed, "migration_failed"),
    (WrongDefinition, "flow_definition_mismatch"),
    (TypeNotAllowed, "type_not_allowed"),
    (TooLarge, "too_large"),
    (Damaged, "damaged"),
    (DocumentError, "invalid"),
)
_TEXTS = {
    providing.GIVEN: "the resource is there",
    providing.RESOLVED: "its resolver has given the resource",
    providing.PENDING: "nobody gave the resource; its resolver is asked by async_load",
    providing.MISSING: "nobody gave the resource",
    providing.NO_RESOLVER: "nobody gave the resource, and the resolver it had is not declared here",
    providing.FAILED: "the resource resolver failed",
    providing.UNHEALTHY: "the resource is not healthy",
    providing.FORBIDDEN: "a policy forbids the resource",
    providing.LOST_HANDLER: "the run has bound a handler under this id, and none is bound here",
}


def diagnostic(code: str, severity: str, message: str, **context: Any) -> dict[str, Any]:
    """One entry: a stable code, "error", "warning" or "info", a text, and what it is about."""
    return {"code": code, "severity": severity, "message": message, **context}


def of_refusal(error: Exception) -> dict[str, Any]:
    """Why a save cannot be loaded."""
    if not isinstance(error, HoldfastError):
        text = f"a migration raised {type(error).__name__}"
        return diagnostic(f"{_SNAPSHOT}migration_failed", "error", text)
    word = next(word for kind, word in _CODES if isinstance(error, kind))
    facts = {
        name: list(fact) if isinstance(fact, tuple) else fact for name, fact in error.facts.items()
    }
    return diagnostic(f"{_SNAPSHOT}{word}", "error", str(error), error=error.code, **facts)


def of_change(warning: str, saved: str, today: str) -> dict[str, Any]:
    """The flow has changed, and still has what the run needs."""
    code = f"{_SNAPSHOT}flow_definition_mismatch"
    return diagnostic(code, "warning", warning, expected=today, actual=saved)


def of_findings(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """How each resource stands."""
    return [
        diagnostic(
            f"{_NET if one.state == providing.LOST_HANDLER else _LOAD}{one.state}",
            one.severity,
            f"{one.key}: {_TEXTS[one.state]}"
            + (f": {type(one.error).__name__}" if one.error is not None else ""),
            resource_key=one.key,
        )
        for one in findings
    ]


def of_answers(run: Run) -> list[dict[str, Any]]:
    """Answers whose consequences were not complete when the run was saved; they run again."""
    begun = {d.wait for d in run.deliveries.values() if d.status == DUE and d.wait is not None}
    found = []
    for wait in run.waits.values():
        if not wait.answered:
            continue
        word = "dispatched_not_completed" if wait.key in begun else "accepted_not_dispatched"
        found.append(
            diagnostic(
                f"triggerflow.resume.{word}",
                "warning",
                f"the answer to {wait.id!r} takes effect again when the run goes on",
                interrupt_id=wait.id,
                resume_request_id=wait.request_id,
            )
        )
    return found


def refuse_blocked(findings: Iterable[Finding], run_id: str) -> None:
    """Raises: ResourcesNotReady, caused by what a resolver raised, if a finding blocks."""
    blocked = [one for one in findings if one.is_blocking]
    if not blocked:
        return
    keys = tuple(sorted({one.key for one in blocked}))
    failed = [one for one in blocked if one.error is not None]
    text = f"missing resources: {list(keys)}"
    if failed:
        text = f"resource resolver failed: {sorted(one.key for one in failed)}; {text}"
    raise ResourcesNotReady(
        text, run_id=run_id, missing=keys, diagnostics=tuple(of_findings(blocked))
    ) from (failed[0].error if failed else None)


def will_run_again(run: Run) -> list[dict[str, Any]]:
    """The handler calls that were under way when the run was saved, with their durable steps.

    runs_again_at: for one that failed, the wall-clock time before which it is not called again.
    """
    return [
        {
            "id": d.id,
            "node": d.node,
            "event": d.event,
            "attempt": d.attempt,
            "failures": d.failures,
            "runs_again_at": d.again_at or None,
            "steps": steps.told(run, d),
        }
        for d in run.deliveries.values()
        if d.status == DUE
    ]


def header(document: Document) -> dict[str, Any]:
    """What a save says of itself."""
    return {
        "run_id": document.run_id,
        "flow_name": document.definition,
        "flow_definition_fingerprint": document.fingerprint,
        "version": document.version,
        "sequence": document.sequence,
        "saved_at": document.saved_at,
        "resource_keys": list(document.resource_keys),
    }


def report(
    document: Document | None,
    run: Run | None,
    today: str,
    found: tuple[list[Finding], Iterable[str]],
    about_save: list[dict[str, Any]],
) -> dict[str, Any]:
    """The whole report. found: how the needs stand, and the resources there are.

    about_save: diagnostics of the save itself. document, run: None as far as they were refused.
    """
    findings, mounted = found
    missing = providing.keys_where(
        findings,
        providing.MISSING,
        providing.NO_RESOLVER,
        providing.FAILED,
        providing.UNHEALTHY,
        providing.LOST_HANDLER,
        blocking=True,
    )
    forbidden = providing.keys_where(findings, providing.FORBIDDEN)
    pending = providing.keys_where(findings, providing.PENDING)
    refused = any(one["severity"] == "error" for one in about_save)
    blocked = any(one.is_blocking and one.state != providing.PENDING for one in findings)
    waits = any(one.is_blocking for one in findings)
    word = "missing_resources" if blocked else "pending_resources" if waits else "ready"
    if refused:
        word = "invalid_snapshot"
    return {
        "snapshot": None if document is None else header(document),
        "execution_id": None if document is None else document.run_id,
        "status": word,
        "ready": word == "ready",
        "runtime_resources": sorted(mounted),
        "current_flow_definition_fingerprint": today,
        "missing_resource_keys": missing,
        "unresolved_resource_keys": sorted({f.key for f in findings if not f.is_there}),
        "resolved_resource_keys": sorted({f.key for f in findings if f.is_there}),
        "pending_resolver_keys": pending,
        "policy_blocked_resource_keys": forbidden,
        "resource_requirements": [one.told() for one in findings],
        "diagnostics": [*about_save, *of_findings(findings)],
        "will_run_again": [] if run is None else will_run_again(run),
    }
