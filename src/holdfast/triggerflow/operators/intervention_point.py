# SPDX-License-Identifier: Apache-2.0
"""`intervention_point`: where a chain takes up what was added from outside."""

from __future__ import annotations

from typing import Any

from holdfast.definition.blueprint import Node, Signal
from holdfast.errors import DefinitionError
from holdfast.triggerflow.wiring import Wiring


def attach(wiring: Wiring, signal: Signal, name: Any, target: Any, before: tuple[str, ...]) -> Node:
    """The node of a point behind the signal. before: the nodes of this chain so far."""
    if not isinstance(name, str) or not name:
        raise DefinitionError("intervention_point(name=...) takes a name")
    if target is not None and (not isinstance(target, str) or not target):
        raise DefinitionError("intervention_point(target=...) takes a name, or None")
    node = Node(
        id=f"point:{name}",
        kind="point",
        name=name,
        listens=(signal,),
        emits=f"point:{name}",
        options={} if target is None else {"target": target},
    )
    if node.id in before:
        raise DefinitionError(f"intervention point {name!r} would follow itself and never end")
    wiring.put(node)
    return node
