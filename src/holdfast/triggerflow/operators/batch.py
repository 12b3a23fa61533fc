# SPDX-License-Identifier: Apache-2.0
"""`batch`: several handlers with one value, and the dict of what they return."""

from __future__ import annotations

from typing import Any

from holdfast.definition.blueprint import Node
from holdfast.errors import DefinitionError
from holdfast.triggerflow.chunk import Chunk, own_name
from holdfast.triggerflow.operators import to
from holdfast.triggerflow.place import Place, place_of, short
from holdfast.triggerflow.wiring import Wiring, checked_name


def attach(
    wiring: Wiring,
    place: Place,
    targets: tuple[Any, ...],
    options: dict[str, Any],
    *,
    name: str | None,
    side_branch: bool,
) -> Place:
    # Many parameters because: they are what `batch` takes, and where it stands.
    """Put the branches between a node that opens them and one that gathers their results."""
    where = place_of(place.signal, checked_name("batch", name))
    if not targets:
        raise DefinitionError("batch() needs at least one target")
    place.refuse(f"batch@{where}")
    branches: dict[str, tuple[str, Chunk]] = {}
    for target in targets:
        # A handler without a name is known by the batch, since its branch has none either.
        chunk = to.resolve(wiring, ("event", f"branch:{where}"), target, None)
        place.refuse(chunk.id)
        key = chunk.name if chunk.is_named else own_name(chunk.function) or "<lambda>"
        if key in branches:
            raise DefinitionError(
                f"batch() has two branches named {key!r}",
                hint="Pass (name, callable) to name each branch.",
            )
        branches[key] = (f"branch:{where}:{short(key)}", chunk)
    wiring.put(
        Node(
            id=f"batch@{where}",
            kind="batch",
            name=name or "batch",
            listens=(place.signal,),
            emits=f"batch:{where}",
            options=options,
            exits=tuple((key, event) for key, (event, _) in branches.items()),
        )
    )
    for event, chunk in branches.values():
        wiring.put_chunk(chunk, ("event", event))
    end = Node(
        id=f"end:batch@{where}",
        kind="gather",
        name="batch",
        listens=tuple(("event", chunk.trigger) for _, chunk in branches.values()),
        emits=f"joined:{where}",
        group=f"batch@{where}",
    )
    wiring.put_end(end)
    passed = [*(chunk.id for _, chunk in branches.values()), f"batch@{where}"]
    if side_branch:
        return place.beside(passed)
    return place.behind(end.emits, passed, last=(f"batch@{where}",))
