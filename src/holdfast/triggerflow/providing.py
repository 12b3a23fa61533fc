# SPDX-License-Identifier: Apache-2.0
"""What a load finds of the live objects that a run needs: given, to be resolved, or missing."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.runtime.calling import THREADS, is_async
from holdfast.triggerflow.requirements import Requirement, Requirements, health_of

#: The states of a finding, by the end of its diagnostic code.
GIVEN, RESOLVED, PENDING = "resolved_resource", "resolver_resolved_resource", "resolver_pending"
MISSING, NO_RESOLVER, FAILED = "missing_resource", "missing_resolver", "resolver_failed"
UNHEALTHY, FORBIDDEN = "unhealthy_resource", "policy_forbidden_resource"
#: A binding of the saved run has no handler here; one may still be bound, so it is a warning.
LOST_HANDLER = "missing_dynamic_handler"

_BY_HEALTH = {"missing": MISSING, "unhealthy": UNHEALTHY, "policy_forbidden": FORBIDDEN}


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement, and how it stands. error: what its resolver raised.

    path: of the sub-flow that declared it; "" for the run itself.
    """

    need: Requirement
    state: str
    resource: Any = None
    error: Exception | None = None
    path: str = ""

    @property
    def key(self) -> str:
        """The key as a report shows it: that of a sub-flow stands behind its path."""
        return f"{self.path}/{self.need.key}" if self.path else self.need.key

    def told(self) -> dict[str, Any]:
        """The requirement as a report shows it."""
        return {**self.need.told(), "key": self.key}

    @property
    def is_there(self) -> bool:
        """Whether the resource is in hand and may be used."""
        return self.state in (GIVEN, RESOLVED)

    @property
    def severity(self) -> str:
        """info, warning, or error: an error keeps the run from being loaded."""
        if self.is_there:
            return "info"
        if self.state == LOST_HANDLER:
            return "warning"
        if not self.need.required:
            return "info" if self.state in (MISSING, NO_RESOLVER, PENDING) else "warning"
        return "warning" if self.need.fail_policy == "fail_open" else "error"

    @property
    def is_blocking(self) -> bool:
        """Whether a run that is to be whole is not to be loaded so."""
        return self.severity == "error" or self.state == LOST_HANDLER


def needs_of(
    keys: Iterable[str], saved: Iterable[Requirement], here: Requirements
) -> list[Requirement]:
    """All that a saved run needs, by key.

    keys: what was mounted when it was saved. saved: what was declared then; what is declared here
    takes its place, since it knows today's resolver.
    """
    found = {one.place: one for one in saved} | {one.place: one for one in here}
    named = {one.key for one in found.values()}
    mounted = [Requirement(key=key, source="execution") for key in keys if key not in named]
    return sorted((*found.values(), *mounted), key=lambda one: (one.key, one.kind))


def look(needs: Iterable[Requirement], known: Mapping[str, Any]) -> list[Finding]:
    """How each requirement stands, with no resolver called."""
    return [_look_at(need, known) for need in needs]


def _look_at(need: Requirement, known: Mapping[str, Any]) -> Finding:
    if need.key in known:
        health = "unknown" if need.health is None else health_of(need.health)
        state = GIVEN if health == "missing" else _BY_HEALTH.get(health, GIVEN)
        return Finding(need, state, known[need.key])
    if need.resolver is not None:
        return Finding(need, PENDING)
    return Finding(need, MISSING if need.resolver_name is None else NO_RESOLVER)


def lost_handlers(ids: Iterable[str]) -> list[Finding]:
    """The bindings of those ids, whose handlers are not bound here."""
    kind = "dynamic_event_handler"
    needs = [Requirement(key=f"{kind}:{name}", kind=kind, source="execution") for name in ids]
    return [Finding(need, LOST_HANDLER) for need in needs]


async def resolve(findings: Iterable[Finding], context: Mapping[str, Any]) -> list[Finding]:
    """Call the resolver of whatever is pending, one after the other.

    context: what every resolver is told; its own key and requirement come to it.
    """
    return [await _resolved(one, context) if one.state == PENDING else one for one in findings]


async def _resolved(finding: Finding, context: Mapping[str, Any]) -> Finding:
    need = finding.need
    asked = {**context, "resource_key": need.key, "requirement": need.told()}
    assert need.resolver is not None
    try:
        if is_async(need.resolver):
            given = await need.resolver(asked)
        else:
            # It may open a connection: that must not hold the loop.
            given = await THREADS.call(need.resolver, asked)
            if inspect.isawaitable(given):
                given = await given
    except Exception as error:  # noqa: BLE001 - told in the report, and chained to the refusal
        return replace(finding, state=FAILED, error=error)
    health = "unknown"
    if isinstance(given, Mapping) and "resource" in given and not given.keys() - _ANSWER:
        health = health_of(given.get("health", "resolved"))
        given = given["resource"]
    if given is None:
        return replace(finding, state=MISSING)
    return replace(finding, state=_BY_HEALTH.get(health, RESOLVED), resource=given)


_ANSWER = frozenset({"resource", "health"})


def keys_where(findings: Iterable[Finding], *states: str, blocking: bool = False) -> list[str]:
    """The sorted keys of what stands in one of the states. blocking: only what blocks."""
    found = {one.key for one in findings if one.state in states}
    if blocking:
        found &= {one.key for one in findings if one.is_blocking}
    return sorted(found)
