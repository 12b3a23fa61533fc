# SPDX-License-Identifier: Apache-2.0
"""Everything wrong with a graph, as a list: edges, types, reachability, designated outputs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from holdfast.definition.edges import Edge
from holdfast.definition.graph import Graph
from holdfast.errors import (
    EdgeDuplicationError,
    GraphConnectivityError,
    TypeCompatibilityError,
    WorkflowValidationError,
)
from holdfast.workflow.designation import check_designation
from holdfast.workflow.executor import Executor
from holdfast.workflow.function_executor import FunctionExecutor
from holdfast.workflow.typing_match import fits, flatten_union

Executors = Mapping[str, Executor]


class ValidationTypeEnum(StrEnum):
    """What a validation error is about; the word that its text begins with."""

    EDGE_DUPLICATION = "EDGE_DUPLICATION"
    EXECUTOR_DUPLICATION = "EXECUTOR_DUPLICATION"
    TYPE_COMPATIBILITY = "TYPE_COMPATIBILITY"
    GRAPH_CONNECTIVITY = "GRAPH_CONNECTIVITY"
    HANDLER_OUTPUT_ANNOTATION = "HANDLER_OUTPUT_ANNOTATION"
    OUTPUT_VALIDATION = "OUTPUT_VALIDATION"
    STRICT = "STRICT"


def check(graph: Graph, executors: Executors) -> list[WorkflowValidationError]:
    """Give everything that keeps the graph from running, in the order to report it."""
    return [
        *_duplicates(graph),
        *_types_that_do_not_fit(graph, executors),
        *_unreachable(graph),
        *check_designation(graph, executors),
    ]


def remarks(graph: Graph) -> Iterator[tuple[int, str]]:
    """Give what is fine and yet worth a line in the log, with the level of it."""
    for edge in graph.edges():
        if edge.source == edge.target:
            yield logging.WARNING, f"The edge {edge.source} -> {edge.target} is a loop on itself."
    for node in graph.nodes:
        if not graph.out_groups(node.id):
            yield logging.INFO, f"The executor {node.id!r} has no outgoing edge."


def notices(graph: Graph, executors: Executors) -> list[str]:
    """Give what is probably not meant, one sentence each."""
    unchecked = [
        f"The types of the edge {edge.source} -> {edge.target} were not checked: "
        f"{edge.source!r} declares nothing that it sends."
        for edge in graph.edges()
        if not executors[edge.source].output_types
    ]
    in_vain = [
        f"What the function of {name!r} returns is ignored: send it with ctx.send_message, or "
        "yield it with ctx.yield_output."
        for name, one in executors.items()
        if isinstance(one, FunctionExecutor) and one.returns_in_vain
    ]
    return unchecked + in_vain


def _duplicates(graph: Graph) -> Iterator[WorkflowValidationError]:
    for edge_id, times in Counter(f"{e.source}->{e.target}" for e in graph.edges()).items():
        if times > 1:
            yield EdgeDuplicationError(
                f"The edge {edge_id} was added {times} times",
                hint="Add each edge once.",
                edge_id=edge_id,
                validation_type=ValidationTypeEnum.EDGE_DUPLICATION.value,
            )


def _types_that_do_not_fit(graph: Graph, executors: Executors) -> Iterator[WorkflowValidationError]:
    for group in graph.groups:
        for edge in group.edges():
            sent = executors[edge.source].output_types
            if group.kind == "fan_in":
                # Its target takes a list of what the sources send.
                sent = [list[one] for one in sent]  # type: ignore[valid-type]
            taken = executors[edge.target].input_types
            if sent and not any(fits(one, other) for one in sent for other in taken):
                yield _misfit(edge, sent, taken)


def _misfit(edge: Edge, sent: list[Any], taken: list[Any]) -> TypeCompatibilityError:
    return TypeCompatibilityError(
        f"{edge.source!r} sends {_names(sent)}; {edge.target!r} takes {_names(taken)}",
        hint="Add a handler for what is sent, or correct the annotations.",
        source_id=edge.source,
        target_id=edge.target,
        source_types=tuple(sent),
        target_types=tuple(taken),
        validation_type=ValidationTypeEnum.TYPE_COMPATIBILITY.value,
    )


def _names(forms: list[Any]) -> str:
    parts = [part for form in forms for part in flatten_union(form)]
    return ", ".join(part.__name__ if isinstance(part, type) else str(part) for part in parts)


def _unreachable(graph: Graph) -> Iterator[WorkflowValidationError]:
    edges = list(graph.edges())
    if edges and not any(graph.start in (edge.source, edge.target) for edge in edges):
        yield _not_connected(f"The start {graph.start!r} is on no edge", (graph.start,))
        return
    reached = {graph.start}
    waiting = [graph.start]
    while waiting:
        source = waiting.pop()
        for group in graph.out_groups(source):
            new = [target for target in group.targets if target not in reached]
            reached.update(new)
            waiting.extend(new)
    lost = tuple(sorted(node.id for node in graph.nodes if node.id not in reached))
    if lost:
        names = ", ".join(lost)
        yield _not_connected(f"Not reached from the start {graph.start!r}: {names}", lost)


def _not_connected(text: str, names: tuple[str, ...]) -> GraphConnectivityError:
    return GraphConnectivityError(
        text,
        hint="Add the edges that are missing, or leave these executors out.",
        executor_ids=names,
        validation_type=ValidationTypeEnum.GRAPH_CONNECTIVITY.value,
    )
