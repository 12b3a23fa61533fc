# SPDX-License-Identifier: Apache-2.0
"""The machine of graphs: messages and state become visible together, at the barrier.

All messages sent in one superstep are delivered in the next: to each executor one at a time, in
the order of the senders' ids and then of sending, to different executors at once. A handler's
sends, writes and outputs enter the record when it ends, so an unfinished handler leaves no trace,
and a crash inside a superstep repeats only what had not ended. When the last one ends, writes are
applied in the order of executor ids, fan-ins that are full call their targets, and the barrier is
a checkpoint.

A run *stands* when something stopped it with work left: a failure, the limit, a strict rule, or
an executor that asked for it. `resume` goes on.
"""

from __future__ import annotations

from typing import Any

from holdfast.definition.graph import Graph
from holdfast.machine import (
    barrier,
    ending,
    fan_in,
    frames,
    layout,
    ledger,
    retries,
    staging,
    waits,
)
from holdfast.machine.effects import (
    Answered,
    AnsweredInside,
    Began,
    Broken,
    CameDue,
    Cancel,
    Cancelled,
    Effect,
    Ended,
    Expired,
    Failed,
    Faltered,
    Finished,
    Input,
    Lapsed,
    Retried,
    Sent,
    Skipped,
    Unrouted,
    Warn,
    Withdrawn,
)
from holdfast.machine.posting import STANDING, Content, count_due, post, post_all, unshare, wake
from holdfast.machine.run import DUE, PARKED, Delivery, Frame, Output, Run, Wait


def step(run: Run, happened: Input) -> list[Effect]:  # noqa: PLR0911 - one for each kind of input
    """Take one input; the record is changed, the effects are to be performed after the commit."""
    match happened:
        case Finished():
            return finish(run, happened)
        case Answered():
            return answer(run, happened)
        case Expired() | Cancelled():
            return unanswered(run, happened)
        case Failed():
            return fail(run, happened.delivery, happened.error)
        case Faltered():
            return falter(run, happened)
        case CameDue():
            return come_due(run, happened)
        case Unrouted():
            return unrouted(run, happened)
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
    wake(run)
    post(run, graph.start, Content(value, data), (f"{frames.OUTSIDE}{graph.start}",))
    run.status = "running"
    layout.mark_frame(run, 0)
    layout.mark_head(run)
    return barrier.begin(run)


def finish(run: Run, done: Finished) -> list[Effect]:
    """A handler ended: what it sent waits for the barrier; its executor takes its next message."""
    delivery = done.delivery
    frame = run.frames[0]
    node = delivery.node
    for sent in done.sends:
        _send(run, node, sent)
    effects: list[Effect] = []
    _keep(run, done, effects)
    _over(run, frame, delivery, effects)
    queue = frame.queues.get(node)
    if queue:
        effects.append(queue.pop(0))
    if frame.open == 0:
        barrier.close(run, frame, effects)
    elif run.live == len(frame.upcoming):
        _stand(run)
    return effects


def _keep(run: Run, done: Finished, effects: list[Effect]) -> None:
    """Take into the record what a handler did, but for what it sent."""
    node = done.delivery.node
    if done.writes:
        staging.stage(run, done)
    if done.outputs:
        _give_out(run, node, done)
    if done.hooks is not None:
        run.executors[node] = done.hooks
        if run.journal is not None:
            run.journal.put(f"executor/{node}", done.hooks)
    if done.halt:
        run.frames[0].halting = True
        layout.mark_frame(run, 0)
    for inside in done.answers:
        _answer_inside(run, inside, effects)


def skip(run: Run, delivery: Delivery) -> list[Effect]:
    """A delivery that failed counts as done; `resume` starts what else is due."""
    retries.begin_anew(run, delivery)
    delivery.status = DUE
    run.status = "running"
    run.error = None
    run.live = count_due(run)
    return finish(run, Finished(delivery))


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
    source = sent.source or node
    post_all(run, sent.targets, Content(sent.value, sent.data), source)
    for name in sent.gathers:
        fan_in.take(run, name, source, (sent.value, sent.data))


def _give_out(run: Run, node: str, done: Finished) -> None:
    for kind, value, data in done.outputs:
        output = Output(node, kind, value)
        run.outputs.append(output)
        if run.journal is not None:
            run.journal.add("out", layout.output_line(output, run.journal.codec, data))


