# SPDX-License-Identifier: Apache-2.0
"""`intervention_point`: where a chain takes up what was added from outside."""

from __future__ import annotations

from typing import Any

from holdfast.definition.blueprint import Node
from holdfast.errors import DefinitionError
from holdfast.triggerflow.place import Place
from holdfast.triggerflow.wiring import Wiring


def attach(wiring: Wiring, place: Place, name: Any, target: Any) -> Place:
    """Put a point behind the cursor; returns the place behind it."""
    if not isinstance(name, str) or not name:
        raise DefinitionError("intervention_point(name=...) takes a name")
    if target is not None and (not isinstance(target, str) or not target):
        raise DefinitionError("intervention_point(target=...) takes a name, or None")
    node = Node(
        id=f"point:{name}",
        kind="point",
        name=name,
        listens=(place.signal,),
        emits=f"point:{name}",
        options={} if target is None else {"target": target},
    )
    if node.id in place.trail:
        raise DefinitionError(f"intervention point {name!r} would follow itself and never end")
    wiring.put(node)
    return place.behind(node.emits, (node.id,), last=(node.id,))
