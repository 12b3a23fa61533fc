# SPDX-License-Identifier: Apache-2.0
"""Loops: one lane for each item of a value, and the list of what they return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holdfast.machine import fans
from holdfast.machine.run import Fan

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Node
    from holdfast.machine.router import Router


def is_many(value: Any) -> bool:
    """Whether a loop expands the value: any sequence but text and bytes."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def reach(route: Router, node: Node, value: Any, scope: int) -> None:
    """Begin a pass: the first items start, the rest follow as items end. No item: an empty list."""
    items = list(value) if is_many(value) else [value]
    if items:
        fans.begin(route, Fan(node.id, scope, items, fans.cap_of(node)))
        return
    end = route.plan.ends.get(node.id)
    if end is not None:
        route.follow(end, [], None, scope)
