# SPDX-License-Identifier: Apache-2.0
"""`for_each` and `end_for_each`: one pass of the chain for every item, then the list of results."""

from __future__ import annotations

from holdfast.definition.blueprint import Node, Signal
from holdfast.errors import BuilderMisuse, DefinitionError
from holdfast.triggerflow.wiring import Wiring


def open_loop(wiring: Wiring, signal: Signal, concurrency: int | None, name: str | None) -> Node:
    """The node that sends the items on. concurrency: how many at once; None for all."""
    if concurrency is not None and (
        isinstance(concurrency, bool) or not isinstance(concurrency, int)
    ):
        raise TypeError(
            f"for_each(concurrency=...) takes an int; found {type(concurrency).__name__}"
        )
    if name is not None and (not isinstance(name, str) or not name):
        raise DefinitionError("for_each(name=...) takes a name")
    cap = concurrency if concurrency and concurrency > 0 else 0
    place = name or f"{signal[0]}:{signal[1]}"
    node = Node(
        id=f"each@{place}",
        kind="each",
        name=name or "for_each",
        listens=(signal,),
        emits=f"item:{place}",
        options={"concurrency": cap} if cap else {},
    )
    wiring.put(node)
    return node


def close_loop(wiring: Wiring, signal: Signal, opened: tuple[str, ...]) -> Node:
    """The node that gathers the results of the innermost open loop."""
    if not opened:
        raise BuilderMisuse("end_for_each() without for_each()")
    each = opened[-1]
    node = Node(
        id=f"gather:{each}",
        kind="gather",
        name="end_for_each",
        listens=(signal,),
        emits=f"gathered:{each}",
        group=each,
    )
    wiring.put(node)
    return node
