# SPDX-License-Identifier: Apache-2.0
"""Handlers bound to one run while it goes on: which there are, but never the functions.

A binding is a node of its own beside the definition's, so its deliveries are like all others.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.definition.blueprint import Node
from holdfast.machine.journal import Encoder, Journal

#: How the ids of nodes begin that bindings add.
PREFIX = "on:"


class Binding(msgspec.Struct):
    """One handler of one signal. ref: the name it is known by. durable: it is written down."""

    id: str
    kind: str
    event: str
    ref: str | None = None
    metadata: dict[str, Any] = {}
    durable: bool = True

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the others: the same id may be bound to several signals."""
        return self.id, self.kind, self.event

    @property
    def node(self) -> str:
        """The id of its node."""
        return node_id(self.key)


def node_id(key: tuple[str, str, str]) -> str:
    """The id of the node of the binding with that key."""
    name, kind, event = key
    return f"{PREFIX}{kind}:{event}:{name}"


def node_of(binding: Binding, *, hears: bool) -> Node:
    """The node of a binding; one that has no handler hears nothing."""
    return Node(
        id=binding.node,
        kind="chunk",
        name=binding.id,
        listens=((binding.kind, binding.event),) if hears else (),
        emits=f"chunk:{binding.node}",
        handler=binding.ref,
    )


def node_called(name: str) -> Node:
    """The node of a binding that is no more, for what it was called for before."""
    return Node(id=name, kind="chunk", name=name, listens=(), emits=f"chunk:{name}")


def put(bindings: dict[int, Binding], journal: Journal | None, binding: Binding) -> None:
    """Add a binding, or replace the one of that id and signal. Raises: ValueRefused."""
    number = number_of(bindings, binding.key)
    if number is None:
        number = max(bindings, default=0) + 1
    if journal is not None and binding.durable:
        journal.put(f"bind/{number}", part(binding, journal.codec))
    elif journal is not None:
        journal.drop(f"bind/{number}")
    bindings[number] = binding


def drop(bindings: dict[int, Binding], journal: Journal | None, number: int) -> None:
    """Take a binding away."""
    del bindings[number]
    if journal is not None:
        journal.drop(f"bind/{number}")


def number_of(bindings: dict[int, Binding], key: tuple[str, str, str]) -> int | None:
    """The number of the binding of that id and signal."""
    return next((number for number, each in bindings.items() if each.key == key), None)


def mark_all(bindings: dict[int, Binding], journal: Journal) -> None:
    """Put every part into the journal, as if all of it were new."""
    for number, binding in bindings.items():
        if binding.durable:
            journal.put(f"bind/{number}", part(binding, journal.codec))


def part(binding: Binding, codec: Encoder) -> bytes:
    """The part of a binding."""
    metadata = codec.encode(binding.metadata, f"metadata of binding {binding.id}")
    fixed = (binding.id, binding.kind, binding.event, binding.ref)
    return msgspec.json.encode((*fixed, msgspec.Raw(metadata)))


def read(data: bytes, codec: Encoder) -> Binding:
    """A binding read back."""
    shape = tuple[str, str, str, str | None, msgspec.Raw]
    name, kind, event, ref, metadata = msgspec.json.decode(data, type=shape)
    return Binding(name, kind, event, ref, codec.decode(bytes(metadata), f"metadata of {name}"))
