# SPDX-License-Identifier: Apache-2.0
"""Whether a record that came from a document could be one of a flow: nothing in it points nowhere.

Checksums tell accidents; this tells what was made up, before anything acts on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from holdfast.definition.blueprint import CALLS, Blueprint
from holdfast.machine.bindings import PREFIX
from holdfast.machine.run import Delivery, Run
from holdfast.machine.visits import FRAME

STATUSES = frozenset({"created", "running", "waiting", "completed", "failed", "cancelled"})
LIFECYCLES = frozenset({"open", "sealed", "closed"})
#: What opens a block whose lanes a record may hold.
OPENERS = frozenset({"each", "batch", "match"})


def first_flaw(run: Run, plan: Blueprint, *, is_same: bool) -> str | None:
    """Where the record makes no sense, or None.

    is_same: it was made by this very plan, so all it names is there; what a changed plan has lost
    is told elsewhere.
    """
    return next(_flaws(run, plan, is_same=is_same), None)


def _flaws(run: Run, plan: Blueprint, *, is_same: bool) -> Iterator[str]:
    if run.status not in STATUSES:
        yield "status: expected a word of a flow"
    if run.lifecycle not in LIFECYCLES:
        yield "lifecycle: expected open, sealed or closed"
    yield from _counters(run)
    if is_same:
        yield from _strangers(run, plan)
    for delivery in run.deliveries.values():
        yield from _delivery(delivery, f"delivery {delivery.id}", run, plan)
    for wait in run.waits.values():
        if not 0 <= wait.scope < run.next_scope:
            yield f"wait {wait.id}: there is no scope {wait.scope}"
        if wait.origin is not None:
            yield from _delivery(wait.origin, f"wait {wait.id}", run, plan)
    yield from _fans(run, plan)
    for number, scope in run.scopes.items():
        if not 0 <= scope.parent < number:
            yield f"scope {number}: its parent is not an earlier one"
        fan = run.fans.get(scope.parent)
        if fan is not None and scope.index >= len(fan.items):
            yield f"scope {number}: it is a lane that there is not"
    yield from _joins(run, plan)
    yield from _awaited(run)
    yield from _visits(run, plan)


def _strangers(run: Run, plan: Blueprint) -> Iterator[str]:
    named = {delivery.node for delivery in run.deliveries.values()}
    named |= {wait.origin.node for wait in run.waits.values() if wait.origin is not None}
    named |= {fan.node for fan in run.fans.values()}
    named |= {visit.node for visit in run.visits.values()}
    # The node of a binding is no part of the flow; it may be without its handler here.
    named = {name for name in named if not name.startswith(PREFIX)} - plan.by_id.keys()
    named |= {join_id for _, join_id in run.joins} - plan.by_id.keys() - plan.collects.keys()
    if named:
        yield "it names nodes that its flow does not have"


def _counters(run: Run) -> Iterator[str]:
    for word, used, following in (
        ("delivery", run.deliveries, run.next_delivery),
        ("scope", run.scopes, run.next_scope),
        ("group", run.groups, run.next_group),
        ("frame", run.frames, run.next_frame),
    ):
        if any(not 0 <= number < following for number in used):
            yield f"{word}s: a number is beyond the counter"


def _delivery(delivery: Delivery, place: str, run: Run, plan: Blueprint) -> Iterator[str]:
    if delivery.frame not in run.frames:
        yield f"{place}: there is no frame {delivery.frame}"
    if not 0 <= delivery.scope < run.next_scope:
        yield f"{place}: there is no scope {delivery.scope}"
    if delivery.failures < 0 or not 0 <= delivery.again_at < math.inf:
        yield f"{place}: it was not tried so often, or waits for no time"
    node = plan.by_id.get(delivery.node)
    if node is not None and node.kind not in CALLS:
        yield f"{place}: {delivery.node} is not called"


def _visits(run: Run, plan: Blueprint) -> Iterator[str]:
    """A frame lies in an earlier one, and its work in the scope that it says."""
    closing = [int(d.event) for d in run.deliveries.values() if d.kind == FRAME and _is_number(d)]
    for number, visit in run.visits.items():
        node = plan.by_id.get(visit.node)
        if node is not None and node.kind != "sub_flow":
            yield f"frame {number}: {visit.node} is no sub-flow"
        if visit.parent and not (visit.parent in run.visits and visit.parent < number):
            yield f"frame {number}: it lies in no earlier one"
        if not 0 <= visit.scope < run.next_scope or not 0 <= visit.group < run.next_group:
            yield f"frame {number}: its scope or its group is beyond the counter"
        inner = run.scopes.get(visit.inner)
        if visit.inner and (inner is None or inner.parent != visit.scope):
            yield f"frame {number}: its work is in no scope of its own"
        if closing.count(number) != (not visit.inner):
            yield f"frame {number}: it is neither open nor about to be closed"
    if any(number and number not in run.visits for number in run.frames):
        yield "a frame is of no sub-flow"
    if any(d.kind == FRAME for d in run.deliveries.values()) and not _close_known(run, closing):
        yield "a delivery closes a frame that there is not"


def _close_known(run: Run, closing: list[int]) -> bool:
    asked = sum(d.kind == FRAME for d in run.deliveries.values())
    return len(closing) == asked and all(number in run.visits for number in closing)


def _is_number(delivery: Delivery) -> bool:
    return delivery.event.isascii() and delivery.event.isdigit()


def _joins(run: Run, plan: Blueprint) -> Iterator[str]:
    for (_, join_id), join in run.joins.items():
        node = plan.by_id.get(join_id)
        expected = plan.collects.get(join_id)
        if node is not None:
            expected = tuple(f"{kind}:{event}" for kind, event in node.listens)
        if expected is not None and not join.keys() <= set(expected):
            yield f"join {join_id}: it holds what it does not wait for"


def _fans(run: Run, plan: Blueprint) -> Iterator[str]:
    for number, fan in run.fans.items():
        node = plan.by_id.get(fan.node)
        if node is not None and node.kind not in OPENERS:
            yield f"fan {number}: {fan.node} opens no block"
        if not isinstance(fan.items, list) or not 0 <= fan.started <= len(fan.items):
            yield f"fan {number}: it has begun more lanes than it has"
        elif any(type(at) is not int or not 0 <= at < len(fan.items) for at in fan.results):
            yield f"fan {number}: a result is of no lane"
        elif fan.node in plan.exits and not all(isinstance(key, str) for key in fan.items):
            yield f"fan {number}: a branch has no name"


def _awaited(run: Run) -> Iterator[str]:
    """What somebody waits for: the results of an emit, and what a handler has made already."""
    for number, group in run.groups.items():
        if group.results is not None and not isinstance(group.results, list):
            yield f"group {number}: its results are no list"
    for delivery in run.deliveries.values():
        results = run.groups[delivery.group].results if delivery.group in run.groups else None
        if results is not None and delivery.slot >= len(results):
            yield f"delivery {delivery.id}: its result has no place"
    for number, lines in run.ledgers.items():
        for entry in lines.entries:
            texts = (entry.kind, entry.name, entry.digest or "", entry.wait or "")
            if not all(isinstance(text, str) for text in texts) or type(entry.group) is not int:
                yield f"ledger {number}: a line is not what a handler could have made"
            if entry.kind == "sleep" and entry.done and not _is_time(entry.outcome):
                yield f"ledger {number}: a sleep ends at no time"


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
