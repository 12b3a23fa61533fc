# SPDX-License-Identifier: Apache-2.0
"""Frames of a graph's run: each sub-workflow has a state and a limit of supersteps of its own.

Supersteps and the barrier are common to all frames. A frame counts those in which one of its own
nodes is called, or a sub-workflow of its own takes a message: so a long sub-workflow does not use
up the limit of the graph around it, and a ring of sub-workflows still meets that limit. The count
begins anew with every input or answer from outside of the frame.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.definition.graph import Graph
from holdfast.machine import layout
from holdfast.machine.run import Delivery, Frame, Run

#: What the input and the answers come from, before the id of the node that takes them.
OUTSIDE = "internal:"


def of(run: Run, number: int) -> Frame:
    """The frame of a number; its first use makes it."""
    frame = run.frames.get(number)
    if frame is None:
        frame = run.frames[number] = Frame()
        layout.mark_frame(run, number)
    return frame


def count(run: Run, coming: Iterable[Delivery]) -> int:
    """Count the superstep that begins; the number of a frame that is at its limit, or -1.

    Nothing is counted if there is one.
    """
    graph: Graph = run.plan
    if not graph.subs:
        root = run.frames[0]
        if root.lap >= graph.max_iterations:
            return 0
        root.lap += 1
        if run.journal is not None:
            layout.mark_frame(run, 0)
        return -1
    taking, entered = _touched(graph, coming)
    for number in entered:
        of(run, number).lap = 0
    for number in sorted(taking):
        if of(run, number).lap >= _limit(graph, number):
            return number
    for number in taking:
        run.frames[number].lap += 1
        layout.mark_frame(run, number)
    if 0 not in taking:
        layout.mark_frame(run, 0)
    return -1


def restart(run: Run, due: Iterable[Delivery]) -> None:
    """A run that stood goes on by decision: the superstep at hand is the first that counts."""
    graph: Graph = run.plan
    taking = _touched(graph, due)[0] if graph.subs else {0}
    for number in taking:
        of(run, number).lap = 1
        layout.mark_frame(run, number)


def answered(run: Run, number: int, upto: int = -1) -> None:
    """Something came from outside of a frame and of those around it, below *upto*."""
    graph: Graph = run.plan
    while number != upto:
        of(run, number).lap = 0
        layout.mark_frame(run, number)
        if not number:
            return
        number = graph.parents[number]


def limit_of(run: Run, number: int) -> tuple[int, str]:
    """The limit of a frame, and the path of its sub-workflow."""
    graph: Graph = run.plan
    return _limit(graph, number), graph.frames[number].path if number else ""


def _limit(graph: Graph, number: int) -> int:
    return graph.frames[number].max_iterations if number else graph.max_iterations


def _touched(graph: Graph, coming: Iterable[Delivery]) -> tuple[set[int], set[int]]:
    """The frames that take part in a superstep, and those entered from the frame around them."""
    taking: set[int] = set()
    entered: set[int] = set()
    for delivery in coming:
        frame = delivery.frame
        taking.add(frame)
        source = graph.frame_of(delivery.sources[0].removeprefix(OUTSIDE))
        while frame and frame != source:
            entered.add(frame)
            frame = graph.parents[frame]
            taking.add(frame)
    return taking, entered
