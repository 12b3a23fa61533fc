# SPDX-License-Identifier: Apache-2.0
"""Collections: several branches of one root give their values into one dict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.machine import joins

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Node
    from holdfast.machine.router import Router


def reach(route: Router, node: Node, value: Any, data: bytes | None, scope: int) -> None:
    """A branch delivers; the dict goes on when every branch has, in the order of declaration.

    "filled_and_update" stays full: each later value sends the dict again. "filled_then_empty"
    starts over, and is empty before the dict goes on.
    """
    group = node.group or ""
    join = joins.note(route.run, scope, group, node.options["branch"], value, data)
    branches = route.plan.collects[group]
    if len(join) < len(branches):
        return
    if node.options.get("mode") == "filled_then_empty":
        joins.empty(route.run, scope, group)
    collected = {branch: join[branch] for branch in branches}
    route.follow(node, collected, None, scope)
    route.give(("collect", node.name), collected, None, scope)
