# SPDX-License-Identifier: Apache-2.0
"""Fans: lanes that run side by side, and what they return put together.

The items of a loop, the branches of a batch and the hits of a match are lanes. Each pass has a
scope of its own, and each lane one inside it. A lane's scope ends when nothing of the lane is
under way or waiting. A cap counts lanes that work: the next one starts when one ends, or rests
because all that is left of it is waiting for answers. An answered lane goes on at once, beside
those that started meanwhile. The cost of a lane does not depend on how many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.definition.blueprint import ELSE, ENDS
from holdfast.machine import joins, layout, scopes
from holdfast.machine.effects import Effect, Warn
from holdfast.machine.run import Delivery, Fan, Run

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Node
    from holdfast.machine.router import Router


def cap_of(node: Node) -> int:
    """How many lanes of a node may work at once, 0 for all."""
    return max(int(node.options.get("concurrency") or 0), 0)


def begin(route: Router, fan: Fan) -> None:
    """Begin a pass: the first lanes start, the rest follow as lanes end or rest."""
    run = route.run
    fan.group, fan.emitter = route.group, route.emitter
    number = scopes.new_scope(run, fan.scope)
    run.fans[number] = fan
    journal = run.journal
    if journal is not None:
        if fan.data is None and route.plan.by_id[fan.node].exits:
            # Once for all lanes.
            fan.data = journal.codec.encode(fan.value, f"payload of {fan.node}")
        journal.put(f"fan/{number}", lambda: layout.fan_part(fan, journal.codec))
    # Whoever waits for the signal waits for the lanes that have not started, too.
    run.groups[fan.group].live += 1
    while _has_room(fan):
        leave(route, _begin_lane(route, number, fan))
    leave(route, number)


def _has_room(fan: Fan) -> bool:
    return fan.started < len(fan.items) and (not fan.cap or fan.active < fan.cap)


def _begin_lane(route: Router, number: int, fan: Fan) -> int:
    """Start the next lane, in a scope of its own that the caller leaves."""
    scope = _led_in(route, number, fan)
    if fan.started == len(fan.items):
        scopes.leave_group(route.run, fan.group, route.effects)
    return scope


def _led_in(route: Router, number: int, fan: Fan) -> int:
    run = route.run
    index = fan.started
    fan.started += 1
    fan.active += 1
    scope = scopes.new_scope(run, number, index)
    item = fan.items[index]
    if run.journal is not None:
        run.journal.put(f"fan/{number}/at", str(fan.started).encode())
    opener = route.plan.by_id[fan.node]
    if opener.exits:
        route.branch(opener, item, fan.value, fan.data, scope)
        return scope
    data = None
    if run.journal is not None:
        data = run.journal.codec.encode(item, f"items[{index}] of {fan.node}")
    route.follow(opener, item, data, scope)
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
        fan = run.fans.get(scope.parent) if scope.index >= 0 else None
        if fan is not None and not waiting:
            fan.active -= 1
            if _has_room(fan):
                following = _begin_lane(route.as_of(fan), scope.parent, fan)
                scopes.close(run, number, scope, route.effects)
                run.scopes[scope.parent].live -= 1
                number = following
                continue
        if number in run.fans:
            _give_up(route, number)
        elif scope.frame and run.visits[scope.frame].inner == number:
            route.ended(scope.frame)
        scopes.close(run, number, scope, route.effects)
        number = scope.parent


def _rest(route: Router, number: int) -> None:
    """If all that is left in a scope is waiting, it rests, and makes room for the next lane."""
    run = route.run
    while number:
        scope = run.scopes[number]
        if scope.rests or scope.live != scope.resting:
            return
        scope.rests = True
        if scope.frame and run.visits[scope.frame].inner == number:
            route.rested(scope.frame)
        if scope.parent not in run.scopes:
            return
        run.scopes[scope.parent].resting += 1
        fan = run.fans.get(scope.parent) if scope.index >= 0 else None
        if fan is not None:
            fan.active -= 1
            if _has_room(fan):
                leave(route, _begin_lane(route.as_of(fan), scope.parent, fan))
        number = scope.parent


def _give_up(route: Router, number: int) -> None:
    """A pass ended although results are missing: they can never come."""
    fan = route.run.fans[number]
    drop(route.run, number)
    if fan.node in route.plan.ends:
        missing = len(fan.items) - len(fan.results)
        what = "branches" if route.plan.by_id[fan.node].exits else "items"
        text = f"{missing} of {len(fan.items)} {what} of {fan.node} ended without a result"
        route.effects.append(Warn("block.never-filled", text))


def gather(
    route: Router, node: Node, by: tuple[str, str], value: Any, data: bytes | None, scope: int
) -> None:
    """A lane's value reaches the end of its block; the last one lets the joined value go on."""
    # Many parameters because: they are one arrival, as the routing hands it to every operator.
    run = route.run
    lane = lane_of(run, scope, node.group)
    if lane is None:
        _stray(route, node, by, scope)
        return
    number, index = lane
    fan = run.fans[number]
    fan.results[index] = value
    journal = run.journal
    if journal is not None:
        if data is None:
            data = journal.codec.encode(value, f"result [{index}] of {fan.node}")
        journal.add(f"fan/{number}/got", b"[%d,%b]" % (index, data))
    if len(fan.results) == len(fan.items):
        drop(run, number)
        route.follow(node, _joined(route.plan.by_id[fan.node], fan), None, fan.scope)


