# SPDX-License-Identifier: Apache-2.0
"""`collect`: branches of one root give their values into one dict."""

from __future__ import annotations

from typing import Any

from holdfast.definition.blueprint import Node, Signal
from holdfast.definition.flow_check import COLLECT_MODES
from holdfast.errors import DefinitionError
from holdfast.triggerflow.operators.options import checked_mode
from holdfast.triggerflow.place import CHUNK, Place, place_of, short
from holdfast.triggerflow.wiring import Wiring


def attach(wiring: Wiring, place: Place, name: Any, branch_id: Any, mode: str) -> Place:
    """Declare the cursor a branch of the collection; returns the place behind the dict.

    branch_id: by default the chunk's name, or the signal that the cursor stands behind.
    """
    mode = checked_mode("collect", mode, COLLECT_MODES)
    if not isinstance(name, str) or not name:
        raise DefinitionError("collect(name) takes a name")
    if branch_id is not None and (not isinstance(branch_id, str) or not branch_id):
        raise DefinitionError("collect(branch_id=...) takes text")
    if place.signal in {("collect", name), ("event", f"Collect-{name}")}:
        raise DefinitionError(
            f"collection {name!r} would follow itself and never end",
            hint="Collect under another name.",
        )
    branch = branch_id or _branch_of(place.signal)
    group = f"collect@{place_of(place.root)}:{short(name)}"
    known = wiring.collections.get(group)
    if known is not None and known != mode:
        raise DefinitionError(
            f"collection {name!r} already exists with a different definition: mode {known!r}",
            hint="Give all its branches one mode.",
        )
    wiring.put_in(wiring.collections, group, mode)
    node = Node(
        id=f"{group}/{short(branch)}",
        kind="collect",
        name=name,
        listens=(place.signal,),
        emits=f"Collect-{name}",
        group=group,
        options={"branch": branch, "mode": mode},
    )
    wiring.put(node)
    return place.behind(node.emits)


def _branch_of(signal: Signal) -> str:
    kind, event = signal
    if kind == "event" and event.startswith(CHUNK):
        return event.removeprefix(CHUNK)
    return f"{kind}:{event}"
