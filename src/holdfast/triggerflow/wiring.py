# SPDX-License-Identifier: Apache-2.0
"""The growing definition behind a flow: nodes, and the functions registered by name.

Wiring the same thing again at the same place adds nothing. `compiled()` freezes what there is
into a blueprint with its functions; executions keep what was compiled when they were created.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.definition.blueprint import Blueprint, Node, Signal
from holdfast.definition.fingerprint import fingerprint
from holdfast.errors import DefinitionError, HandlersMissing
from holdfast.persistence.types import TypeRegistry
from holdfast.triggerflow.chunk import PASS_ON, Chunk, Handler, hints_of, own_name

#: How a gate may join its signals.
MODES = ("and", "or", "simple_or")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A frozen flow: its blueprint, each chunk's function by node id, and its fingerprint."""

    plan: Blueprint
    handlers: Mapping[str, Handler]
    fingerprint: str


class Wiring:
    """Nodes in the order of declaration, chunks and registered functions by name."""

    def __init__(self, types: TypeRegistry) -> None:
        self.types = types
        self.nodes: dict[str, Node] = {}
        self.chunks: dict[str, Chunk] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self._compiled: Compiled | None = None

    def register(self, function: Callable[..., Any], name: str | None) -> None:
        """Make a function known by name. Raises: TypeError, DefinitionError."""
        if not callable(function):
            raise TypeError(f"a handler is callable; found {type(function).__name__}")
        known_as = name or own_name(function)
        if known_as is None:
            raise DefinitionError("a lambda needs a name: pass name=")
        bound = self.handlers.get(known_as)
        if bound is not None and bound is not function:
            raise DefinitionError(
                f"handler name {known_as!r} is already registered to another callable"
            )
        self.handlers[known_as] = function
        self._compiled = None

    def make_chunk(self, function: Callable[..., Any], name: str | None, place: str) -> Chunk:
        """The chunk of a function: the one there is, or a new one.

        A name given on purpose must be free; a function's own name that is taken makes the chunk
        a nameless one, known by its place.
        """
        if not callable(function):
            raise TypeError(f"a chunk is made of a callable; found {type(function).__name__}")
        if name is not None:
            self.register(function, name)
            return self._chunk(name, function)
        brought = own_name(function)
        if brought is not None:
            bound = self.handlers.get(brought)
            if bound is None or bound is function:
                self.handlers[brought] = function
                return self._chunk(brought, function)
        for chunk in self.chunks.values():
            if chunk.function is function and not chunk.is_named:
                return chunk
        return self._anonymous(function, place)

    def _chunk(self, name: str, function: Callable[..., Any]) -> Chunk:
        chunk = self.chunks.get(name)
        if chunk is None:
            chunk = self.chunks[name] = Chunk(function, name)
            self._compiled = None
        return chunk

    def _anonymous(self, function: Callable[..., Any], place: str) -> Chunk:
        base = f"{own_name(function) or 'lambda'}@{place}"
        ordinal = 1
        while f"{base}#{ordinal}" in self.chunks:
            ordinal += 1
        chunk = Chunk(function, f"{base}#{ordinal}", is_named=False)
        self.chunks[chunk.id] = chunk
        self._compiled = None
        return chunk

    def adopt(self, chunk: Chunk) -> None:
        """Take in a chunk that was made elsewhere. Raises: DefinitionError if its name is taken."""
        known = self.chunks.get(chunk.id)
        if known is not None and known.function is not chunk.function:
            raise DefinitionError(
                f"chunk name {chunk.name!r} is already registered to another callable"
            )
        self.chunks[chunk.id] = chunk
        if chunk.is_named:
            self.register(chunk.function, chunk.name)

    def put(self, node: Node) -> None:
        """Add a node, or let the one of that id listen to more.

        Raises: DefinitionError if the id exists with another meaning.
        """
        known = self.nodes.get(node.id)
        if known is None:
            self.nodes[node.id] = node
        elif replace(known, listens=()) != replace(node, listens=()):
            raise DefinitionError(f"node {node.id!r} already exists with a different definition")
        else:
            merged = tuple(dict.fromkeys((*known.listens, *node.listens)))
            self.nodes[node.id] = replace(known, listens=merged)
        self._compiled = None

    def put_chunk(self, chunk: Chunk, signal: Signal) -> None:
        """Let a chunk listen to a signal."""
        self.adopt(chunk)
        self.put(
            Node(
                id=chunk.id,
                kind="chunk",
                name=chunk.name,
                listens=(signal,),
                emits=chunk.trigger,
                handler=chunk.name if chunk.is_named else None,
            )
        )

    def compiled(self, flow_name: str) -> Compiled:
        """What there is now, frozen; made once until something is added.

        Classes that annotations of handlers name register themselves here, after those that the
        program registered under names of its own choice. Raises: DefinitionError for a clash.
        """
        if self._compiled is None or self._compiled.plan.name != flow_name:
            plan = Blueprint(name=flow_name, nodes=tuple(self.nodes.values()))
            handlers = {
                node.id: self._handler_of(node)
                for node in plan.nodes
                if node.kind in ("chunk", "point")
            }
            self._compiled = Compiled(plan, handlers, fingerprint(canonical(plan)))
        return self._compiled

    def _handler_of(self, node: Node) -> Handler:
        if node.kind == "point":
            return PASS_ON
        chunk = self.chunks.get(node.id)
        if chunk is None:
            raise HandlersMissing(f"handler {node.handler!r} is not registered", names=(node.name,))
        for hint in hints_of(chunk.function):
            self.types.register_annotation(hint)
        return chunk.handler

    def replace_all(self, plan: Blueprint) -> None:
        """Take over the nodes of a blueprint, binding its handlers by name, or change nothing.

        Raises: HandlersMissing with every name that is not registered, DefinitionError.
        """
        for node in plan.nodes:
            _check(node, plan)
        wanted = {node.handler for node in plan.nodes if node.kind == "chunk" and node.handler}
        missing = tuple(sorted(wanted - self.handlers.keys()))
        if missing:
            listed = ", ".join(repr(name) for name in missing)
            raise HandlersMissing(f"handlers not registered: {listed}", names=missing)
        nameless = [n.id for n in plan.nodes if n.kind == "chunk" and not n.handler]
        if nameless:
            raise DefinitionError(f"blueprint node {nameless[0]!r} names no handler")
        self.nodes = {node.id: node for node in plan.nodes}
        self.chunks = {
            node.id: Chunk(self.handlers[node.handler], node.id)
            for node in plan.nodes
            if node.handler is not None
        }
        self._compiled = None


def _check(node: Node, plan: Blueprint) -> None:
    """What no builder could have made is refused here."""
    if node.kind == "gate" and node.options.get("mode") not in MODES:
        raise DefinitionError(f"blueprint node {node.id!r}: mode is one of {', '.join(MODES)}")
    cap = node.options.get("concurrency", 0)
    if node.kind == "each" and (isinstance(cap, bool) or not isinstance(cap, int)):
        raise DefinitionError(f"blueprint node {node.id!r}: concurrency is an int")
    opened = plan.by_id.get(node.group or "")
    if node.kind == "gather" and (opened is None or opened.kind != "each"):
        raise DefinitionError(f"blueprint node {node.id!r} gathers the items of no loop there is")


def canonical(plan: Blueprint) -> dict[str, Any]:
    """The structure that decides whether a saved run may continue: no names of flows, no code."""
    return {
        node.id: [
            node.kind,
            sorted(node.listens),
            node.emits,
            node.group,
            dict(sorted(node.options.items())),
        ]
        for node in plan.nodes
    }
