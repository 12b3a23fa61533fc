# SPDX-License-Identifier: Apache-2.0
"""Where a cursor stands: its signal, the blocks it is in, and what its chain has passed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from holdfast.definition.blueprint import START, Signal
from holdfast.errors import BuilderMisuse, DefinitionError
from holdfast.triggerflow.trail import Trail

#: Longer places are cut and told apart by a digest: ids stay short however long a chain is.
LONGEST_PLACE = 80

#: How the event of a chunk that is done begins.
CHUNK = "chunk:"


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
    passed: the chunks in ended branches; last: those whose values come to the ends. A chunk may
    end several branches, but with something behind it, it stands in one: what follows it in one
    would follow it in the others.
    """

    node: str
    is_replay: bool
    mode: str
    signal: Signal
    outer: Trail
    cases: int = 0
    has_else: bool = False
    ends: tuple[Signal, ...] = ()
    passed: Trail = field(default_factory=Trail)
    last: tuple[str, ...] = ()


Block = LoopBlock | MatchBlock


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a flow. root: the signal that its chain began at.

    last: the chunks and blocks whose values come here as they are, whatever they ran for.
    """

    signal: Signal = START
    root: Signal = START
    blocks: tuple[Block, ...] = ()
    trail: Trail = field(default_factory=Trail)
    last: tuple[str, ...] = ()

    @property
    def replayed(self) -> str | None:
        """The node of a block around this place that is built already, if there is one."""
        return next((block.node for block in self.blocks if block.is_replay), None)

    def standing(self) -> Place:
        """This place with something behind it.

        Raises: BuilderMisuse behind a bare match; DefinitionError behind a chunk of another branch.
        """
        if self.blocks and isinstance(self.blocks[-1], MatchBlock) and not self.blocks[-1].cases:
            raise BuilderMisuse(
                "match() is followed by case()", hint="Call case(...) before anything else."
            )
        for block in self.blocks:
            for chunk_id in self.last:
                if isinstance(block, MatchBlock) and block.passed.knows(chunk_id):
                    raise _shared(chunk_id, block)
        return replace(self, trail=self.trail.followed(self.last)) if self.last else self

    def refuse(self, node_id: str) -> None:
        """Refuse a chunk or block that may not stand here. Raises: DefinitionError."""
        if node_id in self.trail or any(block.node == node_id for block in self.blocks):
            raise DefinitionError(
                f"{node_id!r} would follow itself and never end; pass name= to use one "
                "function as two stages",
                hint="Pass name=, or let an event lead back to it.",
            )
        for block in self.blocks:
            passed = block.passed if isinstance(block, MatchBlock) else Trail()
            if passed.knows(node_id) and passed.is_followed(node_id):
                raise _shared(node_id, block)

    def behind(self, event: str, passed: Iterable[str] = (), last: tuple[str, ...] = ()) -> Place:
        """The place behind an operator that gives off the event."""
        trail = self.trail.then(passed)
        return replace(self, signal=("event", event), trail=trail, last=last)

    def beside(self, passed: Iterable[str]) -> Place:
        """This place, with chunks beside it."""
        return replace(self, trail=self.trail.beside(passed))

    def inside(self, event: str, block: Block) -> Place:
        """The place at the beginning of a branch or body of the innermost block, now as given."""
        blocks = (*self.blocks[:-1], block)
        return replace(self, signal=("event", event), blocks=blocks, trail=Trail(), last=())

    def outside(self, event: str, passed: Trail, last: tuple[str, ...] = ()) -> Place:
        """The place behind the end of the innermost block."""
        block = self.blocks[-1]
        trail = block.outer.joined(passed).then((block.node,))
        last = (*last, block.node)
        return replace(
            self, signal=("event", event), blocks=self.blocks[:-1], trail=trail, last=last
        )

    def ended(self) -> Signal:
        """The signal that a branch or body ends with.

        Raises: DefinitionError for a chunk that stands before the block too: values would reach
        the end that never went through it.
        """
        for block in self.blocks:
            for chunk_id in self.last:
                if chunk_id in block.outer:
                    raise DefinitionError(
                        f"{chunk_id!r} stands before block {block.node!r} and at its "
                        "end; pass name= to use one function as two stages",
                        hint="Pass name= to use one function as two stages.",
                    )
        return self.signal


def _shared(chunk_id: str, block: Block) -> DefinitionError:
    return DefinitionError(
        f"{chunk_id!r} stands in two branches of {block.node!r}, so what follows it in one "
        "would follow it in the other; pass name= to use one function as two stages",
        hint="Pass name= in one of the branches.",
    )


def short(place: str) -> str:
    """A place as a part of ids: itself, or its beginning with a digest."""
    if len(place) <= LONGEST_PLACE:
        return place
    return f"{place[:40]}~{hashlib.blake2b(place.encode(), digest_size=9).hexdigest()}"


def place_of(signal: Signal, name: str | None = None) -> str:
    """What tells the blocks at one signal from those at others: its name, or the signal."""
    return short(name or f"{signal[0]}:{signal[1]}")
