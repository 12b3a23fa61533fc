# SPDX-License-Identifier: Apache-2.0
"""A blueprint becomes the structure of a flow: its handlers are found by name, or it is refused.

Everything is looked up and checked before the flow changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.definition import flow_check
from holdfast.definition.blueprint import ELSE, SEPARATOR, Blueprint, Node
from holdfast.definition.retry import Tries
from holdfast.errors import DefinitionError, HandlersMissing
from holdfast.persistence.codec import Codec
from holdfast.triggerflow import conditions
from holdfast.triggerflow.child import Child
from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.conditions import Condition
from holdfast.triggerflow.contracts import Contract
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.shared import SharedData
from holdfast.triggerflow.wiring import Wiring


@dataclass(slots=True)
class Graph:
    """A structure with its functions, ready to be taken over by a flow.

    inner: the structures of sub-flows, by node, that are not bound yet; children: those that are.
    tries: how often and how long chunks are called, by node.
    """

    plan: Blueprint
    contract: Contract
    meta: Mapping[str, Any] = field(default_factory=dict)
    chunks: dict[str, Chunk] = field(default_factory=dict)
    cases: dict[str, tuple[Condition, ...]] = field(default_factory=dict)
    inner: dict[str, Graph] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    tries: dict[str, Tries] = field(default_factory=dict)


def bound(graph: Graph, wiring: Wiring, declared: Mapping[str, Iterable[str]]) -> Graph:
    """The graph with the functions that are registered under its names.

    The same functions serve the flows inside. declared: the events that chunks say they emit, by
    node. Raises: HandlersMissing with every name that is not registered, DefinitionError.
    """
    flow_check.check(graph.plan)
    refuse_missing(graph.plan, wiring)
    return _with_functions(graph, wiring, declared)


def _with_functions(graph: Graph, wiring: Wiring, declared: Mapping[str, Iterable[str]]) -> Graph:
    plan = graph.plan
    for node_id, inner in graph.inner.items():
        prefix = node_id + SEPARATOR
        inside = {
            name.removeprefix(prefix): events
            for name, events in declared.items()
            if name.startswith(prefix)
        }
        graph.children[node_id] = _child(_with_functions(inner, wiring, inside), wiring)
    graph.cases = {n.id: _cases_of(n, wiring) for n in plan.nodes if n.kind == "match"}
    graph.chunks = {
        node.id: Chunk(wiring.handlers[node.handler], node.id).declare_emits(
            *declared.get(node.id, ())
        )
        for node in plan.nodes
        if node.handler is not None
    }
    return graph


def _child(graph: Graph, around: Wiring) -> Child:
    """A flow that only a blueprint knows: it has functions, and no live things of its own."""
    made = Wiring(around.types.child())
    made.handlers = {chunk.name: chunk.function for chunk in graph.chunks.values()}
    take_over(made, graph)
    data = SharedData(Codec(made.types))
    return Child(graph.plan.name, made, Resources(), data, {}, is_live=False)


def refuse_missing(plan: Blueprint, wiring: Wiring) -> None:
    """Raises: HandlersMissing naming every handler and condition that nobody registered."""
    nodes = plan.by_id.values()
    told = [case for node in nodes for case in node.options.get("cases", ())]
    asked = {case["if"] for case in told if case.get("if")}
    wanted = {node.handler for node in nodes if node.handler}
    missing = tuple(sorted((wanted - wiring.handlers.keys()) | (asked - wiring.conditions.keys())))
    if missing:
        listed = ", ".join(repr(name) for name in missing)
        raise HandlersMissing(f"handlers not registered: {listed}", names=missing)
    nameless = [n.id for n in nodes if n.kind == "chunk" and not n.handler]
    if nameless:
        raise DefinitionError(f"blueprint node {nameless[0]!r} names no handler")


def _cases_of(node: Node, wiring: Wiring) -> tuple[Condition, ...]:
    cases = tuple(
        conditions.of_function(wiring.conditions[case["if"]], case["if"], position)
        if "if" in case
        else conditions.of_value(case["is"], position)
        for position, case in enumerate(node.options["cases"])
    )
    if [case.key for case in cases] != [key for key, _ in node.exits if key != ELSE]:
        raise DefinitionError(f"blueprint node {node.id!r}: its exits are not those of its cases")
    return cases


def graph_of(wiring: Wiring, name: str) -> Graph:
    """What a flow, or a blueprint object, is built of now; its functions come along."""
    plan = wiring.compiled(name).plan
    graph = Graph(plan, wiring.contract, wiring.meta, dict(wiring.chunks), dict(wiring.cases))
    graph.children = dict(wiring.children)
    graph.tries = dict(wiring.tries)
    return graph


def joined(wiring: Wiring, name: str, graph: Graph) -> Graph:
    """What the flow has and what comes to it as one graph; what both have is kept once.

    Raises: DefinitionError for a node, or a contract, that the two have differently.
    """
    mine = graph_of(wiring, name)
    nodes = {node.id: node for node in mine.plan.nodes}
    for node in graph.plan.nodes:
        if nodes.setdefault(node.id, node) != node:
            raise DefinitionError(
                f"node {node.id!r} already exists with a different definition",
                hint="Load with replace=True, or give one of the two another name.",
            )
    contract = mine.contract or graph.contract
    if graph.contract and contract.canonical() != graph.contract.canonical():
        raise DefinitionError("the flow already exists with a different contract")
    plan = Blueprint(name=name, nodes=tuple(nodes.values()))
    flow_check.check(plan)
    meta = {**graph.meta, **mine.meta}
    chunks = {**graph.chunks, **mine.chunks}
    both = Graph(plan, contract, meta, chunks, {**graph.cases, **mine.cases})
    both.children = {**graph.children, **mine.children}
    both.tries = {**graph.tries, **mine.tries}
    return both


def take_over(wiring: Wiring, graph: Graph) -> None:
    """Make the graph the structure of the flow; nothing can fail any more."""
    plan = graph.plan
    # What stands in a sub-flow is asked of its own flow each time, which may grow.
    wiring.nodes = {node.id: replace(node, inner=None) for node in plan.nodes}
    wiring.children = graph.children
    wiring.cases = graph.cases
    wiring.asked = {
        (node_id, case.identity): position
        for node_id, known in graph.cases.items()
        for position, case in enumerate(known)
        if case.identity is not None
    }
    wiring.collections = {
        node.group: node.options["mode"]
        for node in plan.nodes
        if node.kind == "collect" and node.group is not None
    }
    wiring.chunks = graph.chunks
    wiring.tries = graph.tries
    wiring.unnamed = {id(c.function): c for c in graph.chunks.values() if not c.is_named}
    wiring.meta = graph.meta
    if graph.contract.canonical() != wiring.contract.canonical():
        # One that says the same stays: it may have the classes that values are turned into.
        wiring.contract = graph.contract
    wiring.put_contract(wiring.contract)
