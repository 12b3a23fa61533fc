# SPDX-License-Identifier: Apache-2.0
"""Fan-ins of graphs: messages of several sources become one list for one target.

A message goes into the record when its handler ends. The barrier decides which fan-ins are full,
so that what one source sends in a superstep comes together whatever order handlers ended in. A
list is in the order of the sources as declared, then of sending. What is left when the run comes
to rest can never be filled: it is dropped with a warning that names who did not send.
"""

from __future__ import annotations

from typing import Any

from holdfast.definition.edges import EdgeGroup
from holdfast.definition.graph import Graph
from holdfast.machine import layout
from holdfast.machine.effects import Warn
from holdfast.machine.run import Gather, Run


def take(run: Run, name: str, source: str, content: tuple[Any, bytes | None]) -> None:
    """A message (its value and bytes) came to a fan-in."""
    gather = run.gathers.get(name)
    if gather is None:
        gather = run.gathers[name] = Gather()
    line = (source, *content)
    gather.lines.append(line)
    gather.sources.add(source)
    run.frames[0].arrived.add(name)
    if run.journal is not None:
        run.journal.add(f"gather/{name}", layout.gather_line(line, run.journal.codec))


def full(run: Run) -> list[EdgeGroup]:
    """At the barrier: the fan-ins that are to call their targets, by name; others stay."""
    root = run.frames[0]
    if not root.arrived:
        return []
    graph: Graph = run.plan
    arrived, root.arrived = sorted(root.arrived), set()
    return [
        group
        for group in map(graph.fan_in, arrived)
        if group is not None and _is_full(group, run.gathers[group.name])
    ]


def _is_full(group: EdgeGroup, gather: Gather) -> bool:
    if group.when == "settled":
        return False
    return group.when == "any" or len(gather.sources) == len(group.sources)


def settled(run: Run) -> list[EdgeGroup]:
    """The fan-ins to which nobody else can send any more, as far as is known now.

    Who can: whoever has a message or an open question, or comes after somebody who has; and the
    targets of other fan-ins that wait, with all that come after them. Where fan-ins wait for each
    other alone, the one declared first goes on.
    """
    graph: Graph = run.plan
    waiting = [group for group in map(graph.fan_in, graph.settling) if group is not None]
    waiting = [group for group in waiting if group.name in run.gathers]
    if not waiting:
        return []
    pending = {delivery.node for delivery in run.frames[0].upcoming}
    pending |= {
        wait.origin.node
        for wait in run.waits.values()
        if wait.origin is not None and not wait.answered
    }
    found = []
    for group in waiting:
        around = pending | {other.targets[0] for other in waiting if other is not group}
        if not _may_come(graph, group, run.gathers[group.name], around):
            found.append(group)
    return found or ([] if pending else waiting[:1])


def _may_come(graph: Graph, group: EdgeGroup, gather: Gather, pending: set[str]) -> bool:
    return any(
        not pending.isdisjoint(graph.leading_to(source))
        for source in group.sources
        if source not in gather.sources
    )


def take_out(run: Run, group: EdgeGroup) -> tuple[list[Any], bytes | None, tuple[str, ...]]:
    """The list for the target, its bytes in a kept run, and who sent it; the fan-in starts over."""
    gather = run.gathers.pop(group.name)
    place = {source: index for index, source in enumerate(group.sources)}
    lines = sorted(gather.lines, key=lambda line: place.get(line[0], len(place)))
    data = None
    if run.journal is not None:
        codec = run.journal.codec
        run.journal.drop(f"gather/{group.name}")
        data = layout.list_of(lines, codec, f"message for {group.targets[0]}")
    senders = tuple(source for source in group.sources if source in gather.sources)
    return [value for _, value, _ in lines], data, senders


def unfilled(run: Run) -> list[Warn]:
    """What is told about the fan-ins that wait although nothing can fill them."""
    return [_never(run, name, run.gathers[name]) for name in sorted(run.gathers)]


def _never(run: Run, name: str, gather: Gather) -> Warn:
    graph: Graph = run.plan
    group = graph.fan_in(name)
    expected = () if group is None else group.sources
    missing = ", ".join(source for source in expected if source not in gather.sources)
    came = ", ".join(sorted(gather.sources))
    return Warn(
        "fan-in.never-filled",
        f"fan-in {name!r} had only {came} when nothing more could come; missing: {missing}",
    )


def recount(run: Run) -> None:
    """After a load: all that wait are looked at; who is no source any more fills nothing."""
    graph: Graph = run.plan
    run.frames[0].arrived = set(run.gathers)
    for name, gather in run.gathers.items():
        group = graph.fan_in(name)
        if group is not None:
            gather.sources.intersection_update(group.sources)


def drop(run: Run) -> None:
    """Forget what waits in fan-ins."""
    if run.journal is not None:
        for name in run.gathers:
            run.journal.drop(f"gather/{name}")
    run.gathers = {}
    run.frames[0].arrived = set()
