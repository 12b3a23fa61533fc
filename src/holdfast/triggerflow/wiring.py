# SPDX-License-Identifier: Apache-2.0
"""The growing definition behind a flow: nodes, and the functions registered by name.

Wiring the same thing again at the same place adds nothing, and what cannot be wired changes
nothing: every call of a builder is one `building()`. `compiled()` freezes what there is into a
blueprint with its functions; executions keep what was compiled when they were created.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from holdfast.definition.blueprint import CALLS, Blueprint, Node, Signal
from holdfast.definition.fingerprint import fingerprint, flow_form
from holdfast.definition.flow_routes import check_routes
from holdfast.definition.retry import ONCE, Tries
from holdfast.errors import DefinitionError, HandlersMissing
from holdfast.persistence.types import TypeRegistry
from holdfast.triggerflow import child, conditions
from holdfast.triggerflow.chunk import (
    PASS_ON,
    Chunk,
    Handler,
    hints_of,
    own_name,
    same_function,
)
from holdfast.triggerflow.compat.sink import SINK
from holdfast.triggerflow.compiled import Compiled
from holdfast.triggerflow.conditions import Condition, Judge
from holdfast.triggerflow.contracts import NO_CONTRACT, Contract
from holdfast.triggerflow.notes import Note
from holdfast.triggerflow.place import short

_GONE: Any = object()


class Wiring:
    """Nodes in the order of declaration, chunks and registered functions by name.

    conditions: registered conditions by name; condition_names: the names by identity. cases: what
    the cases of each match ask; asked: their positions by match and what they ask. collections:
    their modes. children: the flows of sub-flows, by node. meta: what a blueprint says beside its
    structure. unnamed: chunks known by their place, by the identity of their function. tries: how
    often and how long chunks are called, where the flow says so, by node.
    """

    def __init__(self, types: TypeRegistry) -> None:
        self.types = types
        self.nodes: dict[str, Node] = {}
        self.chunks: dict[str, Chunk] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.conditions: dict[str, Callable[..., Any]] = {}
        self.condition_names: dict[int, str] = {}
        self.cases: dict[str, tuple[Condition, ...]] = {}
        self.asked: dict[tuple[str, Any], int] = {}
        self.collections: dict[str, str] = {}
        self.unnamed: dict[int, Chunk] = {}
        self.tries: dict[str, Tries] = {}
        self.children: dict[str, child.Child] = {}
        self.contract: Contract = NO_CONTRACT
        self.meta: Mapping[str, Any] = {}
        self._compiled: Compiled | None = None
        self._undo: list[tuple[dict[Any, Any], Any, Any]] | None = None

    @contextmanager
    def building(self, replayed: str | None = None) -> Iterator[None]:
        """All that is declared inside takes effect; if it raises, nothing does.

        replayed: a block around it that is built and ended; declaring it again must add nothing.
        """
        undo: list[tuple[dict[Any, Any], Any, Any]] = []
        outer, self._undo = self._undo, undo
        try:
            yield
            if replayed is not None and undo:
                raise DefinitionError(
                    f"block {replayed!r} already exists with a different definition",
                    hint="Pass name= to make a block of its own at the same place.",
                )
        except BaseException:
            for mapping, key, before in reversed(undo):
                if before is _GONE:
                    del mapping[key]
                else:
                    mapping[key] = before
            raise
        finally:
            self._undo = outer
        if outer is not None:
            outer.extend(undo)
        if undo:
            self._compiled = None

    def put_in(self, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        """Change one of the tables so that a failing builder call can take it back."""
        before = mapping.get(key, _GONE)
        if before is value:
            return
        if self._undo is not None:
            self._undo.append((mapping, key, before))
        mapping[key] = value
        self._compiled = None

    def register(self, function: Callable[..., Any], name: str | None) -> None:
        """Make a handler known by name. Raises: TypeError, DefinitionError."""
        self._register(self.handlers, function, name, "handler")

    def register_condition(self, function: Callable[..., Any], name: str | None) -> None:
        """Make a condition known by name. Raises: TypeError, DefinitionError."""
        known_as = self._register(self.conditions, function, name, "condition")
        self.put_in(self.condition_names, id(self.conditions[known_as]), known_as)

    def _register(
        self, known: dict[str, Any], function: Callable[..., Any], name: str | None, what: str
    ) -> str:
        if not callable(function):
            raise TypeError(f"a {what} is callable; found {type(function).__name__}")
        known_as = checked_name(what, name) or own_name(function)
        if known_as is None:
            raise DefinitionError("a lambda needs a name: pass name=")
        bound = known.get(known_as)
        if bound is not None and not same_function(bound, function):
            raise DefinitionError(
                f"{what} name {known_as!r} is already registered to another callable"
            )
        if bound is None:
            self.put_in(known, known_as, function)
        return known_as

    def condition(self, asked: Any, position: int) -> Condition:
        """What a case asks. A function's own name is used if it is free."""
        if not callable(asked):
            return conditions.of_value(asked, position)
        brought = own_name(asked)
        if brought is not None and brought not in self.conditions:
            self.register_condition(asked, brought)
        for name in (brought, self.condition_names.get(id(asked))):
            if name is not None and same_function(self.conditions.get(name), asked):
                return conditions.of_function(asked, name, position)
        return conditions.of_function(asked, None, position)

    def make_chunk(self, function: Callable[..., Any], name: str | None, place: str) -> Chunk:
        """The chunk of a function: the one there is, or a new one.

        A name given on purpose must be free; a function's own name that is taken makes the chunk
        a nameless one, known by its place.
        """
        if not callable(function):
            raise TypeError(f"a chunk is made of a callable; found {type(function).__name__}")
        if checked_name("chunk", name) is not None:
            self.register(function, name)
            return self._chunk(str(name), function)
        brought = own_name(function)
        if brought is not None:
            bound = self.handlers.get(brought)
            if bound is None or same_function(bound, function):
                if bound is None:
                    self.put_in(self.handlers, brought, function)
                return self._chunk(brought, function)
        chunk = self.unnamed.get(id(function))
        if chunk is None:
            chunk = self._anonymous(function, place)
        return chunk

    def _chunk(self, name: str, function: Callable[..., Any]) -> Chunk:
        chunk = self.chunks.get(name)
        if chunk is None:
            chunk = Chunk(function, name)
            self.put_in(self.chunks, name, chunk)
        return chunk

    def _anonymous(self, function: Callable[..., Any], place: str) -> Chunk:
        base = f"{own_name(function) or 'lambda'}@{short(place)}"
        ordinal = 1
        while f"{base}#{ordinal}" in self.chunks:
            ordinal += 1
        chunk = Chunk(function, f"{base}#{ordinal}", is_named=False)
        self.put_in(self.chunks, chunk.id, chunk)
        # The chunk keeps the function, so its identity stays its own.
        self.put_in(self.unnamed, id(function), chunk)
        return chunk

    def adopt(self, chunk: Chunk) -> Chunk:
        """Take in a chunk that was perhaps made elsewhere; returns the one to use here.

        Raises: DefinitionError if its name is taken.
        """
        known = self.chunks.get(chunk.id)
        if known is not None and not same_function(known.function, chunk.function):
            if not chunk.is_named:
                # Its place in its own flow names another chunk here.
                return self.unnamed.get(id(chunk.function)) or self._anonymous(
                    chunk.function, chunk.id
                )
            raise DefinitionError(
                f"chunk name {chunk.name!r} is already registered to another callable"
            )
        if chunk.is_named:
            self.register(chunk.function, chunk.name)
        if known is None:
            self.put_in(self.chunks, chunk.id, chunk)
        return known or chunk

    def put(self, node: Node) -> None:
        """Add a node, or let the one of that id listen to more.

        Raises: DefinitionError if the id exists with another meaning.
        """
        known = self.nodes.get(node.id)
        if known is None:
            self.put_in(self.nodes, node.id, node)
            return
        if replace(known, listens=()) != replace(node, listens=()):
            raise DefinitionError(
                f"node {node.id!r} already exists with a different definition",
                hint="Pass name= to make a block of its own at the same place.",
            )
        merged = tuple(dict.fromkeys((*known.listens, *node.listens)))
        if merged != known.listens:
            self.put_in(self.nodes, node.id, replace(known, listens=merged))

    def put_end(self, node: Node) -> None:
        """Add the end of a block. Raises: DefinitionError if it ended elsewhere before."""
        known = self.nodes.get(node.id)
        if known is not None and known != node:
            raise DefinitionError(
                f"block {node.group!r} already exists with a different definition",
                hint="Pass name= to make a block of its own at the same place.",
            )
        self.put(node)

    def put_chunk(self, chunk: Chunk, signal: Signal) -> None:
        """Let a chunk listen to a signal."""
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

    def put_tries(self, chunk: Chunk, tries: Tries) -> None:
        """Say how often and how long a chunk is called. Raises: DefinitionError for two answers."""
        if tries is ONCE:
            return
        before = self.tries.get(chunk.id)
        if before is not None and before != tries:
            raise DefinitionError(
                f"chunk {chunk.name!r} was given another retry or timeout before",
                hint="A chunk has one of each wherever it stands; pass name= for another chunk.",
            )
        self.put_in(self.tries, chunk.id, tries)

    def tries_of(self, chunk: Chunk) -> Tries:
        """How often and how long a chunk of this flow is called."""
        said = self.tries.get(chunk.id)
        own = chunk.handler.tries
        return own if said is None else said.over(own)

    def compiled(self, flow_name: str) -> Compiled:
        """What there is now, frozen; made once until something is added.

        Classes that annotations of handlers name register themselves here, after those that the
        program registered under names of its own choice. Raises: DefinitionError for a clash, and
        for a ring without a chunk.
        """
        known = self._compiled
        is_mine = known is not None and known.plan.name == flow_name
        if known is not None and is_mine and child.is_as_frozen(self.children, known):
            return known
        self._compiled = self._frozen(flow_name)
        return self._compiled

    def _frozen(self, flow_name: str) -> Compiled:
        for one in self.children.values():
            child.refuse_clash(self, one)
        subs = child.freeze(self.children)
        nodes = [
            node if node.kind != "sub_flow" else replace(node, inner=subs[node.id].compiled.plan)
            for node in self.nodes.values()
        ]
        plan = Blueprint(name=flow_name, nodes=tuple(nodes))
        check_routes(plan)
        called = [n for n in plan.nodes if n.kind in CALLS and n.kind != "sub_flow"]
        handlers = {node.id: self._handler_of(node) for node in called}
        handlers |= child.handlers_in(self.children)
        form = flow_form(plan)
        contract = self.contract or None
        if contract is not None:
            spec = contract.spec
            for annotation in (spec.initial_input, spec.stream, spec.result):
                self.types.register_annotation(annotation)
            form["$contract"] = contract.canonical()
        for one in self.children.values():
            self.types.include(one.source.types)
        return Compiled(plan, handlers, fingerprint(form), contract, subs)

    def put_contract(self, contract: Contract) -> None:
        """Use another contract from now on."""
        self.contract = contract
        self._compiled = None

    def _handler_of(self, node: Node) -> Handler:
        if node.kind == "point":
            return PASS_ON
        if node.kind == "match":
            return Handler(Judge(self.cases[node.id], node.options["mode"]), is_async=True)
        if node.kind == "result_sink":
            return SINK
        if node.kind == "note":
            return Handler(Note(node.options), is_async=True)
        chunk = self.chunks.get(node.id)
        if chunk is None:
            raise HandlersMissing(f"handler {node.handler!r} is not registered", names=(node.name,))
        for hint in hints_of(chunk.function):
            self.types.register_annotation(hint)
        return replace(chunk.handler, tries=self.tries_of(chunk))


def checked_name(what: str, name: Any) -> str | None:
    """A name given on purpose, or None. Raises: DefinitionError for what is no name."""
    if name is not None and (not isinstance(name, str) or not name):
        raise DefinitionError(f"the name of a {what} is text; found {type(name).__name__}")
    return name
