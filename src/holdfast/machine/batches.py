# SPDX-License-Identifier: Apache-2.0
"""Batches: one value for several branches, and the dict of what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.machine import fans
from holdfast.machine.run import Fan

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Node
    from holdfast.machine.router import Router


def reach(route: Router, node: Node, value: Any, data: bytes | None, scope: int) -> None:
    """Begin a pass: every branch is a lane with the same value."""
    names = [key for key, _ in node.exits]
    fan = Fan(node.id, scope, names, fans.cap_of(node))
    fan.value, fan.data = value, data
    fans.begin(route, fan)