def _over(run: Run, frame: Frame, delivery: Delivery, effects: list[Effect]) -> None:
    number = delivery.id
    del run.deliveries[number]
    if delivery.shared:
        unshare(run, delivery)
    if run.status not in STANDING:
        # Where a run stands nothing counts as under way; this one ended before it was stopped.
        run.live -= 1
    if run.journal is not None:
        run.journal.drop(f"due/{number}")
        layout.mark_head(run)
    _ended(run, delivery, effects)
    # Counted last: what is sent up to here belongs to the superstep after this one.
    frame.open -= 1


def _ended(run: Run, delivery: Delivery, effects: list[Effect]) -> None:
    """The handler will not run again: its ledger goes, and what it asked is asked."""
    number = delivery.id
    opened: list[Wait] = []
    if number in run.ledgers:
        opened = waits.asked_by(run, number)
        effects.extend(ledger.end(run, number))
    if delivery.wait is not None:
        waits.release(run, delivery.wait)
    for wait in opened:
        if wait.answered:
            _apply(run, wait, effects)
        elif not wait.asked:
            waits.withdraw(run, wait)
            effects.append(Withdrawn(wait))


def answer(run: Run, answered: Answered) -> list[Effect]:
    """A request was answered: the response becomes a message to the executor that asked.

    Several answers make one superstep, so it is for the caller to `begin` it.
    """
    wait = waits.take_answer(run, answered)
    effects: list[Effect] = []
    if not _is_opener_busy(run, wait):
        _apply(run, wait, effects)
    return effects


def expire(run: Run, expired: Expired) -> list[Effect]:
    """A deadline settled a request: the default is its response; without one it is asked no more.

    A run that only waited for it has then completed. The caller is to `begin`, as for answers.
    """
    wait = waits.take_expiry(run, expired)
    effects: list[Effect] = [Lapsed(wait)]
    if not _is_opener_busy(run, wait):
        _apply(run, wait, effects)
        if run.status == "waiting" and not run.waits:
            run.status = "completed"
            layout.mark_head(run)
    return effects


def unanswered(run: Run, happened: Expired | Cancelled) -> list[Effect]:
    """A request ends without anybody's answer."""
    return expire(run, happened) if isinstance(happened, Expired) else unask(run, happened)


def unask(run: Run, cancelled: Cancelled) -> list[Effect]:
    """A request is asked no more; a run that only waited for it has then completed."""
    wait = run.waits.get(cancelled.wait_id)
    if wait is None or wait.answered:
        return []
    waits.cancel(run, wait)
    if run.status == "waiting" and not run.waits:
        run.status = "completed"
    layout.mark_head(run)
    return [Withdrawn(wait)]


def _is_opener_busy(run: Run, wait: Wait) -> bool:
    opener = run.deliveries.get(wait.opener)
    return opener is not None


def _apply(run: Run, wait: Wait, effects: list[Effect]) -> None:
    """A settled request takes effect: its opener has ended."""
    if not waits.has_value(wait):
        effects.append(Warn("wait.expired", waits.lapse_text(wait)))
        waits.release(run, wait.id)
        return
    wake(run)
    _respond(run, wait)
    assert wait.origin is not None
    frames.answered(run, wait.origin.frame)
    if run.status != "failed":
        run.status = "running"
    layout.mark_head(run)


def _answer_inside(run: Run, inside: AnsweredInside, effects: list[Effect]) -> None:
    """The graph around a sub-workflow answers what that asked; anything else is told."""
    answered = inside.answer
    wait = waits.open_inside(run, answered.wait_id, inside.via)
    if wait is None:
        text = waits.no_request_text(answered.wait_id, inside.via)
        effects.append(Warn("request.unknown", f"{text}; the response was dropped"))
        return
    waits.take_answer(run, answered)
    _respond(run, wait)
    assert wait.origin is not None
    frames.answered(run, wait.origin.frame, run.plan.frame_of(inside.via))


def _respond(run: Run, wait: Wait) -> None:
    assert wait.origin is not None
    node = wait.origin.node
    waits.use(run, wait.id)
    data = None if run.journal is None else run.journal.codec.encode(wait.value, "response")
    post(run, node, Content(wait.value, data), (f"{frames.OUTSIDE}{node}",), wait.id, "response")


