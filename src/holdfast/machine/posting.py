# SPDX-License-Identifier: Apache-2.0
"""Messages of graphs on their way into the record, and what counts as under way there."""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast.definition.graph import Graph
from holdfast.machine import frames, layout
from holdfast.machine.run import DUE, Delivery, Payload, Run

#: Words for a run that stands: what is due in it is not under way.
STANDING = frozenset({"failed", "halted"})

#: From this size on, a message that goes to several nodes is kept once beside them. Below it, a
#: part of its own would cost more than the copies.
SHARED_BYTES = 512


class Content(NamedTuple):
    """What a message holds. shared: the number of the `Payload` that keeps its bytes, or 0."""

    value: Any
    data: bytes | None
    shared: int = 0


def post_all(run: Run, nodes: tuple[str, ...], content: Content, source: str) -> None:
    """Queue one message for several nodes; large bytes are kept once."""
    data = content.data
    if len(nodes) > 1 and data is not None and len(data) >= SHARED_BYTES:
        number = run.next_delivery
        run.payloads[number] = Payload(data, len(nodes))
        if run.journal is not None:
            run.journal.put(f"payload/{number}", data)
        content = content._replace(shared=number)
    for node in nodes:
        post(run, node, content, (source,))


def unshare(run: Run, delivery: Delivery) -> None:
    """A delivery needs its payload no more; the last one of it takes it along."""
    payload = run.payloads.get(delivery.shared)
    if payload is None:
        return
    payload.users -= 1
    if not payload.users:
        del run.payloads[delivery.shared]
        if run.journal is not None:
            run.journal.drop(f"payload/{delivery.shared}")


def post(
    run: Run,
    node: str,
    content: Content,
    sources: tuple[str, ...],
    wait: str | None = None,
    kind: str = "message",
) -> None:
    """Queue a message for the superstep after this one."""
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
        content.value,
        content.data,
        frame_id,
        step=step_number,
        kind=kind,
        sources=sources,
        wait=wait,
        shared=content.shared,
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
