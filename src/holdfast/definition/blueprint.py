# SPDX-License-Identifier: Apache-2.0
"""An event flow as plain data: the one description that the dispatcher and a blueprint read.

A signal is a pair (type, event). A node listens to signals and, when it is done, gives off the
signal ("event", node.emits) with its value. Edges are nothing but such pairs.

Kinds that call something: "chunk" calls a handler, "match" the conditions of its cases, "note"
tells what passed, "point" takes interventions up and passes the value on, "result_sink" keeps
the first value that arrives as the result of the run, "sub_flow" runs the flow in `inner`, in a
frame of its own. Kinds that only route:
"gate" waits until its signals have come; "each" sends the items of a sequence one by one; "batch"
sends one value to several branches; "gather" puts together what the lanes of the node named by
`group` returned; "merge" is where the branches of a match meet again; "collect" is one branch of
the collection named by `group`.

A batch and a match have several exits: a branch listens to the event of its exit. Exits have keys
that stand for what is declared, not for its place, so that a change elsewhere moves nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.definition import links
from holdfast.definition.links import CAPTURE, WRITE_BACK, Links
from holdfast.errors import DefinitionError

Signal = tuple[str, str]

START: Signal = ("event", "START")
#: What only a delivery can do: the runtime calls something.
CALLS = frozenset({"chunk", "match", "note", "point", "result_sink", "sub_flow"})
KINDS = CALLS | {"gate", "each", "gather", "batch", "merge", "collect"}
#: What ends a block of branches or items.
ENDS = frozenset({"gather", "merge"})
#: What stands between the id of a sub-flow's node and the ids inside it.
SEPARATOR = "/"
#: How deep sub-flows may be nested.
DEEPEST = 32
#: The key of the exit for what no case has taken.
ELSE = "else"
VERSION = "holdfast.flow/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator of a flow.

    id: stable between processes: a name, or a place in the graph. handler: the name its function
    is registered under; None for a chunk without a name. group: the block or the collection it
    belongs to. exits: the key of each branch and the event that leads into it. inner: the flow of
    a sub-flow; capture, write_back: what passes into it and back, None for the defaults.
    """

    id: str
    kind: str
    name: str
    listens: tuple[Signal, ...]
    emits: str
    handler: str | None = None
    group: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    exits: tuple[tuple[str, str], ...] = ()
    inner: Blueprint | None = None
    capture: Links | None = None
    write_back: Links | None = None


#: The event of an exit, and who listens to it.
Exit = tuple[str, tuple[Node, ...]]
Listeners = Mapping[Signal, tuple[Node, ...]]


