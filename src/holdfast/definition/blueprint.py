# SPDX-License-Identifier: Apache-2.0
"""An event flow as plain data: the one description that the dispatcher and a blueprint read.

A signal is a pair (type, event). A node listens to signals and, when it is done, gives off the
signal ("event", node.emits) with its value. Edges are nothing but such pairs.

Kinds: "chunk" calls a handler; "gate" waits until its signals have come (options: mode);
"each" sends the items of a sequence one by one (options: concurrency); "gather" puts the results
of the "each" named by `group` back into one list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import DefinitionError

Signal = tuple[str, str]

START: Signal = ("event", "START")
KINDS = frozenset({"chunk", "gate", "each", "gather"})
VERSION = "holdfast.flow/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator of a flow.

    id: stable between processes: a name, or a place in the graph. handler: the name its function
    is registered under; None for a chunk without a name. group: the loop it belongs to.
    """

    id: str
    kind: str
    name: str
    listens: tuple[Signal, ...]
    emits: str
    handler: str | None = None
    group: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A whole flow: its nodes in the order they were declared, and who listens to what.

    hears: the kinds of signals that something listens to.
    """

    name: str
    nodes: tuple[Node, ...]
    by_id: Mapping[str, Node] = field(init=False, repr=False, compare=False)
    listeners: Mapping[Signal, tuple[Node, ...]] = field(init=False, repr=False, compare=False)
    after: Mapping[str, tuple[Node, ...]] = field(init=False, repr=False, compare=False)
    gathers: Mapping[str, Node] = field(init=False, repr=False, compare=False)
    scoped: bool = field(init=False, repr=False, compare=False)
    hears: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id = {node.id: node for node in self.nodes}
        if len(by_id) != len(self.nodes):
            raise DefinitionError("a flow has two nodes of one id")
        listeners: dict[Signal, list[Node]] = {}
        for node in self.nodes:
            for signal in node.listens:
                listeners.setdefault(signal, []).append(node)
        frozen = {signal: tuple(nodes) for signal, nodes in listeners.items()}
        set_ = object.__setattr__
        set_(self, "by_id", by_id)
        set_(self, "listeners", frozen)
        set_(self, "after", {n.id: frozen.get(("event", n.emits), ()) for n in self.nodes})
        set_(self, "gathers", {n.group: n for n in self.nodes if n.kind == "gather"})
        set_(self, "hears", frozenset(kind for kind, _ in frozen))
        set_(self, "scoped", any(n.kind in {"gate", "each"} for n in self.nodes))


def to_dict(blueprint: Blueprint) -> dict[str, Any]:
    """The blueprint as JSON-friendly data. Raises: DefinitionError for a chunk without a name."""
    return {
        "version": VERSION,
        "name": blueprint.name,
        "operators": [_operator(node) for node in blueprint.nodes],
    }


def _operator(node: Node) -> dict[str, Any]:
    if node.kind == "chunk" and node.handler is None:
        raise DefinitionError(
            f"non-serializable handler: node {node.id!r} has no name of its own",
            hint="Register the function: flow.register_chunk_handler(fn, name=...).",
        )
    return {
        "id": node.id,
        "kind": node.kind,
        "name": node.name,
        "handler": node.handler,
        "group": node.group,
        "listens": [list(signal) for signal in node.listens],
        "emits": node.emits,
        "options": dict(node.options),
    }


def from_dict(data: object) -> Blueprint:
    """Read a blueprint. Raises: DefinitionError, a ValueError; TypeError for a wrong shape."""
    if not isinstance(data, Mapping):
        raise TypeError(f"a blueprint is a mapping; found {type(data).__name__}")
    if data.get("version") != VERSION:
        raise DefinitionError(
            f"blueprint version: expected {VERSION!r}; found {_brief(data.get('version'))}"
        )
    operators = data.get("operators")
    if not isinstance(operators, list):
        raise TypeError(f"blueprint operators: expected a list; found {type(operators).__name__}")
    nodes = tuple(_node(f"operators[{i}]", item) for i, item in enumerate(operators))
    return Blueprint(name=_text("name", data.get("name")), nodes=nodes)


def _node(place: str, item: object) -> Node:
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
        listens=tuple(_signals(f"{place}.listens", item.get("listens"))),
        emits=_text(f"{place}.emits", item.get("emits")),
        handler=_optional(f"{place}.handler", item.get("handler")),
        group=_optional(f"{place}.group", item.get("group")),
        options={_text(f"{place}.options", key): value for key, value in options.items()},
    )


def _signals(place: str, value: object) -> Iterable[Signal]:
    if not isinstance(value, list):
        raise TypeError(f"blueprint {place}: expected a list; found {type(value).__name__}")
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise DefinitionError(f"blueprint {place}: expected pairs of type and event")
        yield _text(place, pair[0]), _text(place, pair[1])


def _text(place: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise DefinitionError(f"blueprint {place}: expected text; found {type(value).__name__}")
    return value


def _optional(place: str, value: object) -> str | None:
    return None if value is None else _text(place, value)


def _brief(value: object) -> str:
    return repr(value[:40]) if isinstance(value, str) else type(value).__name__
