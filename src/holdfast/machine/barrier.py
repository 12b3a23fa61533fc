# SPDX-License-Identifier: Apache-2.0
"""The barrier of graphs: where one superstep ends and the next begins."""

from __future__ import annotations

from holdfast.definition.edges import EdgeGroup
from holdfast.definition.graph import Graph
from holdfast.machine import fan_in, frames, layout, staging, waits
from holdfast.machine.effects import Barrier, Began, Effect, Refused, Stuck, Warn
from holdfast.machine.posting import STANDING, Content, post
from holdfast.machine.run import Delivery, Frame, Run


def begin(run: Run) -> list[Effect]:
    """Start the superstep whose messages are queued; nothing if there are none."""
    frame = run.frames[0]
    coming = frame.upcoming
    if not coming or frame.open or run.status in STANDING:
        return []
    stuck = frames.count(run, coming)
    if stuck >= 0:
        return [_stick(run, stuck)]
    if len(coming) > 1:
        coming.sort(key=in_order)
    frame.upcoming = []
    frame.open = len(coming)
    effects: list[Effect] = [Began(frame.iteration + 1, senders_of(coming))]
    queues = frame.queues
    for delivery in coming:
        queue = queues.get(delivery.node)
        if queue is None:
            queues[delivery.node] = []
            effects.append(delivery)
        else:
            queue.append(delivery)
    return effects


def _stick(run: Run, frame_id: int) -> Stuck:
    limit, path = frames.limit_of(run, frame_id)
    run.live = 0
    run.status = "failed"
    where = f"sub-workflow {path!r}: " if path else ""
    run.error = f"{where}not converged after {limit} supersteps"
    layout.mark_head(run)
    return Stuck(limit, path)


def in_order(delivery: Delivery) -> tuple[tuple[str, ...], int]:
    """What deliveries of one superstep are sorted by: who sent them, then when."""
    return delivery.sources, delivery.id


def senders_of(coming: list[Delivery]) -> tuple[str, ...]:
    """Who sent the messages of a superstep, each once."""
    if len(coming) == 1:
        return coming[0].sources
    return tuple(dict.fromkeys(source for d in coming for source in d.sources))


def close(run: Run, frame: Frame, effects: list[Effect], *, by_decision: bool = False) -> None:
    """The superstep is over: writes become visible, then it counts as completed.

    by_decision: somebody lets a strict run go on.
    """
    strict = not by_decision
    if len(run.frames) == 1:
        wrote = bool(frame.staged)
    else:
        wrote = any(each.staged for each in run.frames.values())
    if wrote and not _publish(run, effects, strict=strict):
        return
    activated = tuple(frame.queues)
    frame.queues = {}
    frame.iteration += 1
    if run.gathers:
        _gather(run)
    idle = not frame.upcoming
    refused = None
    if idle:
        refused = come_to_rest(run, effects, strict=strict)
    elif frame.halting:
        run.status, run.live = "halted", 0
        layout.mark_head(run)
    frame.halting = False
    effects.append(Barrier(frame.iteration, activated, wrote, idle))
    if refused is not None:
        effects.append(refused)
    effects.extend(begin(run))
    if not frame.open:
        layout.mark_frame(run, 0)


def _publish(run: Run, effects: list[Effect], *, strict: bool) -> bool:
    """Make staged writes visible; False if they contradict each other and that is an error."""
    graph: Graph = run.plan
    for number, frame in run.frames.items():
        texts = staging.conflicts(frame) if frame.staged else []
        if texts and strict and (graph.strict or graph.strict_state):
            effects.append(_refuse(run, Warn("state.conflict", texts[0])))
            return False
        effects.extend(Warn("state.conflict", text) for text in texts)
        if frame.staged:
            staging.apply(run, number)
    return True


def _gather(run: Run) -> None:
    """Let the fan-ins that are full call their targets."""
    for group in fan_in.full(run):
        _call_target(run, group)
    graph: Graph = run.plan
    if graph.settling:
        for group in fan_in.settled(run):
            _call_target(run, group)


def _call_target(run: Run, group: EdgeGroup) -> None:
    values, data, senders = fan_in.take_out(run, group)
    post(run, group.targets[0], Content(values, data), senders, kind="gathered")


def come_to_rest(run: Run, effects: list[Effect], *, strict: bool) -> Refused | None:
    """Nothing is sent on: the run waits for answers, or is complete."""
    if run.waits:
        left = waits.left_inside(run)
        if left and run.plan.strict and strict:
            return _refuse(run, Warn("request.unanswered", waits.unanswered_text(left[0])))
        effects.extend(waits.ask_outside(run, left))
    run.status = "waiting" if run.waits else "completed"
    layout.mark_head(run)
    if not run.gathers or run.waits:
        return None
    told = fan_in.unfilled(run)
    if run.plan.strict and strict:
        return _refuse(run, told[0])
    effects.extend(told)
    fan_in.drop(run)
    return None


def _refuse(run: Run, warning: Warn) -> Refused:
    """What would be told stops the run."""
    run.status = "failed"
    run.error = warning.text
    run.live = 0
    layout.mark_head(run)
    return Refused(warning.code, warning.text)