@dataclass(frozen=True, slots=True)
class Inside:
    """What a sub-flow is to itself: its name, who listens to its signals, whether it is scoped."""

    name: str
    listeners: Listeners
    scoped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A whole flow: its nodes in the order they were declared, and who listens to what.

    after: who listens to a node that is done. exits: per branching node and key, who listens
    there. ends: the node that ends a block. collects: the branches of a collection, in order.
    scoped: something in it joins or runs lanes, so signals from outside need a scope.
    hears: the kinds of signals that something listens to. has_points: one takes interventions up.
    routers: which nodes that call nothing give off an event.

    The nodes of sub-flows at every depth stand in all tables by path ("outer/inner"), so that one
    look-up serves every depth; only who listens to a signal depends on the sub-flow that it is
    sent in. inside: that, by the path of the sub-flow's node.
    """

    name: str
    nodes: tuple[Node, ...]
    by_id: Mapping[str, Node] = field(init=False, repr=False, compare=False)
    listeners: Listeners = field(init=False, repr=False, compare=False)
    after: Mapping[str, tuple[Node, ...]] = field(init=False, repr=False, compare=False)
    exits: Mapping[str, Mapping[str, Exit]] = field(init=False, repr=False, compare=False)
    ends: Mapping[str, Node] = field(init=False, repr=False, compare=False)
    collects: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    scoped: bool = field(init=False, repr=False, compare=False)
    hears: frozenset[str] = field(init=False, repr=False, compare=False)
    has_points: bool = field(init=False, repr=False, compare=False)
    routers: Mapping[str, tuple[Node, ...]] = field(init=False, repr=False, compare=False)
    inside: Mapping[str, Inside] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id = {node.id: node for node in self.nodes}
        if len(by_id) != len(self.nodes):
            raise DefinitionError("a flow has two nodes of one id")
        listeners: dict[Signal, list[Node]] = {}
        for node in self.nodes:
            for signal in node.listens:
                listeners.setdefault(signal, []).append(node)
        frozen = {signal: tuple(nodes) for signal, nodes in listeners.items()}
        after = {n.id: frozen.get(("event", n.emits), ()) for n in self.nodes}
        exits: dict[str, Mapping[str, Exit]] = {
            n.id: {key: (event, frozen.get(("event", event), ())) for key, event in n.exits}
            for n in self.nodes
            if n.exits
        }
        ends = {n.group: n for n in self.nodes if n.kind in ENDS}
        collects: dict[str, dict[str, None]] = {}
        for node in self.nodes:
            if node.kind == "collect" and node.group is not None:
                collects.setdefault(node.group, {})[node.options["branch"]] = None
        branches = {group: tuple(names) for group, names in collects.items()}
        inside: dict[str, Inside] = {}
        for node in self.nodes:
            if node.inner is not None:
                moved = _moved(node, node.inner)
                by_id.update(moved.by_id(by_id))
                after.update(moved.after())
                exits.update(moved.exits())
                ends.update(moved.ends())
                branches.update(moved.collects())
                inside.update(moved.inside())
        if inside and _depth(self) > DEEPEST:
            raise DefinitionError(f"sub-flows are nested more than {DEEPEST} deep")
        set_ = object.__setattr__
        set_(self, "by_id", by_id)
        set_(self, "listeners", frozen)
        set_(self, "after", after)
        set_(self, "exits", exits)
        set_(self, "ends", ends)
        set_(self, "collects", branches)
        set_(self, "hears", frozenset(kind for kind, _ in frozen))
        routers: dict[str, list[Node]] = {}
        for node in self.nodes:
            if node.kind not in CALLS:
                for event in (node.emits, *(event for _, event in node.exits)):
                    routers.setdefault(event, []).append(node)
        set_(self, "routers", {event: tuple(nodes) for event, nodes in routers.items()})
        set_(self, "has_points", any(n.kind == "point" for n in by_id.values()))
        set_(self, "scoped", any(_needs_scope(n) for n in self.nodes))
        set_(self, "inside", inside)


def _depth(blueprint: Blueprint) -> int:
    inner = [node.inner for node in blueprint.nodes if node.inner is not None]
    return 1 + max(map(_depth, inner)) if inner else 0


def _needs_scope(node: Node) -> bool:
    if node.kind == "match":
        return node.options.get("mode") == "hit_all"
    return node.kind in {"gate", "each", "batch", "collect"}


@dataclass(frozen=True, slots=True)
class _Moved:
    """The tables of a sub-flow as they stand in the flow around it: every id under a path."""

    path: str
    inner: Blueprint
    nodes: Mapping[str, Node]

    def _all(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(self.nodes[node.id] for node in nodes)

    def _under(self, name: str) -> str:
        return f"{self.path}{SEPARATOR}{name}"

    def by_id(self, beside: Mapping[str, Node]) -> dict[str, Node]:
        placed = {node.id: node for node in self.nodes.values()}
        taken = placed.keys() & beside.keys()
        if taken:
            raise DefinitionError(f"a flow has two nodes of one id: {min(taken)!r}")
        return placed

    def after(self) -> dict[str, tuple[Node, ...]]:
        return {self._under(name): self._all(nodes) for name, nodes in self.inner.after.items()}

    def exits(self) -> dict[str, Mapping[str, Exit]]:
        return {
            self._under(name): {key: (event, self._all(to)) for key, (event, to) in ways.items()}
            for name, ways in self.inner.exits.items()
        }

    def ends(self) -> dict[str | None, Node]:
        ends = self.inner.ends.items()
        return {self._under(group): self.nodes[node.id] for group, node in ends}

    def collects(self) -> dict[str, tuple[str, ...]]:
        return {self._under(group): names for group, names in self.inner.collects.items()}

    def inside(self) -> dict[str, Inside]:
        inner = self.inner
        own = Inside(inner.name, self._listeners(inner.listeners), inner.scoped)
        deeper = {
            self._under(path): Inside(found.name, self._listeners(found.listeners), found.scoped)
            for path, found in inner.inside.items()
        }
        return {self.path: own, **deeper}

    def _listeners(self, listeners: Listeners) -> Listeners:
        return {signal: self._all(nodes) for signal, nodes in listeners.items()}


def _moved(node: Node, inner: Blueprint) -> _Moved:
    prefix = f"{node.id}{SEPARATOR}"
    nodes = {
        name: replace(
            found,
            id=prefix + name,
            group=None if found.group is None else prefix + found.group,
        )
        for name, found in inner.by_id.items()
    }
    return _Moved(node.id, inner, nodes)


def to_dict(blueprint: Blueprint, *, validate: bool = True) -> dict[str, Any]:
    """The blueprint as JSON-friendly data that shares nothing with it.

    validate: refuse what has no name. Raises: DefinitionError.
    """
    if validate:
        for node in blueprint.by_id.values():
            _refuse_nameless(node)
    return {
        "version": VERSION,
        "name": blueprint.name,
        "operators": [_operator(node) for node in blueprint.nodes],
    }


def _refuse_nameless(node: Node) -> None:
    if node.kind == "chunk" and node.handler is None:
        raise DefinitionError(
            f"non-serializable handler: node {node.id!r} has no name of its own",
            hint="Register the function: flow.register_chunk_handler(fn, name=...).",
        )
    for case in node.options.get("cases", ()):
        if case.get("if") is None and "is" not in case:
            raise DefinitionError(
                f"non-serializable condition: node {node.id!r} has a case without a name",
                hint="Register the function: flow.register_condition_handler(fn, name=...).",
            )


def _operator(node: Node) -> dict[str, Any]:
    written = {
        "id": node.id,
        "kind": node.kind,
        "name": node.name,
        "handler": node.handler,
        "group": node.group,
        "listens": [list(signal) for signal in node.listens],
        "emits": node.emits,
        "options": copy.deepcopy(dict(node.options)),
        "exits": [list(way) for way in node.exits],
    }
    if node.inner is not None:
        written["flow"] = to_dict(node.inner, validate=False)
        written["capture"] = links.write(node.capture)
        written["write_back"] = links.write(node.write_back)
    return written


def from_dict(data: object) -> Blueprint:
    """Read a blueprint. Raises: DefinitionError, a ValueError; TypeError for a wrong shape."""
    return _blueprint(data, 0)


def _blueprint(data: object, depth: int) -> Blueprint:
    if depth > DEEPEST:
        raise DefinitionError(f"sub-flows are nested more than {DEEPEST} deep")
    if not isinstance(data, Mapping):
        raise TypeError(f"a blueprint is a mapping; found {type(data).__name__}")
    if data.get("version") != VERSION:
        raise DefinitionError(
            f"blueprint version: expected {VERSION!r}; found {_brief(data.get('version'))}"
        )
    operators = data.get("operators")
    if not isinstance(operators, list):
        raise TypeError(f"blueprint operators: expected a list; found {type(operators).__name__}")
    nodes = tuple(_node(f"operators[{i}]", item, depth) for i, item in enumerate(operators))
    return Blueprint(name=_text("name", data.get("name")), nodes=nodes)


def _node(place: str, item: object, depth: int) -> Node:
    if not isinstance(item, Mapping):
        raise TypeError(f"blueprint {place}: expected a mapping; found {type(item).__name__}")
    kind = _text(f"{place}.kind", item.get("kind"))
    if kind not in KINDS:
        raise DefinitionError(
            f"blueprint {place}.kind: expected one of {', '.join(sorted(KINDS))}; "
            f"found {_brief(kind)}"
        )
    options = item.get("options", {})
    if not isinstance(options, Mapping):
        raise TypeError(f"blueprint {place}.options: expected a mapping")
    return Node(
        id=_text(f"{place}.id", item.get("id")),
        kind=kind,
        name=_text(f"{place}.name", item.get("name")),
        listens=tuple(_pairs(f"{place}.listens", item.get("listens"))),
        emits=_text(f"{place}.emits", item.get("emits")),
        handler=_optional(f"{place}.handler", item.get("handler")),
        group=_optional(f"{place}.group", item.get("group")),
        options={_text(f"{place}.options", key): value for key, value in options.items()},
        exits=tuple(_pairs(f"{place}.exits", item.get("exits", []))),
        inner=_blueprint(item.get("flow"), depth + 1) if kind == "sub_flow" else None,
        capture=links.read(item.get("capture"), CAPTURE),
        write_back=links.read(item.get("write_back"), WRITE_BACK),
    )


def _pairs(place: str, value: object) -> Iterable[tuple[str, str]]:
    if not isinstance(value, list):
        raise TypeError(f"blueprint {place}: expected a list; found {type(value).__name__}")
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise DefinitionError(f"blueprint {place}: expected pairs of texts")
        yield _text(place, pair[0]), _text(place, pair[1])


def _text(place: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise DefinitionError(f"blueprint {place}: expected text; found {type(value).__name__}")
    return value


def _optional(place: str, value: object) -> str | None:
    return None if value is None else _text(place, value)


def _brief(value: object) -> str:
    return repr(value[:40]) if isinstance(value, str) else type(value).__name__