def _joined(opener: Node, fan: Fan) -> Any:
    """What the results of all lanes become."""
    results = [fan.results[index] for index in range(len(fan.items))]
    if opener.kind == "batch":
        return dict(zip(fan.items, results, strict=True))
    if opener.kind == "match" and fan.items == [ELSE]:
        return results[0]
    return results


def lane_of(run: Run, scope: int, block: str | None) -> tuple[int, int] | None:
    """The pass and the place of the lane of a block that a scope is in."""
    while scope:
        home = run.scopes[scope]
        fan = run.fans.get(home.parent) if home.index >= 0 else None
        if fan is not None and fan.node == block:
            return home.parent, home.index
        scope = home.parent
    return None


def _stray(route: Router, node: Node, by: tuple[str, str], scope: int) -> None:
    """A value came to the end of a block it is in no lane of: its chunk is used elsewhere too.

    It is lost only if nobody else listens to it there.
    """
    for other in scopes.hearers(route.run, scope)[0].get(by, ()):
        if other is node:
            continue
        if other.kind not in ENDS or lane_of(route.run, scope, other.group) is not None:
            return
    text = f"{node.id} was reached by a value that is in no lane of its block"
    route.effects.append(Warn("block.stray-value", text))


def block_of(run: Run, delivery: Delivery) -> int:
    """The outermost pass that fails when a delivery does, 0 for none.

    What a handler inside a lane has emitted is not the lane: its failure is told to the handler.
    """
    found = 0
    emitter = -1
    number = delivery.scope
    while number in run.scopes:
        number = run.scopes[number].parent
        fan = run.fans.get(number)
        if fan is None:
            continue
        if emitter < 0:
            emitter = fan.emitter
            if delivery.emitter not in (0, emitter):
                return 0
        elif fan.emitter != emitter:
            break
        found = number
    return found


def drop(run: Run, number: int) -> None:
    """Forget a pass."""
    del run.fans[number]
    journal = run.journal
    if journal is not None:
        for name in (f"fan/{number}", f"fan/{number}/at", f"fan/{number}/got"):
            journal.drop(name)


def drop_all(run: Run) -> list[Effect]:
    """Forget every join, fan and scope: the run ends. Returns what there is to warn of."""
    warned: list[Effect] = []
    for scope, join_id in list(run.joins):
        join = joins.empty(run, scope, join_id)
        if join is not None and not scopes.is_complete(run, join_id, join):
            warned.append(scopes.never_filled(join_id, join))
    if run.journal is not None:
        for number in run.scopes:
            run.journal.drop(f"scope/{number}")
    for number in list(run.fans):
        drop(run, number)
    run.scopes.clear()
    return warned
