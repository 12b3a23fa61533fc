# SPDX-License-Identifier: Apache-2.0
"""Scopes and groups: who is still under way, and what ends with the last of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.machine import joins, layout, ledger
from holdfast.machine.effects import Done, Effect, Warn
from holdfast.machine.run import Delivery, Group, Run, Scope

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Blueprint, Listeners


def new_scope(run: Run, parent: int, index: int = -1) -> int:
    """Open a scope that counts one thing under way: the caller, who leaves it when done.

    One with a parent is written down; others follow from the deliveries that name them.
    """
    number = run.next_scope
    run.next_scope = number + 1
    scope = run.scopes[number] = Scope(parent, 1, index)
    if parent:
        enter(run, parent)
        scope.frame = run.scopes[parent].frame
        if run.journal is not None:
            run.journal.put(f"scope/{number}", layout.scope_part(scope))
            layout.mark_head(run)
    return number


def frame_of(run: Run, number: int) -> int:
    """The frame that the work in a scope belongs to."""
    scope = run.scopes.get(number) if number else None
    return 0 if scope is None else scope.frame


def hearers(run: Run, number: int) -> tuple[Listeners, bool]:
    """Who listens to the signals of a scope's frame, and whether one sent there needs a scope.

    One from outside of the frame does, if something in the frame joins or runs lanes.
    """
    plan: Blueprint = run.plan
    frame = frame_of(run, number)
    if not frame:
        return plan.listeners, plan.scoped and not number
    visit = run.visits[frame]
    inside = plan.inside[visit.node]
    return inside.listeners, inside.scoped and visit.inner == number


def enter(run: Run, number: int) -> None:
    """One more thing under way can reach the joins of the scope; one that rested is awake."""
    scope = run.scopes.get(number)
    if scope is None:
        run.scopes[number] = Scope(0, 1)
        return
    scope.live += 1
    while scope.rests:
        scope.rests = False
        if scope.parent not in run.scopes:
            return
        fan = run.fans.get(scope.parent) if scope.index >= 0 else None
        if fan is not None:
            fan.active += 1
        scope = run.scopes[scope.parent]
        scope.resting -= 1


def enter_waiting(run: Run, number: int) -> None:
    """One more wait can reach the joins of the scope."""
    enter(run, number)
    run.scopes[number].resting += 1


def recount(run: Run) -> None:
    """After a load: which scopes rest, from the counts of their deliveries and waits."""
    for number in sorted(run.scopes, reverse=True):
        scope = run.scopes[number]
        scope.rests = scope.live == scope.resting > 0
        if scope.rests and scope.parent in run.scopes:
            run.scopes[scope.parent].resting += 1
        fan = run.fans.get(scope.parent) if scope.index >= 0 else None
        if fan is not None and not scope.rests:
            fan.active += 1


def close(run: Run, number: int, scope: Scope, effects: list[Effect]) -> None:
    """Nothing can reach the scope's joins any more: drop them, half-filled ones with a warning."""
    del run.scopes[number]
    journal = run.journal
    if journal is not None and scope.parent:
        journal.drop(f"scope/{number}")
    for join_id in scope.joins or ():
        join = joins.empty(run, number, join_id)
        if join is not None and not is_complete(run, join_id, join):
            effects.append(never_filled(join_id, join))


def is_complete(run: Run, join_id: str, join: dict[str, Any]) -> bool:
    """Whether a join lacks nothing: a collection that stays full."""
    plan: Blueprint = run.plan
    return len(plan.collects.get(join_id, ())) == len(join)


def never_filled(join_id: str, join: dict[str, Any]) -> Warn:
    """The warning about a join that is dropped half-filled."""
    seen = ", ".join(sorted(join))
    text = f"{join_id} had only {seen} when everything that could fill it had ended"
    return Warn("join.never-filled", text)


def new_group(run: Run, *, wants: bool, emitter: int = 0, entry: int = -1) -> int:
    """Open a group for an emit that counts one thing: the caller, who leaves it when done."""
    number = run.next_group
    run.next_group = number + 1
    run.groups[number] = Group(1, [] if wants else None, emitter, entry)
    return number


def born(run: Run, delivery: Delivery) -> None:
    """Take a new delivery into the record."""
    run.deliveries[delivery.id] = delivery
    run.live += 1
    run.groups[delivery.group].live += 1
    if delivery.scope:
        enter(run, delivery.scope)
    journal = run.journal
    if journal is not None:
        layout.mark_due(journal, delivery)
        if "run" not in journal.changed:
            layout.mark_head(run)


def result(run: Run, delivery: Delivery, value: Any) -> None:
    """Keep what a listener returned, where somebody waits for it."""
    group = run.groups.get(delivery.group)
    if group is None or group.results is None:
        return
    group.results[delivery.slot] = value
    if group.entry >= 0 and run.journal is not None:
        _mark_group(run, delivery.group, group)


def _mark_group(run: Run, number: int, group: Group) -> None:
    journal = run.journal
    if journal is not None:
        journal.put(f"group/{number}", lambda: layout.group_part(group, journal.codec))


def keep_group(run: Run, number: int) -> None:
    """Write a group down whose outcome a ledger waits for."""
    _mark_group(run, number, run.groups[number])


def leave_group(run: Run, number: int, effects: list[Effect]) -> None:
    """One thing of the group is over; the last one settles it."""
    group = run.groups.get(number)
    if group is None:
        return
    group.live -= 1
    if group.live:
        return
    del run.groups[number]
    if group.entry >= 0:
        ledger.came(run, group.emitter, group.entry, group.results)
        if run.journal is not None:
            run.journal.drop(f"group/{number}")
    effects.append(Done(number, group.results))
