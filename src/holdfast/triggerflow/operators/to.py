# SPDX-License-Identifier: Apache-2.0
"""`to` and `side_branch`: a handler behind the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.definition.blueprint import Signal
from holdfast.errors import BuilderMisuse, DefinitionError
from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.place import Place, Trail
from holdfast.triggerflow.wiring import Wiring


def attach(wiring: Wiring, place: Place, target: Any, name: str | None) -> Place:
    """Let the target listen to the cursor's signal; returns the place behind it.

    target: a callable, a chunk, the name of a chunk there is, or (name, callable).
    """
    chunk = resolve(wiring, place.signal, target, name)
    refuse_repeat(chunk, place.trail)
    wiring.put_chunk(chunk, place.signal)
    return place.behind(chunk.trigger, (chunk.id,))


def refuse_repeat(chunk: Chunk, trail: Trail) -> None:
    """A chunk that its own chain comes back to would never end. Raises: DefinitionError."""
    if chunk.id in trail:
        raise DefinitionError(
            f"chunk {chunk.name!r} would follow itself and never end; pass name= to use one "
            "function as two stages",
            hint="Pass name=, or let an event lead back to it.",
        )


def resolve(wiring: Wiring, signal: Signal, target: Any, name: str | None) -> Chunk:
    """The chunk that a target stands for. Raises: TypeError, BuilderMisuse, DefinitionError."""
    if isinstance(target, Chunk):
        if name is not None and name != target.name:
            raise DefinitionError(
                f"chunk {target.name!r} has its name; name={name!r} cannot rename it"
            )
        return wiring.adopt(target)
    if isinstance(target, str):
        chunk = wiring.chunks.get(target)
        if chunk is None:
            raise BuilderMisuse(
                f"no chunk is named {target!r}", hint="Declare the chunk before it is named here."
            )
        return chunk
    if isinstance(target, tuple):
        return _named(wiring, signal, target)
    if callable(target):
        function: Callable[..., Any] = target
        return wiring.make_chunk(function, name, signal[1])
    raise TypeError(
        "expected a callable, a chunk, a chunk's name or (name, callable); "
        f"found {type(target).__name__}"
    )


def _named(wiring: Wiring, signal: Signal, target: tuple[Any, ...]) -> Chunk:
    if len(target) != 2 or not isinstance(target[0], str) or not callable(target[1]):
        raise TypeError("a pair stands for a chunk as (name, callable)")
    if isinstance(target[1], Chunk):
        return wiring.make_chunk(target[1].function, target[0], signal[1])
    return wiring.make_chunk(target[1], target[0], signal[1])
