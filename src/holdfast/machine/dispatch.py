# SPDX-License-Identifier: Apache-2.0
"""The machine of event flows: a signal reaches its handlers at once.

`step(run, happened)` changes the record and answers with effects; new deliveries stand in that
list themselves. A finished chunk gives off its own signal with its value. What follows from a
delivery belongs to its group, so whoever awaits the group hears when the whole chain is done.
Order inside a step: what is born comes first, what ends is counted after, so a count reaches
zero only when nothing follows.
"""

from __future__ import annotations

from typing import Any

from holdfast.definition.blueprint import CALLS, Blueprint, Node
from holdfast.machine import (
    batches,
    branches,
    collects,
    ending,
    fans,
    gates,
    layout,
    ledger,
    loops,
    retries,
    scopes,
    visits,
    waits,
)
from holdfast.machine.effects import (
    Answered,
    Broken,
    CameDue,
    Cancel,
    Cancelled,
    Effect,
    Emitted,
    Ended,
    Entered,
    Expired,
    Failed,
    Faltered,
    Finished,
    FrameCancelled,
    Input,
    Lapsed,
    Left,
    Retried,
    Skipped,
    Warn,
    Withdrawn,
)
from holdfast.machine.run import DUE, PARKED, Delivery, Fan, Run, Wait


def step(run: Run, happened: Input) -> list[Effect]:  # noqa: PLR0911 - one for each kind of input
    """Take one input; the record is changed, the effects are to be performed after the commit."""
    match happened:
        case Finished():
            return finish(run, happened)
        case Emitted():
            return emit(run, happened)[1]
        case Answered():
            return answer(run, happened)
        case Expired():
            return expire(run, happened)
        case Cancelled():
            return unask(run, happened)
        case Failed():
            return fail(run, happened)
        case Faltered():
            return retries.falter(run, happened)
        case CameDue():
            return retries.come_due(run, happened)
        case Retried():
            return retry(run, happened.delivery)
        case Skipped():
            return skip(run, happened)
        case Entered():
            return enter(run, happened)
        case Left():
            return left(run, happened)
        case FrameCancelled():
            return cancel(run, happened)
        case Ended():
            return end(run, happened)
        case _:
            raise TypeError(f"a flow takes no {type(happened).__name__}")


def emit(run: Run, signal: Emitted) -> tuple[int, list[Effect]]:
    """A signal: its listeners become due. Returns the group to await, 0 if nobody listens."""
    plan: Blueprint = run.plan
    scope = signal.scope
    if scope and run.visits:
        listeners, is_scoped = scopes.hearers(run, scope)
    else:
        listeners, is_scoped = plan.listeners, plan.scoped and not scope
    nodes = listeners.get((signal.type, signal.event))
    if not nodes:
        return 0, []
    effects: list[Effect] = []
    group = scopes.new_group(
        run, wants=signal.wants_results, emitter=signal.emitter, entry=signal.entry
    )
    inner = scopes.new_scope(run, scope) if is_scoped else scope
    route = Route(run, group, signal.emitter, effects)
    sender = run.deliveries.get(signal.emitter)
    if sender is not None:
        route.sources = (sender.node,)
    results = run.groups[group].results
    for node in nodes:
        slot = -1
        if results is not None and node.kind == "chunk":
            slot = len(results)
            results.append(None)
        route.arrive(
            node,
            signal.value,
            signal.data,
            scope if node.kind == "gate" else inner,
            (signal.type, signal.event),
            slot,
        )
    if inner != scope:
        fans.leave(route, inner)
    scopes.leave_group(run, group, effects)
    if signal.entry >= 0 and group in run.groups:
        scopes.keep_group(run, group)
    if run.journal is not None:
        layout.mark_head(run)
    return group, effects


