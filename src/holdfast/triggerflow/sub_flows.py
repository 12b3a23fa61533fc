# SPDX-License-Identifier: Apache-2.0
"""What a sub-flow is given, and what it gives back: the two deliveries at its node.

Both read all their sources before anything is written, so one that is missing changes nothing.
What goes in and what comes out is copied; only a resource is the same object inside.
"""

from __future__ import annotations

from typing import Any

from holdfast.definition.blueprint import START, Node
from holdfast.definition.links import Link, Path
from holdfast.errors import SubFlowSourceMissing
from holdfast.machine import state, visits
from holdfast.machine.effects import Entered, Input, Left
from holdfast.machine.run import MISSING, Delivery, Visit
from holdfast.triggerflow.reserved import FINAL
from holdfast.triggerflow.running import FlowRun


async def carry(flow: FlowRun, delivery: Delivery) -> Input:
    """Carry out a delivery at the node of a sub-flow."""
    number = visits.number_of(delivery)
    node = flow.compiled.plan.by_id[delivery.node]
    if number:
        return await _leave(flow, delivery, node, number)
    return _enter(flow, delivery, node)


def _enter(flow: FlowRun, delivery: Delivery, node: Node) -> Entered:
    value, encoded = delivery.payload, delivery.data
    inner: dict[str, Any] = {}
    given: dict[str, dict[str, Any]] = {}
    bound: dict[str, str] = {}
    if node.capture is not None:
        value, encoded = None, None
        holder = flow.make_data(flow, delivery)
        trees: dict[str, Any] = {scope: {} for scope in node.capture.scopes}
        for link in node.capture.links:
            if link.scope == link.source == "resources":
                key = ".".join(link.source_path)
                holder.require_resource(key)
                bound[link.path[0]] = key
                continue
            found = flow.codec.copy(_captured(holder, delivery, link))
            if link.path:
                _put(trees[link.scope], link.path, found)
            else:
                trees[link.scope] = found
        value, inner = trees.pop("input", None), trees.pop("state", {})
        given = {scope: tree for scope, tree in trees.items() if tree}
    contract = flow.compiled.subs[node.id].compiled.contract
    if contract is not None:
        value = contract.check("initial_input", value, flow.run.run_id)
        encoded = None
    is_kept = flow.run.journal is not None
    if is_kept and encoded is None and START in flow.compiled.plan.inside[node.id].listeners:
        encoded = flow.codec.encode(value, f"input of {node.id}")
    if is_kept and given:
        # Refused here, where it fails this delivery, and not at the commit.
        flow.codec.encode(given, f"captured by {node.id}")
    state_lines = tuple(
        (key, kept, flow.codec.encode(kept, f"state.{key}") if is_kept else None)
        for key, kept in inner.items()
    )
    return Entered(delivery, value, encoded, flow.live.clock.now(), state_lines, bound, given)


def _captured(holder: Any, delivery: Delivery, link: Link) -> Any:
    """What a source outside holds. Raises: SubFlowSourceMissing, ResourceMissing: KeyErrors."""
    path = ".".join(link.source_path)
    if link.source == "resources":
        return holder.require_resource(path)
    if link.source == "value":
        found = _at(delivery.payload, link.source_path)
    elif link.source == "state":
        found = holder.get_state(path or None, MISSING)
    else:
        found = holder.get_flow_data(path or None, MISSING, no_warning=True)
    if found is MISSING:
        raise _missing(link)
    return found


async def _leave(flow: FlowRun, delivery: Delivery, node: Node, number: int) -> Left:
    visit = flow.run.visits[number]
    frame = flow.run.frames[number]
    snapshot: dict[str, Any] = flow.codec.copy(state.whole(frame))
    final = snapshot.get(FINAL, MISSING)
    result = snapshot if final is MISSING else final
    value = result
    links = node.write_back
    if links is not None:
        holder = flow.make_data(flow, delivery)
        found = [(link, _given(link, snapshot, final)) for link in links.links]
        value = _merged(flow, visit, [one for one in found if one[0].scope == "value"])
        for link, each in found:
            key = ".".join(link.path)
            if link.scope == "state":
                await holder.async_set_state(key, each)
            elif link.scope == "flow_data":
                await holder.async_set_flow_data(key, each, no_warning=True)
    encoded = None
    if flow.run.journal is not None and flow.compiled.plan.after[node.id]:
        encoded = flow.codec.encode(value, f"value of {node.id}")
    flow.keep_result(number, result)
    return Left(delivery, value, encoded, flow.live.clock.now())


def _given(link: Link, snapshot: dict[str, Any], final: Any) -> Any:
    """What a source inside holds; a path is looked for in the result first, then in the state."""
    if link.source == "result" and final is not MISSING:
        found = _at(final, link.source_path)
        if found is not MISSING:
            return found
    found = _at(snapshot, link.source_path)
    if found is MISSING:
        raise _missing(link)
    return found


def _merged(flow: FlowRun, visit: Visit, found: list[tuple[Link, Any]]) -> Any:
    """The value that goes on: what came in, with what was written back into it."""
    if not found:
        return visit.value
    if not found[0][0].path:
        return found[0][1]
    value = flow.codec.copy(visit.value)
    if not isinstance(value, dict):
        raise TypeError(
            f"write_back: paths of value need a dict to be put into; found {type(value).__name__}"
        )
    for link, each in found:
        _put(value, link.path, each)
    return value


def _at(value: Any, path: Path) -> Any:
    """What lies under a path of keys, or MISSING."""
    for segment in path:
        if not isinstance(value, dict) or segment not in value:
            return MISSING
        value = value[segment]
    return value


def _put(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value under a path; the dicts on the way are made. Raises: TypeError."""
    *way, last = path
    for segment in way:
        tree = tree.setdefault(segment, {})
        if not isinstance(tree, dict):
            raise TypeError(f"path segment {segment!r} holds a {type(tree).__name__}, not a dict")
    tree[last] = value


def _missing(link: Link) -> SubFlowSourceMissing:
    target = ".".join((link.scope, *link.path))
    return SubFlowSourceMissing(
        f"source {link.text!r} of {target!r} is not there", source=link.text, target=target
    )
