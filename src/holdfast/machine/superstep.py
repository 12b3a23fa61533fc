# SPDX-License-Identifier: Apache-2.0
"""The machine of graphs: messages and state become visible together, at the barrier.

All messages sent in one superstep are delivered in the next: to each executor one at a time, in
the order of the senders' ids and then of sending, to different executors at once. A handler's
sends, writes and outputs enter the record when it ends, so an unfinished handler leaves no trace,
and a crash inside a superstep repeats only what had not ended. When the last one ends, writes are
applied in the order of executor ids and the barrier is a checkpoint.
"""

from __future__ import annotations

from typing import Any

from holdfast.definition.graph import Graph
from holdfast.machine import ending, frames, layout, ledger, state, waits
from holdfast.machine.effects import (
    Answered,
    AnsweredInside,
    Barrier,
    Began,
    Broken,
    Cancel,
    Effect,
    Ended,
    Failed,
    Finished,
    Input,
    Retried,
    Sent,
    Skipped,
    Stuck,
    Warn,
    Withdrawn,
)
from holdfast.machine.run import DUE, PARKED, Delivery, Frame, Grown, Output, Run, Wait


def step(run: Run, happened: Input) -> list[Effect]:
    """Take one input; the record is changed, the effects are to be performed after the commit."""
    match happened:
        case Finished():
            return finish(run, happened)
        case Answered():
            return answer(run, happened)
        case Failed():
            return fail(run, happened)
        case Retried():
            return retry(run, happened.delivery)
        case Skipped():
            return skip(run, happened.delivery)
        case Ended():
            return end(run, happened)
        case _:
            raise TypeError(f"a graph takes no {type(happened).__name__}")


def enter(run: Run, value: Any, data: bytes | None) -> list[Effect]:
    """Send the input to the start executor; at rest, that begins a superstep."""
    graph: Graph = run.plan
    frame = run.frames[0]
    frame.lap = 0
    _post(run, graph.start, (value, data), (f"{frames.OUTSIDE}{graph.start}",))
    run.status = "running"
    layout.mark_frame(run, 0)
    layout.mark_head(run)
    return begin(run)


def _post(
    run: Run,
    node: str,
    content: tuple[Any, bytes | None],
    sources: tuple[str, ...],
    wait: str | None = None,
) -> None:
    """Queue a message (its value and bytes) for the superstep after this one."""
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
        kind="message" if wait is None else "response",
        sources=sources,
        wait=wait,
    )
    run.deliveries[number] = delivery
    if run.status != "failed":
        run.live += 1
    frame.upcoming.append(delivery)
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)


def begin(run: Run) -> list[Effect]:
    """Start the superstep whose messages are queued; nothing if there are none."""
    frame = run.frames[0]
    coming = frame.upcoming
    if not coming or frame.open or run.status == "failed":
        return []
    stuck = frames.count(run, coming)
    if stuck >= 0:
        return [_stick(run, stuck)]
    if len(coming) > 1:
        coming.sort(key=_order)
    frame.upcoming = []
    frame.open = len(coming)
    effects: list[Effect] = [Began(frame.iteration + 1, _senders(coming))]
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


def _order(delivery: Delivery) -> tuple[tuple[str, ...], int]:
    return delivery.sources, delivery.id


def _senders(coming: list[Delivery]) -> tuple[str, ...]:
    if len(coming) == 1:
        return coming[0].sources
    return tuple(dict.fromkeys(source for d in coming for source in d.sources))


def finish(run: Run, done: Finished) -> list[Effect]:
    """A handler ended: what it sent waits for the barrier; its executor takes its next message."""
    delivery = done.delivery
    frame = run.frames[0]
    node = delivery.node
    for sent in done.sends:
        _send(run, node, sent)
    if done.writes:
        _stage(run, done)
    if done.outputs:
        _give_out(run, node, done)
    if done.hooks is not None:
        run.executors[node] = done.hooks
        if run.journal is not None:
            run.journal.put(f"executor/{node}", done.hooks)
    effects: list[Effect] = []
    for inside in done.answers:
        _answer_inside(run, inside, effects)
    _over(run, frame, delivery, effects)
    for wait in done.asks:
        waits.open_wait(run, wait)
    queue = frame.queues.get(node)
    if queue:
        effects.append(queue.pop(0))
    if frame.open == 0:
        _barrier(run, frame, effects)
    elif run.live == len(frame.upcoming):
        _stand(run)
    return effects