class Route:
    """One routing: where a value goes from here, with whom it belongs and what it makes."""

    __slots__ = ("effects", "emitter", "group", "plan", "run", "sources", "wait")

    def __init__(
        self, run: Run, group: int, emitter: int, effects: list[Effect], wait: str | None = None
    ) -> None:
        self.run = run
        self.plan: Blueprint = run.plan
        self.group = group
        self.emitter = emitter
        self.effects = effects
        self.wait = wait
        self.sources: tuple[str, ...] = ()

    def as_of(self, fan: Fan) -> Route:
        """The routing of what belongs to a pass: its group, its emitter, no answer."""
        return self.beside(fan.group, fan.emitter)

    def beside(self, group: int, emitter: int) -> Route:
        """A routing of the same step for another group."""
        return Route(self.run, group, emitter, self.effects)

    def rested(self, frame: int) -> None:
        """All that is left of a frame's work is waiting."""
        visits.rested(self, frame)

    def ended(self, frame: int) -> None:
        """Nothing of a frame's work is left."""
        visits.ended(self, frame)

    def follow(self, node: Node, value: Any, data: bytes | None, scope: int) -> None:
        """Give off the signal of a node that is done."""
        for target in self.plan.after[node.id]:
            self.arrive(target, value, data, scope, ("event", node.emits), -1)

    def branch(self, node: Node, key: str, value: Any, data: bytes | None, scope: int) -> None:
        """Lead a value into one of a node's exits."""
        event, targets = self.plan.exits[node.id][key]
        for target in targets:
            self.arrive(target, value, data, scope, ("event", event), -1)

    def give(self, by: tuple[str, str], value: Any, data: bytes | None, scope: int) -> None:
        """Let a signal reach whoever listens to it."""
        for target in scopes.hearers(self.run, scope)[0].get(by, ()):
            self.arrive(target, value, data, scope, by, -1)

    def arrive(
        self, node: Node, value: Any, data: bytes | None, scope: int, by: tuple[str, str], slot: int
    ) -> None:
        """A value reaches a node by a signal."""
        kind = node.kind
        if kind in CALLS:
            self.deliver(node, value, data, scope, by, slot)
        elif kind == "gather":
            fans.gather(self, node, by, value, data, scope)
        elif kind == "merge":
            self.follow(node, value, data, scope)
        elif kind == "gate":
            gates.reach(self, node, by, value, data, scope)
        elif kind == "each":
            loops.reach(self, node, value, scope)
        elif kind == "batch":
            batches.reach(self, node, value, data, scope)
        else:
            collects.reach(self, node, value, data, scope)

    def deliver(
        self, node: Node, value: Any, data: bytes | None, scope: int, by: tuple[str, str], slot: int
    ) -> None:
        """A handler call is due."""
        run = self.run
        number = run.next_delivery
        run.next_delivery = number + 1
        delivery = Delivery(
            number,
            node.id,
            value,
            data,
            scopes.frame_of(run, scope) if run.visits else 0,
            scope,
            self.group,
            slot,
            self.emitter,
            0,
            by[0],
            by[1],
            self.sources,
            self.wait,
        )
        if self.wait is not None:
            waits.use(run, self.wait)
        scopes.born(run, delivery)
        self.effects.append(delivery)


def finish(run: Run, done: Finished) -> list[Effect]:
    """A handler ended: its continuation becomes due, unless it paused."""
    delivery = done.delivery
    effects: list[Effect] = []
    plan: Blueprint = run.plan
    if delivery.slot >= 0:
        scopes.result(run, delivery, done.value)
    node = plan.by_id[delivery.node]
    if node.kind == "match":
        route = Route(run, delivery.group, delivery.emitter, effects)
        branches.judged(route, node, delivery, done.value)
    elif not done.paused and plan.after[node.id]:
        Route(run, delivery.group, delivery.emitter, effects).follow(
            node, done.value, done.data, delivery.scope
        )
    _over(run, delivery, effects)
    return effects


def _over(run: Run, delivery: Delivery, effects: list[Effect]) -> None:
    """The delivery leaves the record, and with it all that counted on it."""
    number = delivery.id
    del run.deliveries[number]
    run.live -= 1
    if run.journal is not None:
        run.journal.drop(f"due/{number}")
    opened: list[Wait] = []
    if number in run.ledgers:
        opened = waits.asked_by(run, number)
        effects.extend(ledger.end(run, number))
    if run.held:
        effects.extend(run.held.pop(number, ()))
    if delivery.wait is not None:
        waits.release(run, delivery.wait)
    if opened or delivery.scope:
        route = Route(run, delivery.group, delivery.emitter, effects)
        for wait in opened:
            _opener_ended(route, wait)
        if delivery.scope:
            fans.leave(route, delivery.scope)
    scopes.leave_group(run, delivery.group, effects)


