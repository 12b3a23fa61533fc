# SPDX-License-Identifier: Apache-2.0
"""`when`: a new beginning, at one signal or at a gate that joins several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.definition.blueprint import Node, Signal
from holdfast.definition.flow_check import GATE_MODES
from holdfast.errors import DefinitionError
from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.operators.options import checked_mode
from holdfast.triggerflow.place import Place, short
from holdfast.triggerflow.trail import Trail
from holdfast.triggerflow.wiring import Wiring

KINDS = ("event", "runtime_data", "flow_data", "collect")


def begin(wiring: Wiring, trigger: Any, mode: str) -> Place:
    """The place where a new chain begins; one of a single chunk has passed that chunk."""
    mode = checked_mode("when", mode, GATE_MODES)
    wanted = dict(_signals(wiring, trigger))
    if not wanted:
        raise DefinitionError("when() needs at least one trigger")
    if len(wanted) == 1:
        ((signal, chunk),) = wanted.items()
        passed = () if chunk is None else (chunk.id,)
        return Place(signal=signal, root=signal, trail=Trail().then(passed))
    listed = short("+".join(sorted(f"{kind}:{event}" for kind, event in wanted)))
    gate = Node(
        id=f"when({listed},{mode})",
        kind="gate",
        name="when",
        listens=tuple(wanted),
        emits=f"gate:{listed},{mode}",
        options={"mode": mode},
    )
    if gate.id not in wiring.nodes:
        # A gate is known by the set of its signals, in whatever order they were named.
        wiring.put(gate)
    return Place(signal=("event", gate.emits), root=("event", gate.emits))


def _signals(wiring: Wiring, trigger: Any) -> list[tuple[Signal, Chunk | None]]:
    if isinstance(trigger, Mapping):
        found: list[tuple[Signal, Chunk | None]] = []
        for kind, names in trigger.items():
            if kind not in KINDS:
                raise DefinitionError(
                    f"when({{...}}): expected kinds {', '.join(KINDS)}; found {kind!r}"
                )
            listed = names if isinstance(names, list | tuple) else [names]
            found.extend(_one(wiring, kind, name) for name in listed)
        return found
    if isinstance(trigger, list | tuple):
        return [_one(wiring, "event", name) for name in trigger]
    return [_one(wiring, "event", trigger)]


def _one(wiring: Wiring, kind: str, name: Any) -> tuple[Signal, Chunk | None]:
    if isinstance(name, Chunk):
        if kind != "event":
            raise TypeError(f"a chunk stands for an event, not for {kind}")
        chunk = wiring.adopt(name)
        return ("event", chunk.trigger), chunk
    if not isinstance(name, str) or not name:
        raise TypeError(f"when() takes names of events or chunks; found {type(name).__name__}")
    known = wiring.chunks.get(name) if kind == "event" else None
    return ((kind, name), None) if known is None else (("event", known.trigger), known)
