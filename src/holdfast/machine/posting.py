# SPDX-License-Identifier: Apache-2.0
"""Messages of graphs on their way into the record, and what counts as under way there."""

from __future__ import annotations

from typing import Any

from holdfast.definition.graph import Graph
from holdfast.machine import frames, layout
from holdfast.machine.run import DUE, Delivery, Run

#: Words for a run that stands: what is due in it is not under way.
STANDING = frozenset({"failed", "halted"})


def post(
    run: Run,
    node: str,
    content: tuple[Any, bytes | None],
    sources: tuple[str, ...],
    wait: str | None = None,
    kind: str = "message",
) -> None:
    """Queue a message (its value and bytes) for the superstep after this one."""
    # Many parameters because: they are what tells one message from another.
    frame = run.frames[0]
    graph: Graph = run.plan
    frame_id = 0
    if graph.subs:
        # A sub-workflow takes nothing itself: its start does.
        node = graph.entries.get(node, node)
        frame_id = graph.frame_of(node)
        frames.of(run, frame_id)
    number = run.next_delivery
    run.next_delivery = number + 1
    step_number = frame.iteration + (2 if frame.open else 1)
    delivery = Delivery(
        number,
        node,
        content[0],
        content[1],
        frame_id,
        step=step_number,
        kind=kind,
        sources=sources,
        wait=wait,
    )
    run.deliveries[number] = delivery
    if run.status not in STANDING:
        run.live += 1
    frame.upcoming.append(delivery)
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)


def wake(run: Run) -> None:
    """Something came from outside: a run that halted goes on with it."""
    if run.status == "halted":
        run.status = "running"
        run.live = count_due(run)


def count_due(run: Run) -> int:
    """How many deliveries are not parked."""
    return sum(delivery.status == DUE for delivery in run.deliveries.values())
