# SPDX-License-Identifier: Apache-2.0
"""Joins: gates that wait for several signals, and loops that gather what their items return.

Each pass through a loop has a scope of its own, and each item one inside it. An item's scope ends
when nothing of the item is under way or waiting. A cap counts items that work: the next one starts
when one ends, or rests because all that is left of it is waiting for answers. An answered item goes
on at once, beside those that started meanwhile. The cost of an item does not depend on how many
there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.machine import layout, scopes
from holdfast.machine.effects import Effect, Warn
from holdfast.machine.run import Loop, Run

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Blueprint, Node


class Router(Protocol):
    """What a join needs of the routing that reached it (`dispatch.Route`)."""

    run: Run
    group: int
    emitter: int
    effects: list[Effect]

    def follow(self, node: Node, value: Any, data: bytes | None, scope: int) -> None:
        """Give off the signal of a node that is done."""


def fill_gate(run: Run, node: Node, by: tuple[str, str], value: Any, scope: int) -> Any:
    """Note a signal at a gate; returns the joined value once all have come, else None.

    The set is emptied before the joined signal goes on, so what the joined branch emits counts
    for the next round.
    """
    mode = node.options.get("mode", "and")
    if mode == "or":
        return (by[0], by[1], value)
    if mode == "simple_or":
        return value
    place = (scope, node.id)
    join = run.joins.get(place)
    if join is None:
        join = run.joins[place] = {}
        if scope:
            home = run.scopes[scope]
            if home.joins is None:
                home.joins = []
            if node.id not in home.joins:
                home.joins.append(node.id)
    join[f"{by[0]}:{by[1]}"] = value
    journal = run.journal
    part = f"join/{scope}/{node.id}"
    if len(join) < len(node.listens):
        if journal is not None:
            journal.put(part, lambda: layout.join_part(join, journal.codec, node.id))
        return None
    del run.joins[place]
    if journal is not None:
        journal.drop(part)
    joined: dict[str, dict[str, Any]] = {}
    for kind, event in node.listens:
        joined.setdefault(kind, {})[event] = join[f"{kind}:{event}"]
    return joined


def is_many(value: Any) -> bool:
    """Whether a loop expands the value: any sequence but text and bytes."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def open_loop(route: Router, node: Node, value: Any, scope: int) -> None:
    """Begin a pass through a loop: the first items start, the rest follow as items end."""
    run = route.run
    items = list(value) if is_many(value) else [value]
    if not items:
        end = _gather_of(run, node.id)
        if end is not None:
            route.follow(end, [], None, scope)
        return
    cap = max(int(node.options.get("concurrency") or 0), 0)
    number = scopes.new_scope(run, scope)
    loop = run.loops[number] = Loop(node.id, scope, items, cap)
    journal = run.journal
    if journal is not None:
        journal.put(f"loop/{number}", lambda: layout.loop_part(loop, journal.codec))
    while _has_room(loop):
        leave(route, _begin_item(route, number, loop))
    leave(route, number)


def _has_room(loop: Loop) -> bool:
    return loop.started < len(loop.items) and (not loop.cap or loop.active < loop.cap)


def _begin_item(route: Router, number: int, loop: Loop) -> int:
    """Send the next item on, in a scope of its own that the caller leaves."""
    run = route.run
    index = loop.started
    loop.started += 1
    loop.active += 1
    scope = scopes.new_scope(run, number, index)
    item = loop.items[index]
    data = None
    if run.journal is not None:
        run.journal.put(f"loop/{number}/at", str(loop.started).encode())
        data = run.journal.codec.encode(item, f"items[{index}] of {loop.node}")
    plan: Blueprint = run.plan
    route.follow(plan.by_id[loop.node], item, data, scope)
    return scope


def leave(route: Router, number: int, *, waiting: bool = False) -> None:
    """One thing less is in a scope; what that ends is ended, what it lets start starts.

    waiting: it was a wait, or an inner scope that rested.
    """
    run = route.run
    while number:
        scope = run.scopes[number]
        scope.live -= 1
        scope.resting -= waiting
        if scope.live > 0:
            _rest(route, number)
            return
        waiting = scope.rests
        loop = run.loops.get(scope.parent) if scope.index >= 0 else None
        if loop is not None and not waiting:
            loop.active -= 1
            if _has_room(loop):
                following = _begin_item(route, scope.parent, loop)
                scopes.close(run, number, scope, route.effects)
                run.scopes[scope.parent].live -= 1
                number = following
                continue
        if number in run.loops:
            _give_up(route, number)
        scopes.close(run, number, scope, route.effects)
        number = scope.parent


def _rest(route: Router, number: int) -> None:
    """If all that is left in a scope is waiting, it rests, and makes room for the next item."""
    run = route.run
    while number:
        scope = run.scopes[number]
        if scope.rests or scope.live != scope.resting:
            return
        scope.rests = True
        if scope.parent not in run.scopes:
            return
        run.scopes[scope.parent].resting += 1
        loop = run.loops.get(scope.parent) if scope.index >= 0 else None
        if loop is not None:
            loop.active -= 1
            if _has_room(loop):
                leave(route, _begin_item(route, scope.parent, loop))
        number = scope.parent


def _give_up(route: Router, number: int) -> None:
    """A pass ended although results are missing: they can never come."""
    loop = route.run.loops[number]
    _drop(route.run, number)
    if _gather_of(route.run, loop.node) is not None:
        missing = len(loop.items) - len(loop.results)
        text = f"{missing} of {len(loop.items)} items of {loop.node} ended without a result"
        route.effects.append(Warn("loop.never-filled", text))


def gather(route: Router, node: Node, value: Any, scope: int) -> None:
    """An item's value reaches the end of its loop; the last one lets the list go on."""
    run = route.run
    number = scope
    while number:
        item = run.scopes[number]
        loop = run.loops.get(item.parent) if item.index >= 0 else None
        if loop is not None and loop.node == node.group:
            break
        number = item.parent
    else:
        text = f"{node.id} was reached by a value that is not an item of its loop"
        route.effects.append(Warn("loop.stray-value", text))
        return
    loop.results[item.index] = value
    journal = run.journal
    if journal is not None:
        data = journal.codec.encode([item.index, value], f"result [{item.index}] of {loop.node}")
        journal.add(f"loop/{item.parent}/got", data)
    if len(loop.results) == len(loop.items):
        _drop(run, item.parent)
        listed = [loop.results[i] for i in range(len(loop.items))]
        route.follow(node, listed, None, loop.scope)


def _gather_of(run: Run, each_id: str) -> Node | None:
    plan: Blueprint = run.plan
    return plan.gathers.get(each_id)


def _drop(run: Run, number: int) -> None:
    del run.loops[number]
    journal = run.journal
    if journal is not None:
        for name in (f"loop/{number}", f"loop/{number}/at", f"loop/{number}/got"):
            journal.drop(name)


def drop_all(run: Run) -> list[Effect]:
    """Forget every join, loop and scope: the run ends. Returns what there is to warn of."""
    warned: list[Effect] = [
        scopes.never_filled(node, join) for (_, node), join in run.joins.items()
    ]
    journal = run.journal
    if journal is not None:
        for scope, node in run.joins:
            journal.drop(f"join/{scope}/{node}")
        for number in run.scopes:
            journal.drop(f"scope/{number}")
    for number in list(run.loops):
        _drop(run, number)
    run.joins.clear()
    run.scopes.clear()
    return warned