def unrouted(run: Run, happened: Unrouted) -> list[Effect]:
    """A handler ended, and a predicate failed: what it did is kept, what it sent is parked."""
    done = happened.done
    delivery = done.delivery
    effects: list[Effect] = []
    for sent in done.sends:
        _send(run, delivery.node, sent)
    _keep(run, done, effects)
    _ended(run, delivery, effects)
    if delivery.shared:
        unshare(run, delivery)
        delivery.shared = 0
    delivery.kind = "routing"
    delivery.payload = list(happened.messages)
    delivery.wait = None
    delivery.data = None
    if run.journal is not None:
        delivery.data = layout.unsent_data(happened.messages, run.journal.codec)
    return effects + fail(run, delivery, happened.error)


def fail(run: Run, delivery: Delivery, error: str) -> list[Effect]:
    """A handler failed for good: it is parked, the others stop, what had ended is kept."""
    delivery.status = PARKED
    delivery.error = error
    retries.rest(run, delivery)
    delivery.again_at = 0.0
    for other in retries.waiting(run):
        retries.rest(run, other)
    # The others are due as well, but not under way: `resume` counts them again.
    run.live = 0
    run.frames[0].queues = {}
    run.status = "failed"
    run.error = error
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)
        layout.mark_head(run)
    others = tuple(d.id for d in run.deliveries.values() if d.status == DUE and d is not delivery)
    effects: list[Effect] = [Cancel(others)] if others else []
    effects.append(Broken(0, delivery.id))
    return effects


def falter(run: Run, faltered: Faltered) -> list[Effect]:
    """A handler failed and is called again; in a run that stands by now, `resume` sees to that."""
    effects = retries.falter(run, faltered)
    if run.status in STANDING and faltered.delivery in effects:
        retries.rest(run, faltered.delivery)
        effects.remove(faltered.delivery)
    return effects


def come_due(run: Run, came: CameDue) -> list[Effect]:
    """The time has come to call a handler again, unless the run stands."""
    if run.status in STANDING:
        retries.rest(run, came.delivery)
        return []
    return retries.come_due(run, came)


def retry(run: Run, delivery: Delivery) -> list[Effect]:
    """A parked delivery counts as due again; `resume` starts what is due.

    One that waits to be called again, in a run that goes on, is called now.
    """
    is_called_now = delivery.status == DUE and run.status not in STANDING
    retries.begin_anew(run, delivery)
    delivery.status = DUE
    delivery.error = None
    run.status = "running"
    run.error = None
    layout.mark_head(run)
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)
    return [delivery] if is_called_now else []


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
    if run.gathers:
        fan_in.recount(run)
    for each in run.frames.values():
        staging.index(each)
    run.live = 0 if run.status in STANDING else count_due(run)


def resume(run: Run) -> list[Effect]:
    """Take up a superstep that was interrupted: everything unfinished in it runs again."""
    load(run)
    frame = run.frames[0]
    current = frame.iteration + 1
    due = [d for d in run.deliveries.values() if d.step <= current and d.status == DUE]
    if not due:
        return _let_on(run, frame)
    due.sort(key=barrier.in_order)
    run.live = count_due(run)
    if run.status in STANDING:
        # Somebody decided that a run which did not converge, or halted, goes on.
        frames.restart(run, due)
    run.status = "running"
    run.error = None
    effects: list[Effect] = [Began(current, barrier.senders_of(due))]
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


def _let_on(run: Run, frame: Frame) -> list[Effect]:
    """Somebody decided that a run which a strict rule stopped at a barrier goes on."""
    effects: list[Effect] = []
    if run.status != "failed" or frame.open:
        return effects
    run.status = "running"
    run.error = None
    run.live = count_due(run)
    if any(each.staged for each in run.frames.values()):
        barrier.close(run, frame, effects, by_decision=True)
    else:
        barrier.come_to_rest(run, effects, strict=False)
    return effects


def end(run: Run, ended: Ended) -> list[Effect]:
    """The run ends: what is left of its work is dropped from the record."""
    effects = ending.drop_work(run, ended)
    frame = run.frames[0]
    frame.upcoming, frame.queues, frame.open = [], {}, 0
    for number in run.frames:
        staging.drop(run, number)
    if run.gathers:
        if ended.status == "completed":
            effects.extend(fan_in.unfilled(run))
        fan_in.drop(run)
    return effects
