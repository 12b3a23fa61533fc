# SPDX-License-Identifier: Apache-2.0
"""`to` and `side_branch`: a handler behind the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.definition.blueprint import Signal
from holdfast.definition.retry import ONCE, Tries
from holdfast.errors import BuilderMisuse, DefinitionError
from holdfast.triggerflow.child import Embeddable
from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.operators import sub_flow
from holdfast.triggerflow.place import Place
from holdfast.triggerflow.wiring import Wiring


def attach(
    wiring: Wiring,
    place: Place,
    target: Any,
    name: str | None,
    side_branch: Any,
    *,
    tries: Tries = ONCE,
) -> Place:
    """Let the target listen to the cursor's signal; returns the place behind it.

    target: a callable, a chunk, the name of a chunk there is, (name, callable), or a flow.
    side_branch: stay at the place. tries: how often and how long the target is called.
    """
    if isinstance(target, Embeddable):
        if tries is not ONCE:
            raise DefinitionError(
                "retry= and timeout_s= are for handlers, and a sub-flow is none",
                hint="Give them to the handlers inside the sub-flow.",
            )
        return sub_flow.attach(wiring, place, target, name, side_branch)
    chunk = resolve(wiring, place.signal, target, name)
    place.refuse(chunk.id)
    wiring.put_tries(chunk, tries)
    wiring.put_chunk(chunk, place.signal)
    if side_branch:
        return place.beside((chunk.id,))
    return place.behind(chunk.trigger, (chunk.id,), last=(chunk.id,))


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
        renamed = wiring.make_chunk(target[1].function, target[0], signal[1])
        wiring.put_tries(renamed, target[1].handler.tries)
        return renamed
    return wiring.make_chunk(target[1], target[0], signal[1])
