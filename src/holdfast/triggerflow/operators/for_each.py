# SPDX-License-Identifier: Apache-2.0
"""`for_each` and `end_for_each`: one pass of the chain for every item, then the list of results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdfast.definition.blueprint import Node
from holdfast.errors import BuilderMisuse
from holdfast.triggerflow.operators.options import cap_option
from holdfast.triggerflow.place import LoopBlock, Place, place_of
from holdfast.triggerflow.wiring import Wiring, checked_name


def open_loop(wiring: Wiring, place: Place, concurrency: Any, name: str | None) -> Place:
    """Put the node that sends the items on. concurrency: how many at once; None for all."""
    options = cap_option("for_each", concurrency)
    where = place_of(place.signal, checked_name("for_each", name))
    node = Node(
        id=f"each@{where}",
        kind="each",
        name=name or "for_each",
        listens=(place.signal,),
        emits=f"item:{where}",
        options=options,
    )
    place.refuse(node.id)
    wiring.put(node)
    block = LoopBlock(node.id, is_replay=_end_id(node.id) in wiring.nodes, outer=place.trail)
    return replace(place, blocks=(*place.blocks, block)).inside(node.emits, block)


def close_loop(wiring: Wiring, place: Place) -> Place:
    """Put the node that gathers the results of the innermost open block, which is a loop."""
    block = place.blocks[-1] if place.blocks else None
    if block is None:
        raise BuilderMisuse("end_for_each() without for_each()")
    if not isinstance(block, LoopBlock):
        raise BuilderMisuse(
            "end_for_each() inside a match that is open", hint="Call end_match() first."
        )
    node = Node(
        id=_end_id(block.node),
        kind="gather",
        name="end_for_each",
        listens=(place.ended(),),
        emits=f"gathered:{block.node.removeprefix('each@')}",
        group=block.node,
    )
    wiring.put_end(node)
    return place.outside(node.emits, place.trail)


def _end_id(node_id: str) -> str:
    return f"end:{node_id}"
