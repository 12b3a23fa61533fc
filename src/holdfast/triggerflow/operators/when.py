# SPDX-License-Identifier: Apache-2.0
"""`when`: a new beginning, at one signal or at a gate that joins several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.definition.blueprint import Node, Signal
from holdfast.errors import DefinitionError
from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.wiring import MODES, Wiring

KINDS = ("event", "runtime_data", "flow_data")


def listen(wiring: Wiring, trigger: Any, mode: str) -> Signal:
    """The signal behind which the new chain stands."""
    if mode not in MODES:
        raise DefinitionError(f"when(mode=...): expected one of {', '.join(MODES)}; found {mode!r}")
    wanted = tuple(dict.fromkeys(_signals(wiring, trigger)))
    if not wanted:
        raise DefinitionError("when() needs at least one trigger")
    if len(wanted) == 1:
        return wanted[0]
    listed = "+".join(sorted(f"{kind}:{event}" for kind, event in wanted))
    gate = Node(
        id=f"when({listed},{mode})",
        kind="gate",
        name="when",
        listens=wanted,
        emits=f"gate:{listed},{mode}",
        options={"mode": mode},
    )
    wiring.put(gate)
    return "event", gate.emits


def _signals(wiring: Wiring, trigger: Any) -> list[Signal]:
    if isinstance(trigger, Mapping):
        found: list[Signal] = []
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


def _one(wiring: Wiring, kind: str, name: Any) -> Signal:
    if isinstance(name, Chunk):
        if kind != "event":
            raise TypeError(f"a chunk stands for an event, not for {kind}")
        return "event", name.trigger
    if not isinstance(name, str) or not name:
        raise TypeError(f"when() takes names of events or chunks; found {type(name).__name__}")
    chunk = wiring.chunks.get(name) if kind == "event" else None
    return (kind, name) if chunk is None else ("event", chunk.trigger)