def skip(run: Run, delivery: Delivery) -> list[Effect]:
    """A parked delivery counts as done; `resume` starts what else is due."""
    delivery.status = DUE
    run.status = "running"
    run.error = None
    run.live = _count_due(run)
    return finish(run, Finished(delivery))


def _count_due(run: Run) -> int:
    return sum(delivery.status == DUE for delivery in run.deliveries.values())


def _stand(run: Run) -> None:
    """Nothing is under way: if all that is left of the superstep is parked, the run stands."""
    current = run.frames[0].iteration + 1
    at_hand = [d for d in run.deliveries.values() if d.step <= current]
    if at_hand and all(d.status == PARKED for d in at_hand):
        run.status = "failed"
        run.error = at_hand[0].error
        run.live = 0
        layout.mark_head(run)


def _send(run: Run, node: str, sent: Sent) -> None:
    source = (sent.source or node,)
    for target in sent.targets:
        _post(run, target, (sent.value, sent.data), source)


def _stage(run: Run, done: Finished) -> None:
    delivery = done.delivery
    staged = frames.of(run, delivery.frame).staged
    for write in done.writes:
        line = (delivery.node, write.key, write.value, write.data)
        staged.append(line)
        if run.journal is not None:
            name = f"staged/{delivery.frame}"
            run.journal.add(name, layout.staged_line(line, run.journal.codec))


def _give_out(run: Run, node: str, done: Finished) -> None:
    for kind, value, data in done.outputs:
        output = Output(node, kind, value)
        run.outputs.append(output)
        if run.journal is not None:
            run.journal.add("out", layout.output_line(output, run.journal.codec, data))


def _over(run: Run, frame: Frame, delivery: Delivery, effects: list[Effect]) -> None:
    number = delivery.id
    del run.deliveries[number]
    if run.status != "failed":
        # In a failed run nothing counts as under way; this one ended before it could be stopped.
        run.live -= 1
    if run.journal is not None:
        run.journal.drop(f"due/{number}")
        layout.mark_head(run)
    opened: list[Wait] = []
    if number in run.ledgers:
        opened = waits.asked_by(run, number)
        effects.extend(ledger.end(run, number))
    if delivery.wait is not None:
        waits.release(run, delivery.wait)
    for wait in opened:
        if wait.answered:
            _respond(run, wait)
        elif not wait.asked:
            waits.withdraw(run, wait)
            effects.append(Withdrawn(wait))
    # Counted last: what is sent up to here belongs to the superstep after this one.
    frame.open -= 1


def _barrier(run: Run, frame: Frame, effects: list[Effect]) -> None:
    """The superstep is over: writes become visible, then it counts as completed."""
    activated = tuple(frame.queues)
    frame.queues = {}
    wrote = False
    for number, each in run.frames.items():
        if each.staged:
            wrote = True
            _apply_writes(run, number, effects)
    frame.iteration += 1
    idle = not frame.upcoming
    if idle:
        if run.waits:
            effects.extend(waits.ask_outside(run))
        run.status = "waiting" if run.waits else "completed"
        layout.mark_head(run)
    effects.append(Barrier(frame.iteration, activated, wrote, idle))
    effects.extend(begin(run))
    if not frame.open:
        layout.mark_frame(run, 0)


def _apply_writes(run: Run, frame_id: int, effects: list[Effect]) -> None:
    frame = run.frames[frame_id]
    writers: dict[str, set[str]] = {}
    replaced: set[str] = set()
    staged = sorted(frame.staged, key=lambda write: write[0])
    for node, key, value, data in staged:
        writers.setdefault(key, set()).add(node)
        if isinstance(value, Grown):
            state.grow(run, key, value, frame_id)
        else:
            replaced.add(key)
            state.write(run, key, value, data, 0, frame_id)
    for key, nodes in writers.items():
        # Appends of several executors all stand, in the order of their ids.
        if len(nodes) > 1 and key in replaced:
            names = ", ".join(sorted(nodes))
            text = f"state key {key!r} was written by {names} in one superstep; {max(nodes)} wins"
            effects.append(Warn("state.conflict", text))
    frame.staged = []
    if run.journal is not None:
        run.journal.drop(f"staged/{frame_id}")


