# SPDX-License-Identifier: Apache-2.0
"""Gates: a new chain begins where several signals join, or at each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.machine import joins

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Node
    from holdfast.machine.router import Router


def reach(
    route: Router, node: Node, by: tuple[str, str], value: Any, data: bytes | None, scope: int
) -> None:
    """A signal reaches a gate; it goes on at once, or when all have come.

    The set is emptied before the joined signal goes on, so what the joined branch emits counts
    for the next round.
    """
    # Many parameters because: they are one arrival, as the routing hands it to every operator.
    mode = node.options.get("mode", "and")
    if mode == "or":
        route.follow(node, (by[0], by[1], value), None, scope)
        return
    if mode == "simple_or":
        route.follow(node, value, data, scope)
        return
    join = joins.note(route.run, scope, node.id, f"{by[0]}:{by[1]}", value, data)
    if len(join) < len(node.listens):
        return
    joins.empty(route.run, scope, node.id)
    joined: dict[str, dict[str, Any]] = {}
    for kind, event in node.listens:
        joined.setdefault(kind, {})[event] = join[f"{kind}:{event}"]
    route.follow(node, joined, None, scope)
