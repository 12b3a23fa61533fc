# SPDX-License-Identifier: Apache-2.0
"""Matches: a value goes into the branches whose conditions hold.

Conditions are user code, so a match is a delivery: the runtime judges its cases in order, and
the verdict is what the delivery returned, the keys of the exits to take. A condition that raises
parks the delivery, with all that came before it kept: what is parked is the routing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.definition.blueprint import ELSE
from holdfast.machine import fans
from holdfast.machine.run import Delivery, Fan

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Node
    from holdfast.machine.router import Router


def judged(route: Router, node: Node, delivery: Delivery, verdict: list[str]) -> None:
    """The value goes on: into the branches hit, the else branch, or past the block."""
    value, data, scope = delivery.payload, delivery.data, delivery.scope
    taken = verdict
    if not taken and ELSE in route.plan.exits[node.id]:
        taken = [ELSE]
    if not taken:
        passed(route, node, value, data, scope)
    elif node.options.get("mode") == "hit_all":
        fan = Fan(node.id, scope, taken)
        fan.value, fan.data = value, data
        fans.begin(route, fan)
    else:
        route.branch(node, taken[0], value, data, scope)


def passed(route: Router, node: Node, value: Any, data: bytes | None, scope: int) -> None:
    """A value goes on behind the block without going through it."""
    end = route.plan.ends.get(node.id)
    if end is not None:
        route.follow(end, value, data, scope)
