# SPDX-License-Identifier: Apache-2.0
"""Pictures of event flows as Mermaid text.

Simplified: names, and a box around each batch, loop and choice. Detailed: kinds too, no boxes,
and on every edge the event that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from holdfast.definition.blueprint import ELSE, START, Blueprint, Node, Signal
from holdfast.definition.draw import SafeIds, indented, mermaid_text
from holdfast.definition.draw_blocks import Blocks

Mode = Literal["simplified", "detailed"]

_OPENS = {"batch": "batch", "each": "for each", "match": "match"}
_ENDS = {"batch": "batch collect", "each": "for each collect", "match": "match result"}

BOX, DIAMOND, DOUBLE, ROUND, CASE, OUTSIDE = "[{}]", "{{{}}}", "[[{}]]", "({})", "[/{}/]", "([{}])"


#: What stands at the border of a sub-flow: where its input comes in, and its result goes out.
IN, OUT = "in:", "out:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What a picture shows beside the structure.

    declares: events that handlers say they emit, by node. contract: lines about what goes in and
    comes out. inner: the flows of sub-flows, by node, each with what is shown beside it.
    """

    declares: Mapping[str, Sequence[str]] = field(default_factory=dict)
    contract: Sequence[str] = ()
    inner: Mapping[str, tuple[Blueprint, Extra]] = field(default_factory=dict)


class _Edge(NamedTuple):
    source: str
    target: str
    event: str
    is_source: bool = False
    is_declared: bool = False


def mermaid(plan: Blueprint, mode: Mode, extra: Extra) -> str:
    """The flow as a Mermaid flowchart."""
    picture = _Picture(plan, mode, extra, SafeIds())
    return "\n".join(["flowchart TD", *indented(picture.lines())]) + "\n"


