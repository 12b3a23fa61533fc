# SPDX-License-Identifier: Apache-2.0
"""Edges as plain data. An edge belongs to a group, because some kinds decide over several at once.

A pair of nodes is joined at most once in a graph, so the first edge of a group tells it from every
other group. Its name begins with that, and stays short: records key on it at every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

from holdfast.errors import DefinitionError

GroupKind = Literal["single", "fan_out", "fan_in", "switch", "multi"]
When = Literal["all", "any", "settled"]

#: How many of its nodes the name of a group lists.
NAMED = 4

#: The name of a condition that has none of its own.
UNNAMED = "<lambda>"


class Edge(NamedTuple):
    """One edge of a group. condition: the name of the function that opens it, if any."""

    source: str
    target: str
    condition: str | None


class SwitchCase(NamedTuple):
    """One case of a switch. condition: the name of its predicate, None for the default.

    places: of its targets among those of the group.
    """

    condition: str | None
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeGroup:
    """Edges with one rule of delivery: one for each source and target, sources first.

    name: the same for the same declaration, so that records may key on it.
    conditions: a name, or None, for each edge. selection: the name of the function that picks
    targets. cases: of a switch, in the order in which they are asked. when: a fan-in calls its
    target when all its sources have sent, with whatever came, or when no other can send any more.
    """

    name: str
    kind: GroupKind
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    conditions: tuple[str | None, ...]
    selection: str | None = None
    cases: tuple[SwitchCase, ...] = ()
    when: When = "all"

    def __post_init__(self) -> None:
        edges = len(self.sources) * len(self.targets)
        if edges == 0 or edges != len(self.conditions):
            raise DefinitionError(
                f"Edge group {self.name!r} joins {len(self.sources)} sources and "
                f"{len(self.targets)} targets with {len(self.conditions)} conditions",
                hint="Give at least one edge, and a condition or None for each.",
            )

    def edges(self) -> Iterator[Edge]:
        """Give the edges, in the order of the conditions."""
        pairs = product(self.sources, self.targets)
        for (source, target), condition in zip(pairs, self.conditions, strict=True):
            yield Edge(source, target, condition)


def single_edge(source: str, target: str, condition: str | None = None) -> EdgeGroup:
    """A group of one edge, always open unless a condition is named."""
    return EdgeGroup(
        name=_name((source,), (target,)),
        kind="single",
        sources=(source,),
        targets=(target,),
        conditions=(condition,),
    )


def fan_out(source: str, targets: Sequence[str]) -> EdgeGroup:
    """A group whose targets all take what the source sends."""
    return EdgeGroup(
        name=_name((source,), targets),
        kind="fan_out",
        sources=(source,),
        targets=tuple(targets),
        conditions=(None,) * len(targets),
    )


def fan_in(sources: Sequence[str], target: str, when: When = "all") -> EdgeGroup:
    """A group whose target takes what the sources sent as one list."""
    return EdgeGroup(
        name=_name(sources, (target,)),
        kind="fan_in",
        sources=tuple(sources),
        targets=(target,),
        conditions=(None,) * len(sources),
        when=when,
    )


def switch(source: str, cases: Sequence[tuple[str | None, Sequence[str]]]) -> EdgeGroup:
    """A group whose first case that holds names the targets. cases: (condition, targets)."""
    targets = tuple(dict.fromkeys(target for _, named in cases for target in named))
    place = {target: index for index, target in enumerate(targets)}
    return EdgeGroup(
        name=_name((source,), targets),
        kind="switch",
        sources=(source,),
        targets=targets,
        conditions=(None,) * len(targets),
        cases=tuple(
            SwitchCase(condition, tuple(dict.fromkeys(place[target] for target in named)))
            for condition, named in cases
        ),
    )


def multi_selection(source: str, targets: Sequence[str], selection: str) -> EdgeGroup:
    """A group whose targets are picked for each message by a function."""
    return EdgeGroup(
        name=_name((source,), targets),
        kind="multi",
        sources=(source,),
        targets=tuple(targets),
        conditions=(None,) * len(targets),
        selection=selection,
    )


def _name(sources: Sequence[str], targets: Sequence[str]) -> str:
    return f"{_some(sources)}->{_some(targets)}"


def _some(node_ids: Sequence[str]) -> str:
    """The first of them; the others are counted."""
    listed = [_plain(node_id) for node_id in node_ids[:NAMED]]
    if len(node_ids) > NAMED:
        listed.append(f"{len(node_ids) - NAMED} more")
    return "+".join(listed)


def _plain(node_id: str) -> str:
    """An id in which nothing can be taken for what joins ids, so that names stay unique."""
    for mark in "%+>":
        node_id = node_id.replace(mark, f"%{ord(mark):02X}")
    return node_id