def answer(run: Run, answered: Answered) -> list[Effect]:
    """A request was answered: the response becomes a message to the executor that asked.

    Several answers make one superstep, so it is for the caller to `begin` it.
    """
    wait = waits.take_answer(run, answered)
    opener = run.deliveries.get(wait.opener)
    if opener is None or opener.status != DUE:
        _respond(run, wait)
        assert wait.origin is not None
        frames.answered(run, wait.origin.frame)
        if run.status != "failed":
            run.status = "running"
        layout.mark_head(run)
    return []


def _answer_inside(run: Run, inside: AnsweredInside, effects: list[Effect]) -> None:
    """The graph around a sub-workflow answers what that asked; anything else is told."""
    answered = inside.answer
    wait = run.waits.get(answered.wait_id)
    if wait is None or wait.answered or wait.origin is None or wait.via != inside.via:
        text = f"{inside.via!r} has no open request {answered.wait_id!r}; the response was dropped"
        effects.append(Warn("sub.no-request", text))
        return
    waits.take_answer(run, answered)
    _respond(run, wait)
    frames.answered(run, wait.origin.frame, run.plan.frame_of(inside.via))


def _respond(run: Run, wait: Wait) -> None:
    assert wait.origin is not None
    node = wait.origin.node
    waits.use(run, wait.id)
    data = None if run.journal is None else run.journal.codec.encode(wait.value, "response")
    _post(run, node, (wait.value, data), (f"{frames.OUTSIDE}{node}",), wait.id)


def fail(run: Run, failed: Failed) -> list[Effect]:
    """A handler failed for good: it is parked, the others stop, what had ended is kept."""
    delivery = failed.delivery
    delivery.status = PARKED
    delivery.error = failed.error
    # The others are due as well, but not under way: `resume` counts them again.
    run.live = 0
    run.frames[0].queues = {}
    run.status = "failed"
    run.error = failed.error
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)
        layout.mark_head(run)
    others = tuple(d.id for d in run.deliveries.values() if d.status == DUE and d is not delivery)
    effects: list[Effect] = [Cancel(others)] if others else []
    effects.append(Broken(0, delivery.id))
    return effects


def retry(run: Run, delivery: Delivery) -> list[Effect]:
    """A parked delivery counts as due again; `resume` starts what is due."""
    delivery.status = DUE
    delivery.error = None
    run.status = "running"
    run.error = None
    layout.mark_head(run)
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)
    return []


def load(run: Run) -> None:
    """Count again what is not written: what the superstep at hand has left, and what follows it.

    A parked delivery keeps the superstep open, so that nothing overtakes it.
    """
    frame = run.frames[0]
    for delivery in run.deliveries.values():
        frames.of(run, delivery.frame)
    current = frame.iteration + 1
    frame.upcoming = [d for d in run.deliveries.values() if d.step > current]
    frame.open = len(run.deliveries) - len(frame.upcoming)
    frame.queues = {}
    run.live = 0 if run.status == "failed" else _count_due(run)


def resume(run: Run) -> list[Effect]:
    """Take up a superstep that was interrupted: everything unfinished in it runs again."""
    load(run)
    frame = run.frames[0]
    current = frame.iteration + 1
    due = [d for d in run.deliveries.values() if d.step <= current and d.status == DUE]
    if not due:
        return []
    due.sort(key=_order)
    run.live = _count_due(run)
    if run.status == "failed":
        # Somebody decided that a run which did not converge goes on.
        frames.restart(run, due)
    run.status = "running"
    run.error = None
    effects: list[Effect] = [Began(current, _senders(due))]
    for delivery in due:
        queue = frame.queues.get(delivery.node)
        if queue is None:
            frame.queues[delivery.node] = []
            effects.extend(ledger.prepare_repeat(run, delivery))
            effects.append(delivery)
        else:
            queue.append(delivery)
    layout.mark_frame(run, 0)
    layout.mark_head(run)
    return effects


def end(run: Run, ended: Ended) -> list[Effect]:
    """The run ends: what is left of its work is dropped from the record."""
    effects = ending.drop_work(run, ended)
    frame = run.frames[0]
    frame.upcoming, frame.queues, frame.open = [], {}, 0
    for number, each in run.frames.items():
        each.staged = []
        if run.journal is not None:
            run.journal.drop(f"staged/{number}")
    return effects
