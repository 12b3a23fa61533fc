# SPDX-License-Identifier: Apache-2.0
"""What the sub-flows of a flow need from outside: declared there, and told by the flow around.

A sub-flow has resources of its own and those that are captured into it. A need that is captured
from a need of the flow around is that one, and is told once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from holdfast.definition.blueprint import SEPARATOR, Node
from holdfast.triggerflow import providing
from holdfast.triggerflow.compiled import Compiled
from holdfast.triggerflow.providing import Finding
from holdfast.triggerflow.requirements import Requirement
from holdfast.triggerflow.running import FlowRun


def look(
    compiled: Compiled, needs: Iterable[Requirement], known: Mapping[str, Any]
) -> list[Finding]:
    """How the needs of all sub-flows stand, with no resolver called.

    needs, known: what the flow around declares, and the resources that it has.
    """
    declared: dict[str, Collection[str]] = {"": {need.key for need in needs}}
    given: dict[str, Mapping[str, Any]] = {"": known}
    found: list[Finding] = []
    for path in sorted(compiled.subs, key=len):
        sub = compiled.subs[path]
        parent = max((p for p in given if _is_inside(path, p)), key=len)
        captured = _captured(compiled.plan.by_id[path])
        here = {k: given[parent][outer] for k, outer in captured.items() if outer in given[parent]}
        given[path] = {**sub.resources, **here}
        declared[path] = {need.key for need in sub.resources.needs}
        own = [
            need
            for need in sub.resources.needs
            if captured.get(need.key) not in declared[parent] or need.key not in captured
        ]
        found += [
            Finding(one.need, one.state, one.resource, path=path)
            for one in providing.look(own, given[path])
        ]
    return found


def take(flow: FlowRun, findings: Iterable[Finding]) -> None:
    """Let a run have what resolvers gave, here or in the sub-flows that need it."""
    for one in findings:
        if not one.is_there:
            continue
        if one.path:
            flow.resolved.setdefault(one.path, {})[one.need.key] = one.resource
        else:
            flow.resources.set(one.need.key, one.resource)


def _is_inside(path: str, around: str) -> bool:
    return not around or path.startswith(around + SEPARATOR)


def _captured(node: Node) -> dict[str, str]:
    """The resources that a sub-flow is given, by their keys inside: the keys outside."""
    links = () if node.capture is None else node.capture.links
    return {
        link.path[0]: ".".join(link.source_path)
        for link in links
        if link.scope == link.source == "resources"
    }
