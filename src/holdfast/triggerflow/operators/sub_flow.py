# SPDX-License-Identifier: Apache-2.0
"""`to_sub_flow`: another flow as one step of this one."""

from __future__ import annotations

from typing import Any

from holdfast.definition import links
from holdfast.definition.blueprint import Node
from holdfast.errors import DefinitionError
from holdfast.triggerflow.child import Child, Embeddable, refuse_clash, refuse_ring
from holdfast.triggerflow.operators.options import cap_option
from holdfast.triggerflow.place import Place, short
from holdfast.triggerflow.wiring import Wiring, checked_name


def attach(
    wiring: Wiring,
    place: Place,
    flow: Any,
    name: str | None,
    side_branch: Any,
    *,
    capture: Any = None,
    write_back: Any = None,
    concurrency: Any = None,
) -> Place:
    """Put a flow behind the cursor; returns the place behind it."""
    # Many parameters because: they are the documented keywords of a sub-flow.
    if not isinstance(flow, Embeddable):
        raise TypeError(f"a sub-flow is made of a flow; found {type(flow).__name__}")
    child = flow.as_child()
    node_id = _id_of(child, checked_name("sub-flow", name), place)
    node = Node(
        id=node_id,
        kind="sub_flow",
        name=name or (child.name if child.is_named else "sub_flow"),
        listens=(place.signal,),
        emits=node_id,
        options=cap_option("to_sub_flow", concurrency),
        capture=links.read(capture, links.CAPTURE),
        write_back=links.read(write_back, links.WRITE_BACK),
    )
    place.refuse(node.id)
    refuse_ring(wiring, child)
    refuse_clash(wiring, child)
    known = wiring.children.get(node.id)
    if known is not None and not known.gives_way_to(child):
        raise DefinitionError(
            f"sub-flow {node.id!r} already exists with a different definition",
            hint="Pass name= to tell the two apart.",
        )
    if known is None or known.source is not child.source:
        wiring.put_in(wiring.children, node.id, child)
    wiring.put(node)
    if side_branch:
        return place.beside((node.id,))
    return place.behind(node.emits, (node.id,), last=(node.id,))


def _id_of(child: Child, name: str | None, place: Place) -> str:
    """A name where there is one: a flow without one has another in each process."""
    if name is None and not child.is_named:
        return f"sub_flow@{short(place.signal[1])}"
    return f"sub_flow:{name or child.name}"
