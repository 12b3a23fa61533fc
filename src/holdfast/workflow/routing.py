# SPDX-License-Identifier: Apache-2.0
"""Who takes each message: the targets of the sender's edges that can handle it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.definition.graph import Graph
from holdfast.machine.effects import Sent
from holdfast.workflow.executor import Executor

#: A message, its bytes in a kept run, and the one target it is for, if any.
Outgoing = tuple[Any, bytes | None, str | None]


def routed(
    graph: Graph, executors: Mapping[str, Executor], sender: str, outgoing: Iterable[Outgoing]
) -> tuple[tuple[Sent, ...], list[str]]:
    """The messages with their takers, and a sentence for each that nobody takes.

    An executor without edges ends the graph by design: what it sends goes nowhere, silently.
    """
    reachable = [target for group in graph.out_groups(sender) for target in group.targets]
    taken: list[Sent] = []
    dropped: list[str] = []
    for message, data, target_id in outgoing:
        aimed = reachable if target_id is None else [t for t in reachable if t == target_id]
        takers = tuple(t for t in aimed if executors[t].can_handle(message))
        if takers:
            taken.append(Sent(message, data, takers))
        elif reachable or target_id is not None:
            where = "along its edges" if target_id is None else f"to {target_id!r}"
            dropped.append(
                f"a {type(message).__name__} that {sender!r} sent {where} was dropped: "
                "no executor there takes it"
            )
    return tuple(taken), dropped
