# SPDX-License-Identifier: Apache-2.0
"""Visits: each pass through a sub-flow is a frame of the record, with a state of its own.

A value that reaches a sub-flow makes a delivery, in which the runtime reads what the sub-flow is
given. Then the frame opens: its scope lies inside the scope that the value came in, and START is
sent in it. When nothing of it is under way or waiting, a second delivery at the same node writes
back what the sub-flow gives; its end closes the frame and lets the value go on. Both deliveries
park and repeat like any other.

Whoever waits for the value that reached the sub-flow waits for the visit too, until all that is
left of it is waiting for answers. After that the visit belongs to whoever answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.definition.blueprint import START
from holdfast.machine import fans, joins, retries, scopes, state, visit_parts, waits
from holdfast.machine.effects import Cancel, Effect, Entered, FrameCancelled, FrameEnded, Withdrawn
from holdfast.machine.run import DUE, PARKED, Delivery, Fan, Frame, Passed, Run, Visit

if TYPE_CHECKING:
    from holdfast.machine.router import Router

#: The kind of the signal that a delivery answers to which closes a frame; its event is the number.
FRAME = "frame"


def begin(route: Router, entered: Entered) -> None:
    """The frame opens, and START is sent in it."""
    run, delivery = route.run, entered.delivery
    number = run.next_frame
    run.next_frame = number + 1
    run.frames[number] = Frame()
    inner = scopes.new_scope(run, delivery.scope)
    run.scopes[inner].frame = number
    run.visits[number] = Visit(
        delivery.node,
        delivery.frame,
        delivery.scope,
        delivery.payload,
        delivery.data,
        entered.at,
        delivery.emitter,
        entered.bound,
        entered.given,
        inner,
        delivery.group,
    )
    run.groups[delivery.group].live += 1
    visit_parts.mark_visit(run, number)
    for key, value, data in entered.state:
        state.write(run, key, value, data, 0, number)
    _start(route, entered, inner)
    fans.leave(route, inner)


def _start(route: Router, entered: Entered, scope: int) -> None:
    listeners, is_scoped = scopes.hearers(route.run, scope)
    own = scopes.new_scope(route.run, scope) if is_scoped else scope
    for node in listeners.get(START, ()):
        place = scope if node.kind == "gate" else own
        route.arrive(node, entered.value, entered.data, place, START, -1)
    if own != scope:
        fans.leave(route, own)


def rested(route: Router, number: int) -> None:
    """Only answers can move the visit: nobody waits for it any more."""
    visit = route.run.visits[number]
    if visit.group:
        group, visit.group = visit.group, 0
        visit_parts.mark_now(route.run, number)
        scopes.leave_group(route.run, group, route.effects)


def ended(route: Router, number: int) -> None:
    """The work of the visit has ended: what it gives is to be written back."""
    run = route.run
    visit = run.visits[number]
    visit.inner = 0
    group, visit.group = visit.group, 0
    visit_parts.mark_now(run, number)
    beside = route.beside(group or route.group, visit.emitter if group else route.emitter)
    node = route.plan.by_id[visit.node]
    data = None if run.journal is None else b"null"
    beside.deliver(node, None, data, visit.scope, (FRAME, str(number)), -1)
    if group:
        scopes.leave_group(run, group, route.effects)


def number_of(delivery: Delivery) -> int:
    """The frame that a delivery is to close; 0 if it is none of those."""
    return int(delivery.event) if delivery.kind == FRAME else 0


def close(run: Run, number: int, status: str, at: float, reason: str | None = None) -> Effect:
    """The frame goes from the record; a line is left."""
    # Many parameters because: a line of the past has that many facts.
    visit = run.visits.pop(number)
    frame = run.frames.pop(number)
    line = Passed(number, visit.node, visit.parent, status, visit.began_at, at, reason)
    run.passed.append(line)
    run.next_passed += 1
    if len(run.passed) > visit_parts.KEPT_PASSED:
        del run.passed[0]
    visit_parts.mark_ended(run, number, frame, line)
    return FrameEnded(number)


def within(run: Run, number: int) -> set[int]:
    """A frame and all that are nested in it."""
    found = {number}
    # A frame is opened after the one around it, so its number is greater.
    for other in sorted(run.visits):
        if run.visits[other].parent in found:
            found.add(other)
    return found


def of_frames(run: Run, frames: set[int]) -> list[Delivery]:
    """The deliveries inside of frames, and those that are to close them."""
    return [d for d in run.deliveries.values() if d.frame in frames or number_of(d) in frames]


def is_failed(run: Run, number: int) -> bool:
    """Whether something of the visit is parked."""
    return any(d.status == PARKED for d in of_frames(run, within(run, number)))


def failed(run: Run, parked: Delivery, at: float, error: str) -> list[int]:
    """A delivery was parked: the visits it belongs to stand failed until somebody decides.

    Returns the groups whose waiters wait for these visits.
    """
    groups: list[int] = []
    number = number_of(parked) or parked.frame
    while number:
        visit = run.visits[number]
        visit.failed_at, visit.error = at, error
        visit_parts.mark_now(run, number)
        if visit.group:
            groups.append(visit.group)
        number = visit.parent
    return groups


def cancel(route: Router, cancelled: FrameCancelled) -> None:
    """The visit ends now: its work is dropped, nothing is written back, nothing goes on."""
    run = route.run
    visit = run.visits[cancelled.frame]
    frames = within(run, cancelled.frame)
    scope, inner = visit.scope, visit.inner
    rested_before = inner in run.scopes and run.scopes[inner].rests
    left = _drop_deliveries(run, of_frames(run, frames), route.effects)
    for wait in list(run.waits.values()):
        if wait.scope and scopes.frame_of(run, wait.scope) in frames:
            waits.cancel(run, wait)
            route.effects.append(Withdrawn(wait))
    left += [run.visits[number].group for number in frames]
    left += [fan.group for fan in _unstarted(run, frames)]
    for number in [n for n, home in run.scopes.items() if home.frame in frames]:
        _drop_scope(run, number)
    for number in sorted(frames, reverse=True):
        route.effects.append(close(run, number, "cancelled", cancelled.at, cancelled.reason))
    if scope:
        fans.leave(route, scope, waiting=rested_before)
    for number in left:
        scopes.leave_group(run, number, route.effects)


def _drop_deliveries(run: Run, dropped: list[Delivery], effects: list[Effect]) -> list[int]:
    """Forget deliveries; what they wrote outside of the frames is taken back. Returns groups."""
    numbers = {delivery.id for delivery in dropped}
    live = tuple(d.id for d in dropped if d.status == DUE)
    if live:
        effects.append(Cancel(live))
    for delivery in dropped:
        number = delivery.id
        # A handler that ends later finds that its delivery is not due any more.
        run.live -= delivery.status == DUE
        delivery.status = PARKED
        retries.rest(run, delivery)
        del run.deliveries[number]
        run.held.pop(number, None)
        lines = run.ledgers.pop(number, None)
        if lines is not None and number_of(delivery):
            state.take_back(run, lines)
        if run.journal is not None:
            run.journal.drop(f"due/{number}")
            run.journal.drop(f"ledger/{number}")
    for emitter, waiting in list(run.held.items()):
        run.held[emitter] = [d for d in waiting if d.id not in numbers]
    return [delivery.group for delivery in dropped]


def _unstarted(run: Run, frames: set[int]) -> list[Fan]:
    """The passes in frames with lanes that have not started, which their groups wait for."""
    return [
        fan
        for number, fan in run.fans.items()
        if scopes.frame_of(run, number) in frames and fan.started < len(fan.items)
    ]


def _drop_scope(run: Run, number: int) -> None:
    scope = run.scopes.pop(number)
    for join_id in scope.joins or ():
        joins.empty(run, number, join_id)
    if number in run.fans:
        fans.drop(run, number)
    if run.journal is not None and scope.parent:
        run.journal.drop(f"scope/{number}")


def end_all(run: Run, at: float) -> list[Effect]:
    """The run ends: what is left of its visits ends with it, the innermost first."""
    words = {n: "failed" if is_failed(run, n) else "cancelled" for n in run.visits}
    return [
        close(run, number, words[number], at, run.visits[number].error or "the run ended")
        for number in sorted(run.visits, reverse=True)
    ]
