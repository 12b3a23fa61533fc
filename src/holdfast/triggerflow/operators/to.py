# SPDX-License-Identifier: Apache-2.0
"""`to`: a handler behind the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.definition.blueprint import Signal
from holdfast.errors import BuilderMisuse, DefinitionError
from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.wiring import Wiring


def attach(
    wiring: Wiring, signal: Signal, target: Any, name: str | None, before: tuple[str, ...]
) -> Chunk:
    """Let the target listen to the cursor's signal; returns its chunk.

    target: a callable, a chunk, the name of a chunk there is, or (name, callable). before: the
    chunks of this chain so far, none of which may come again.
    """
    chunk = resolve(wiring, signal, target, name)
    if chunk.id in before:
        raise DefinitionError(
            f"chunk {chunk.name!r} would follow itself and never end; pass name= to use one "
            "function as two stages",
            hint="Pass name=, or let an event lead back to it.",
        )
    wiring.put_chunk(chunk, signal)
    return chunk


def resolve(wiring: Wiring, signal: Signal, target: Any, name: str | None) -> Chunk:
    """The chunk that a target stands for. Raises: TypeError, BuilderMisuse, DefinitionError."""
    if isinstance(target, Chunk):
        if name is not None and name != target.name:
            raise DefinitionError(
                f"chunk {target.name!r} has its name; name={name!r} cannot rename it"
            )
        return target
    if isinstance(target, str):
        chunk = wiring.chunks.get(target)
        if chunk is None:
            raise BuilderMisuse(f"no chunk is named {target!r}")
        return chunk
    if isinstance(target, tuple):
        return _named(wiring, signal, target)
    if callable(target):
        function: Callable[..., Any] = target
        return wiring.make_chunk(function, name, signal[1])
    raise TypeError(
        "to() takes a callable, a chunk, a chunk's name or (name, callable); "
        f"found {type(target).__name__}"
    )


def _named(wiring: Wiring, signal: Signal, target: tuple[Any, ...]) -> Chunk:
    if len(target) != 2 or not isinstance(target[0], str) or not callable(target[1]):
        raise TypeError("to() takes a pair as (name, callable)")
    return wiring.make_chunk(target[1], target[0], signal[1])