class _Picture:
    """One flow. Every operator is a node; so is every case, and every event from outside.

    path: of the sub-flow that it is, "" for the outermost: what comes in there comes from its
    node "in", and what nobody inside listens to leads to its node "out".
    """

    def __init__(
        self, plan: Blueprint, mode: Mode, extra: Extra, ids: SafeIds, path: str = ""
    ) -> None:
        self.plan = plan
        self.mode: Mode = mode
        self.is_detailed = mode == "detailed"
        self.extra = extra
        self.ids = ids
        self.path = path
        self.blocks = Blocks(plan)
        self.produced = _produced(plan, extra)
        if path:
            self.produced[START] = [(IN, False)]
            for passage in (IN, OUT):
                self._id(passage, path + passage.strip(":"))
        for node in plan.nodes:
            # A name where there is one; a place in the graph makes no readable id.
            self._id(node.id, node.name if node.handler is not None else node.kind)

    def _id(self, name: str, wanted: str | None = None) -> str:
        return self.ids.of(self.path + name, wanted)

    def lines(self) -> list[str]:
        lines: list[str] = []
        if self.extra.contract:
            text = self._text(self.extra.contract)
            lines.append(f"{self._id('contract:', 'contract')}{BOX.format(text)};")
        lines += [self._outside(_source_id(one), _shown(one)) for one in self._sources()]
        lines += self._inside(None)
        lines += [self._outside(f"to:{name}", name) for name in self._sinks()]
        return lines + [self._drawn(edge) for edge in self._edges()]

    def _outside(self, node_id: str, label: str) -> str:
        """An event that comes from outside, or goes nowhere."""
        return f"{self._id(node_id, label)}{OUTSIDE.format(mermaid_text(label))};"

    def _inside(self, block: str | None) -> list[str]:
        """The nodes that stand in a block but in none inside it, and the blocks inside it."""
        lines: list[str] = []
        for node in self.plan.nodes:
            if self._home(node.id) == block:
                lines += self._node(node)
        if self.is_detailed:
            return lines
        for inner in self.blocks.inside(block):
            opener = self.plan.by_id[inner]
            label = _OPENS[opener.kind]
            shown = label if opener.name in (opener.kind, "for_each") else f"{label} {opener.name}"
            name = self._id(f"block:{inner}", f"group_{opener.kind}")
            lines += [
                f"subgraph {name} [{mermaid_text(shown)}]",
                *indented(self._inside(inner)),
                "end",
            ]
        return lines

    def _home(self, node_id: str) -> str | None:
        return None if self.is_detailed else self.blocks.home(node_id)

    def _node(self, node: Node) -> Iterator[str]:
        if node.id in self.extra.inner:
            yield from self._sub_flow(node)
            return
        shape, label = self._shape(node)
        yield f"{self._id(node.id)}{shape.format(self._text(label))};"
        for number, (key, _) in enumerate(node.exits if node.kind == "match" else ()):
            text = mermaid_text(_case_label(node, number, key))
            yield f"{self._id(_case_id(node, key), 'case')}{CASE.format(text)};"

    def _sub_flow(self, node: Node) -> Iterator[str]:
        """A box with the picture of the child, and where its input and its result pass."""
        plan, extra = self.extra.inner[node.id]
        child = _Picture(plan, self.mode, extra, self.ids, f"{self.path}{node.id}/")
        box = self._id(f"box:{node.id}", f"subflow_{node.name}")
        yield f"subgraph {box} [{mermaid_text(node.name)}]"
        yield from indented([child.passage(IN), *child.lines(), child.passage(OUT)])
        yield "end"
        yield f"style {box} fill:#F6F8FB,stroke-dasharray: 5 5"

    def passage(self, name: str) -> str:
        """Where something passes between this flow and the one around it."""
        return f"{self._id(name)}{OUTSIDE.format(mermaid_text(name.strip(':')))};"

    def _shape(self, node: Node) -> tuple[str, list[str]]:
        """How an operator is drawn, and the lines of its label."""
        if node.kind == "chunk":
            return BOX, [*(["chunk"] if self.is_detailed else []), _chunk_label(node)]
        if node.kind in ("match", "gate"):
            mode = node.options.get("mode")
            label = "match" if node.kind == "match" else "when"
            return DIAMOND, [label, *([str(mode)] if self.is_detailed and mode else [])]
        opener = None if node.group is None else self.plan.by_id.get(node.group)
        if node.kind in ("gather", "merge") and opener is not None:
            shape = ROUND if opener.kind == "match" else DOUBLE
            return shape, [_ENDS.get(opener.kind, node.name)]
        if node.kind == "collect":
            return DOUBLE, [f"collect {node.name}", str(node.options.get("branch", ""))]
        if node.kind == "result_sink":
            return ROUND, ["result"]
        if node.kind == "point":
            return BOX, ["intervention point", node.name]
        label = _OPENS.get(node.kind, node.kind)
        return BOX, [label, *([node.name] if node.name not in (node.kind, "for_each") else [])]

    def _edges(self) -> Iterator[_Edge]:
        for node in self.plan.nodes:
            if node.kind == "match":
                for key, event in node.exits:
                    yield _Edge(node.id, _case_id(node, key), event)
            for signal in node.listens:
                yield from self._to(node, signal)
            if self.path and node.kind != "match" and not self.plan.after[node.id]:
                yield _Edge(node.id, OUT, node.emits)
        consumed = {event for kind, event in self.plan.listeners if kind == "event"}
        for node_id, names in self.extra.declares.items():
            for name in names:
                if name not in consumed:
                    yield _Edge(node_id, f"to:{name}", name, is_declared=True)

    def _to(self, node: Node, signal: Signal) -> Iterator[_Edge]:
        makers = self.produced.get(signal, ())
        if not makers:
            yield _Edge(_source_id(signal), node.id, _shown(signal), is_source=True)
        for maker, is_declared in makers:
            yield _Edge(maker, node.id, signal[1], is_declared=is_declared)

    def _sources(self) -> list[Signal]:
        return [signal for signal in self.plan.listeners if signal not in self.produced]

    def _sinks(self) -> list[str]:
        consumed = {event for kind, event in self.plan.listeners if kind == "event"}
        declared = (name for names in self.extra.declares.values() for name in names)
        return [name for name in dict.fromkeys(declared) if name not in consumed]

    def _drawn(self, edge: _Edge) -> str:
        inner = self.extra.inner
        source = self._id(f"{edge.source}/{OUT}" if edge.source in inner else edge.source)
        target = self._id(f"{edge.target}/{IN}" if edge.target in inner else edge.target)
        label = edge.event if self.is_detailed or edge.is_source or edge.is_declared else ""
        if edge.is_declared:
            return f"{source} -. {mermaid_text(label)} .-> {target};"
        return (
            f"{source} -->|{mermaid_text(label)}| {target};" if label else f"{source} --> {target};"
        )

    def _text(self, lines: Iterable[str]) -> str:
        return mermaid_text("\n".join(line for line in lines if line))


def _produced(plan: Blueprint, extra: Extra) -> dict[Signal, list[tuple[str, bool]]]:
    """Who gives off each event: a node, or one of its cases; and whether it only says so."""
    found: dict[Signal, list[tuple[str, bool]]] = {}
    for node in plan.nodes:
        if node.kind != "match":
            found.setdefault(("event", node.emits), []).append((node.id, False))
        for key, event in node.exits:
            maker = _case_id(node, key) if node.kind == "match" else node.id
            found.setdefault(("event", event), []).append((maker, False))
        for name in extra.declares.get(node.id, ()):
            found.setdefault(("event", name), []).append((node.id, True))
    return found


def _source_id(signal: Signal) -> str:
    return f"from:{signal[0]}:{signal[1]}"


def _case_id(node: Node, key: str) -> str:
    return f"{node.id}:case:{key}"


def _case_label(node: Node, number: int, key: str) -> str:
    """The condition's name, or the value that is compared with."""
    if key == ELSE:
        return "else"
    told = node.options["cases"][number]
    if "is" in told:
        return repr(told["is"])
    if told.get("if"):
        return str(told["if"])
    return str(told.get("type") or "<lambda>")


def _chunk_label(node: Node) -> str:
    if node.handler is not None:
        return node.name
    name = node.name.partition("@")[0]
    return "<lambda>" if name == "lambda" else name


def _shown(signal: Signal) -> str:
    kind, event = signal
    return event if kind == "event" else f"{kind}:{event}"