def _opener_ended(route: Route, wait: Wait) -> None:
    if wait.answered:
        route.effects.extend(_apply(route.run, wait.id))
    elif not wait.asked:
        waits.withdraw(route.run, wait)
        route.effects.append(Withdrawn(wait))
        if wait.scope:
            fans.leave(route, wait.scope, waiting=True)


def enter(run: Run, entered: Entered) -> list[Effect]:
    """What a sub-flow is given has been read: its frame opens."""
    delivery = entered.delivery
    effects: list[Effect] = []
    visits.begin(Route(run, delivery.group, delivery.emitter, effects), entered)
    _over(run, delivery, effects)
    return effects


def left(run: Run, left: Left) -> list[Effect]:
    """What a sub-flow gave has been written back: its frame goes, and the value goes on."""
    delivery = left.delivery
    effects: list[Effect] = []
    number = visits.number_of(delivery)
    visit = run.visits[number]
    effects.append(visits.close(run, number, "completed", left.at))
    plan: Blueprint = run.plan
    route = Route(run, delivery.group, delivery.emitter, effects)
    route.follow(plan.by_id[visit.node], left.value, left.data, visit.scope)
    _over(run, delivery, effects)
    return effects


def cancel(run: Run, cancelled: FrameCancelled) -> list[Effect]:
    """Somebody ends a sub-flow: its work is dropped, what is around it goes on without."""
    effects: list[Effect] = []
    group = scopes.new_group(run, wants=False)
    visits.cancel(Route(run, group, 0, effects), cancelled)
    scopes.leave_group(run, group, effects)
    if run.status == "failed":
        _unfail(run)
    layout.mark_head(run)
    return effects


def answer(run: Run, answered: Answered) -> list[Effect]:
    """A wait was settled: what it stands for becomes due, at once or when its opener has ended."""
    wait = waits.take_answer(run, answered)
    return [] if _is_opener_busy(run, wait) else _apply(run, wait.id)


def expire(run: Run, expired: Expired) -> list[Effect]:
    """A deadline settled a wait: what it says becomes due, when an answer would have been."""
    wait = waits.take_expiry(run, expired)
    effects: list[Effect] = [Lapsed(wait)]
    if not _is_opener_busy(run, wait):
        effects.extend(_apply(run, wait.id))
    return effects


def unask(run: Run, cancelled: Cancelled) -> list[Effect]:
    """A question is asked no more: its branch ends here."""
    wait = run.waits.get(cancelled.wait_id)
    if wait is None or wait.answered:
        return []
    effects: list[Effect] = [Withdrawn(wait)]
    waits.cancel(run, wait)
    if wait.scope:
        group = scopes.new_group(run, wants=False)
        fans.leave(Route(run, group, 0, effects), wait.scope, waiting=True)
        scopes.leave_group(run, group, effects)
    return effects


def _is_opener_busy(run: Run, wait: Wait) -> bool:
    # Also while it is parked: its repeat finds the answer, instead of asking once more.
    return wait.opener in run.deliveries


def _apply(run: Run, wait_id: str) -> list[Effect]:
    wait = run.waits[wait_id]
    effects: list[Effect] = []
    group = scopes.new_group(run, wants=False)
    wait.users = 1
    route = Route(run, group, 0, effects, wait_id if waits.has_value(wait) else None)
    if waits.has_value(wait):
        _continue(route, wait)
    else:
        _lapse(route, wait)
    wait.group = group
    waits.release(run, wait_id)
    if wait.scope:
        fans.leave(route, wait.scope, waiting=True)
    scopes.leave_group(run, group, effects)
    if run.journal is not None:
        layout.mark_head(run)
    return effects


def _lapse(route: Route, wait: Wait) -> None:
    """Nobody answered in time: the question itself goes to the listeners of an event, if any."""
    by = ("event", wait.lapse.removeprefix("event:"))
    if wait.lapse and by in scopes.hearers(route.run, wait.scope)[0]:
        route.give(by, wait.payload, wait.data, wait.scope)
        return
    text = waits.lapse_text(wait)
    if wait.lapse:
        text = f"{text}, and nobody listens to {by[1]!r}"
    route.effects.append(Warn("wait.expired", text))


