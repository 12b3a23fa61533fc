# SPDX-License-Identifier: Apache-2.0
"""A flow as it stands inside another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from holdfast.definition.blueprint import SEPARATOR
from holdfast.definition.retry import Tries
from holdfast.errors import DefinitionError
from holdfast.persistence.types import TypeRegistry
from holdfast.triggerflow.chunk import Chunk, Handler, same_function
from holdfast.triggerflow.compiled import Compiled, Sub
from holdfast.triggerflow.contracts import Contract
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.shared import SharedData


class Source(Protocol):
    """The growing definition of a flow (`Wiring`), as far as a flow around it reads it."""

    types: TypeRegistry
    chunks: dict[str, Chunk]
    handlers: dict[str, Callable[..., Any]]
    conditions: dict[str, Callable[..., Any]]
    children: dict[str, Child]
    contract: Contract
    meta: Mapping[str, Any]

    def compiled(self, flow_name: str) -> Compiled:
        """What there is now, frozen."""

    def tries_of(self, chunk: Chunk) -> Tries:
        """How often and how long a chunk of the flow is called."""


@dataclass(frozen=True, slots=True)
class Child:
    """A flow inside another: its definition, which may still grow, and its own live things.

    is_named: its name was given, so it is the same in the next process. is_live: a program built
    it; one that only a blueprint knows gives way to it.
    """

    name: str
    source: Source
    resources: Resources
    data: SharedData
    settings: Mapping[str, Any]
    is_named: bool = True
    is_live: bool = True

    def compiled(self) -> Compiled:
        """Its definition as it stands now, frozen."""
        return self.source.compiled(self.name)

    def gives_way_to(self, other: Child) -> bool:
        """Whether the other flow is this one, built again or read before."""
        if self.source is other.source:
            return True
        return not self.is_live and self.compiled().fingerprint == other.compiled().fingerprint


class Embeddable:
    """What `to` and `to_sub_flow` take: a flow."""

    __slots__ = ()

    def as_child(self) -> Child:
        """The flow, to stand inside another one."""
        raise NotImplementedError


def refuse_ring(around: Source, child: Child) -> None:
    """Refuse a flow that would stand inside itself. Raises: DefinitionError."""
    if any(source is around for source in _all_in(child)):
        raise DefinitionError(
            f"flow {child.name!r} would be a sub-flow of itself and never end",
            hint="Let an event lead back instead.",
        )


def refuse_clash(around: Source, child: Child) -> None:
    """Refuse a child that has another function under a name of the flow around it, or of a sibling.

    A blueprint names functions once for all flows in it. Raises: DefinitionError.
    """
    taken = [around]
    for sibling in around.children.values():
        if sibling.source is not child.source and sibling.is_live:
            taken += _all_in(sibling)
    for source in _all_in(child):
        for other in taken:
            _refuse_clash(other, source, child.name)


def _refuse_clash(one: Source, other: Source, name: str) -> None:
    for what, mine, theirs in (
        ("handler", one.handlers, other.handlers),
        ("condition", one.conditions, other.conditions),
    ):
        for known, function in theirs.items():
            if known in mine and not same_function(mine[known], function):
                raise DefinitionError(
                    f"{what} name {known!r} of sub-flow {name!r} is already registered "
                    "to another callable",
                    hint="Give one of the two another name: to(fn, name=...).",
                )


def _all_in(child: Child) -> Iterator[Source]:
    yield child.source
    for inner in child.source.children.values():
        yield from _all_in(inner)


def freeze(children: Mapping[str, Child]) -> dict[str, Sub]:
    """The children as they stand now, each with all that are nested in it, by path."""
    found: dict[str, Sub] = {}
    for node_id, child in children.items():
        compiled = child.compiled()
        found[node_id] = Sub(compiled, child.resources, child.data, child.settings)
        for path, sub in compiled.subs.items():
            found[f"{node_id}{SEPARATOR}{path}"] = sub
    return found


def handlers_in(children: Mapping[str, Child]) -> dict[str, Handler]:
    """What the nodes of the children call, by path."""
    return {
        f"{node_id}{SEPARATOR}{path}": handler
        for node_id, child in children.items()
        for path, handler in child.compiled().handlers.items()
    }


def is_as_frozen(children: Mapping[str, Child], compiled: Compiled) -> bool:
    """Whether no child has grown since."""
    return all(
        node_id in compiled.subs and child.compiled() is compiled.subs[node_id].compiled
        for node_id, child in children.items()
    )
