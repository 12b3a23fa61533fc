# SPDX-License-Identifier: Apache-2.0
"""Where a cursor stands: its signal, the blocks it is in, and the chunks its chain has passed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from holdfast.definition.blueprint import START, Signal
from holdfast.errors import BuilderMisuse, DefinitionError

#: Longer places are cut and told apart by a digest: ids stay short however long a chain is.
LONGEST_PLACE = 80

#: How the event of a chunk that is done begins.
CHUNK = "chunk:"


class Trail:
    """The chunks that a chain has passed. Immutable; the longest of one chain share their list."""

    __slots__ = ("_chunks", "_index", "_length")

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._index: dict[str, int] = {}
        self._length = 0

    def __contains__(self, chunk_id: str) -> bool:
        return self._index.get(chunk_id, self._length) < self._length

    def then(self, chunk_ids: Iterable[str]) -> Trail:
        """This trail and what comes behind it."""
        longer = Trail()
        if self._length == len(self._chunks):
            longer._chunks, longer._index = self._chunks, self._index
        else:
            longer._chunks = self._chunks[: self._length]
            longer._index = {chunk: at for at, chunk in enumerate(longer._chunks)}
        for chunk_id in chunk_ids:
            if chunk_id not in longer._index:
                longer._index[chunk_id] = len(longer._chunks)
                longer._chunks.append(chunk_id)
        longer._length = len(longer._chunks)
        return longer

    def all(self) -> tuple[str, ...]:
        """Their ids, in order."""
        return tuple(self._chunks[: self._length])


@dataclass(frozen=True, slots=True)
class LoopBlock:
    """A `for_each` that is open. is_replay: it was built and ended before.

    outer: the trail at its beginning. The body has one of its own: it may lead back to a chunk
    from before, since not every value goes on in it.
    """

    node: str
    is_replay: bool
    outer: Trail


@dataclass(frozen=True, slots=True)
class MatchBlock:
    """A `match` that is open; `outer` as for a loop.

    cases: how many there are on this chain. ends: the signals that its ended branches came to.
    passed: the chunks in ended branches.
    """

    node: str
    is_replay: bool
    mode: str
    signal: Signal
    outer: Trail
    cases: int = 0
    has_else: bool = False
    ends: tuple[Signal, ...] = ()
    passed: tuple[str, ...] = ()


Block = LoopBlock | MatchBlock


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a flow. root: the signal that its chain began at."""

    signal: Signal = START
    root: Signal = START
    blocks: tuple[Block, ...] = ()
    trail: Trail = field(default_factory=Trail)

    @property
    def replayed(self) -> str | None:
        """The node of a block around this place that is built already, if there is one."""
        return next((block.node for block in self.blocks if block.is_replay), None)

    def behind(self, event: str, passed: Iterable[str] = ()) -> Place:
        """The place behind an operator that gives off the event."""
        return replace(self, signal=("event", event), trail=self.trail.then(passed))

    def inside(self, event: str, block: Block) -> Place:
        """The place at the beginning of a branch or body of the innermost block, now as given."""
        blocks = (*self.blocks[:-1], block)
        return replace(self, signal=("event", event), blocks=blocks, trail=Trail())

    def outside(self, event: str, passed: Iterable[str]) -> Place:
        """The place behind the end of the innermost block."""
        trail = self.blocks[-1].outer.then(passed)
        return replace(self, signal=("event", event), blocks=self.blocks[:-1], trail=trail)

    def ended(self) -> Signal:
        """The signal that a branch or body ends with.

        Raises: DefinitionError for a chunk that stands before the block too: values would reach
        the end that never went through it.
        """
        last = self.signal[1].removeprefix(CHUNK)
        for block in self.blocks:
            if last in block.outer:
                raise DefinitionError(
                    f"chunk {last!r} stands before block {block.node!r} and at its "
                    "end; pass name= to use one function as two stages",
                    hint="Pass name= to use one function as two stages.",
                )
        return self.signal

    def standing(self) -> Place:
        """This place, if an operator may stand here. Raises: BuilderMisuse behind a bare match."""
        if self.blocks and isinstance(self.blocks[-1], MatchBlock) and not self.blocks[-1].cases:
            raise BuilderMisuse(
                "match() is followed by case()", hint="Call case(...) before anything else."
            )
        return self


def short(place: str) -> str:
    """A place as a part of ids: itself, or its beginning with a digest."""
    if len(place) <= LONGEST_PLACE:
        return place
    return f"{place[:40]}~{hashlib.blake2b(place.encode(), digest_size=9).hexdigest()}"


def place_of(signal: Signal, name: str | None = None) -> str:
    """What tells the blocks at one signal from those at others: its name, or the signal."""
    return short(name or f"{signal[0]}:{signal[1]}")