def _continue(route: Route, wait: Wait) -> None:
    """What an answer stands for becomes due."""
    run = route.run
    plan: Blueprint = run.plan
    data = None if run.journal is None else run.journal.codec.encode(wait.value, "answer")
    origin = wait.origin
    if wait.resume == "self" and origin is not None:
        node = plan.by_id[origin.node]
        by = (origin.kind, origin.event)
        route.deliver(node, origin.payload, origin.data, origin.scope, by, -1)
    elif wait.resume == "next" and origin is not None:
        route.follow(plan.by_id[origin.node], wait.value, data, origin.scope)
    elif wait.resume.startswith("event:"):
        route.give(("event", wait.resume.removeprefix("event:")), wait.value, data, wait.scope)


def fail(run: Run, failed: Failed) -> list[Effect]:
    """A handler failed for good: it is parked, its siblings stop, the awaiter hears."""
    delivery = failed.delivery
    if delivery.status == PARKED:
        # It was stopped already, and raised on its way out.
        return []
    _park(run, delivery, failed.error)
    awaited = visits.failed(run, delivery, failed.at, failed.error)
    run.status = "failed"
    run.error = failed.error
    siblings = _siblings(run, delivery)
    for other in siblings:
        _park(run, other, f"stopped because {delivery.node} failed")
    if run.journal is not None:
        layout.mark_head(run)
    effects: list[Effect] = [Cancel(tuple(other.id for other in siblings))] if siblings else []
    groups = dict.fromkeys((delivery.group, *awaited, *(d.group for d in siblings)))
    effects.extend(Broken(group, delivery.id) for group in groups)
    return effects


def _siblings(run: Run, delivery: Delivery) -> list[Delivery]:
    """What stops with a delivery: the rest of its signal's work, and the lanes beside it.

    A lane that went on after an answer belongs to another group, and still to its block.
    """
    block = fans.block_of(run, delivery)
    return [
        other
        for other in run.deliveries.values()
        if other.status == DUE
        and (other.group == delivery.group or (block and fans.block_of(run, other) == block))
    ]


def _park(run: Run, delivery: Delivery, error: str) -> None:
    retries.rest(run, delivery)
    delivery.again_at = 0.0
    delivery.status = PARKED
    delivery.error = error
    run.live -= 1
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)


def retry(run: Run, delivery: Delivery) -> list[Effect]:
    """A parked delivery runs again, or one that waits to does so now."""
    is_ready = bool(delivery.again_at)
    _decided(run, delivery)
    delivery.error = None
    effects = [] if is_ready else ledger.prepare_repeat(run, delivery)
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)
    effects.append(delivery)
    return effects


def skip(run: Run, skipped: Skipped) -> list[Effect]:
    """A delivery that failed counts as done, with the value given: a chunk's result, a match's."""
    delivery = skipped.delivery
    _decided(run, delivery)
    plan: Blueprint = run.plan
    node = plan.by_id[delivery.node]
    if visits.number_of(delivery):
        return left(run, Left(delivery, skipped.value, skipped.data, skipped.at))
    if node.kind != "match":
        return finish(run, Finished(delivery, skipped.value, skipped.data))
    effects: list[Effect] = []
    route = Route(run, delivery.group, delivery.emitter, effects)
    branches.passed(route, node, skipped.value, skipped.data, delivery.scope)
    _over(run, delivery, effects)
    return effects


def _decided(run: Run, delivery: Delivery) -> None:
    """Somebody decided about a delivery that failed: it is parked no more, and need not wait."""
    if delivery.status == PARKED:
        delivery.status = DUE
        run.live += 1
        _unfail(run)
    retries.begin_anew(run, delivery)


def _unfail(run: Run) -> None:
    if not any(other.status == PARKED for other in run.deliveries.values()):
        run.status = "running"
        run.error = None
    layout.mark_head(run)


def end(run: Run, ended: Ended) -> list[Effect]:
    """The run ends: what is left of its work is dropped from the record."""
    over = visits.end_all(run, ended.at) if run.visits else []
    effects = [*ending.drop_work(run, ended), *over]
    effects.extend(fans.drop_all(run))
    run.groups.clear()
    run.held.clear()
    return effects
