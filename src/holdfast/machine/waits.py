# SPDX-License-Identifier: Apache-2.0
"""Waits: questions that a run has open, settled once: by an answer, or by their deadline.

An answer is applied when the delivery that opened the wait has ended, because until then a crash
would run the opener again and ask again. A repeat that does not ask again withdraws the wait.
An answered wait stays in the record while what it made due is unfinished; then only a line of
constant size is left, and of those the last thirty-two.
"""

from __future__ import annotations

from typing import Any

from holdfast.definition.schema_check import problems
from holdfast.definition.subgraph import SEPARATOR
from holdfast.errors import (
    AlreadyAnswered,
    AnswerConflict,
    AnswerRefused,
    InternalError,
    WaitClosed,
    WaitExists,
    WaitExpired,
    WaitNotFound,
)
from holdfast.machine import layout, scopes, timers
from holdfast.machine.effects import Answered, AskedOutside, Effect, Expired
from holdfast.machine.run import Delivery, Ledger, Run, Settled, Wait


def open_wait(run: Run, wait: Wait) -> None:
    """Ask. Raises: WaitExists if the id is open and the same opener has not asked it before."""
    before = run.waits.get(wait.id)
    if before is not None and not before.answered:
        raise WaitExists(
            f"wait {wait.id!r} is still open",
            run_id=run.run_id,
            wait_id=wait.id,
        )
    if before is not None and before.users:
        set_aside(run, before)
    elif before is not None:
        _settle(run, before, _outcome(before))
    wait.generation = _next_generation(run, wait.id)
    run.waits[wait.id] = wait
    layout.mark_change(run)
    note_opener(run, wait)
    watch(run, wait)
    if wait.scope:
        scopes.enter_waiting(run, wait.scope)
    if run.journal is not None:
        layout.mark_wait(run.journal, wait)


def _next_generation(run: Run, wait_id: str) -> int:
    """How many waits the run has ever opened: it rises although old lines are forgotten.

    One that was set aside is counted twice while it lasts, so the id's own lines are asked too.
    """
    opened = run.next_settled + len(run.waits)
    return max([opened, *(line.generation for line in run.settled if line.id == wait_id)]) + 1


def set_aside(run: Run, wait: Wait) -> None:
    """Free the id of an answered wait, which those that its answer made due still look at.

    For everybody else it is settled from here on.
    """
    _drop(run, wait)
    _write_line(run, wait, _outcome(wait))
    wait.aside = f"{wait.id}{layout.ASIDE}{wait.generation}"
    run.waits[wait.aside] = wait
    journal = run.journal
    if journal is not None:
        layout.mark_wait(journal, wait)
    for delivery in run.deliveries.values():
        if delivery.wait == wait.id:
            delivery.wait = wait.aside
            if journal is not None:
                layout.mark_due(journal, delivery)


def id_of(key: str) -> str:
    """The id of the wait that is kept under a key."""
    return key.partition(layout.ASIDE)[0]


def watch(run: Run, wait: Wait) -> None:
    """Set the timer of an open wait that has a deadline."""
    if wait.deadline is not None and not wait.answered:
        timers.start(run, timers.WAIT, wait.id, wait.deadline)


def leave_to(run: Run, wait: Wait, delivery_id: int) -> None:
    """Let an answer take effect when this delivery has ended, if it is unfinished."""
    if delivery_id not in run.deliveries:
        return
    wait.opener = delivery_id
    wait.asked = True
    note_opener(run, wait)
    if run.journal is not None:
        layout.mark_wait(run.journal, wait)


def asked_by(run: Run, delivery_id: int) -> list[Wait]:
    """The waits that a delivery has opened and that are still in the record.

    Look before its ledger goes: that names them, so that a delivery that never asked costs
    nothing, however many waits are open.
    """
    ledger = run.ledgers.get(delivery_id)
    if ledger is None:
        return []
    found = [run.waits[wait_id] for wait_id in ledger.asked if wait_id in run.waits]
    return [wait for wait in found if wait.opener == delivery_id and not wait.users]


def note_opener(run: Run, wait: Wait) -> None:
    """Let the ledger of the opener name the wait."""
    if wait.opener in run.deliveries:
        asked = run.ledgers.setdefault(wait.opener, Ledger()).asked
        if wait.id not in asked:
            asked.append(wait.id)


def judge(run: Run, wait_id: str, request_id: str | None, digest: str | None) -> Settled | None:
    """Whether an answer may settle the wait: None for yes, the line of the one it repeats.

    Raises: WaitNotFound, AnswerConflict, AlreadyAnswered, WaitExpired, WaitClosed.
    """
    facts: dict[str, Any] = {"run_id": run.run_id, "wait_id": wait_id}
    wait = run.waits.get(wait_id)
    lines = [line for line in run.settled if line.id == wait_id]
    if wait is not None and wait.answered:
        lines.append(_line(wait, _outcome(wait)))
    for line in lines:
        if request_id is not None and line.request_id == request_id:
            if line.digest != digest:
                raise AnswerConflict(
                    f"conflicting resume_request_id for {wait_id!r}: "
                    "it came before with another value",
                    **facts,
                )
            return line
    if wait is not None and not wait.answered:
        if run.lifecycle == "closed":
            raise WaitClosed(f"wait {wait_id!r}: its run has ended", **facts)
        return None
    if not lines:
        raise WaitNotFound(f"no wait {wait_id!r} in run {run.run_id!r}", **facts)
    last = lines[-1]
    if last.status == "answered":
        raise AlreadyAnswered(
            f"wait {wait_id!r} was answered before", actor=last.actor, settled_at=last.at, **facts
        )
    if last.status == "expired":
        raise WaitExpired(f"the deadline of wait {wait_id!r} has passed", **facts)
    raise WaitClosed(f"wait {wait_id!r} was {last.status}", **facts)


def check_fits(run_id: str, wait_id: str, schema: dict[str, Any] | None, value: Any) -> None:
    """Raises: AnswerRefused if the schema of a wait does not take the value."""
    found = problems(schema, value) if schema is not None else ()
    if found:
        raise AnswerRefused(
            f"the answer to {wait_id!r} does not fit: {'; '.join(found)}",
            run_id=run_id,
            wait_id=wait_id,
            problems=found,
        )


def take_answer(run: Run, answered: Answered) -> Wait:
    """Write the answer into the wait; it is settled from here on."""
    wait = _settling(run, answered.wait_id, answered.at)
    wait.value = answered.value
    wait.digest = answered.digest
    wait.request_id = answered.request_id
    wait.actor = answered.actor
    return wait


def take_expiry(run: Run, expired: Expired) -> Wait:
    """The deadline settles the wait; a default is its value from here on."""
    wait = _settling(run, expired.wait_id, expired.at)
    wait.expired = True
    if wait.lapse == "default":
        wait.value = wait.default
    return wait


def _settling(run: Run, wait_id: str, at: float) -> Wait:
    wait = run.waits.get(wait_id)
    if wait is None or wait.answered:
        raise InternalError(f"wait {wait_id!r} was settled twice")
    wait.answered = True
    wait.settled_at = at
    layout.mark_change(run)
    timers.drop(run, timers.WAIT, wait_id)
    if run.journal is not None:
        layout.mark_wait(run.journal, wait)
    return wait


def has_value(wait: Wait) -> bool:
    """Whether something answered the wait: somebody, or the default that its deadline brought."""
    return wait.answered and (not wait.expired or wait.lapse == "default")


def lapse_text(wait: Wait) -> str:
    """What a watcher is told of a wait that nothing answered."""
    return f"nobody answered {wait.id!r} before its deadline"


def use(run: Run, wait_id: str) -> None:
    """One more delivery continues the answered wait."""
    run.waits[wait_id].users += 1


def release(run: Run, wait_id: str) -> None:
    """One delivery less; the last one leaves only a line behind."""
    wait = run.waits.get(wait_id)
    if wait is None or not wait.answered:
        return
    wait.users -= 1
    if wait.users <= 0:
        _settle(run, wait, _outcome(wait))


def open_inside(run: Run, wait_id: str, path: str) -> Wait | None:
    """The request that the graph around a sub-workflow may answer: it was offered it.

    That holds although it left it unanswered once, and the outside is asked since then.
    """
    wait = run.waits.get(wait_id)
    if wait is None or wait.answered or wait.origin is None:
        return None
    is_its = wait.via == path if wait.via else wait.origin.node.startswith(path + SEPARATOR)
    return wait if is_its else None


def no_request_text(wait_id: str, path: str) -> str:
    """What is told about a response to a request that is not open there."""
    return f"{path!r} has no open request {wait_id!r}"


def left_inside(run: Run) -> list[Wait]:
    """The run rests: what only graphs around sub-workflows were asked, and would wait for ever.

    Nothing, while somebody outside is asked something else: that may bring them to answer.
    """
    unanswered = [wait for wait in run.waits.values() if not wait.answered]
    return unanswered if all(wait.via for wait in unanswered) else []


def ask_outside(run: Run, left: list[Wait]) -> list[Effect]:
    """So these are asked of the outside."""
    for wait in left:
        wait.via = ""
        if run.journal is not None:
            layout.mark_wait(run.journal, wait)
    return [AskedOutside(wait) for wait in left]


def unanswered_text(wait: Wait) -> str:
    """What is told about a request that nobody inside has answered."""
    assert wait.origin is not None
    return f"request {wait.id!r} of {wait.origin.node!r} was taken inside and not answered"


def withdraw(run: Run, wait: Wait) -> None:
    """The opener's repeat did not ask again."""
    _settle(run, wait, "withdrawn")


def cancel(run: Run, wait: Wait) -> None:
    """The wait is asked no more, by decision from outside."""
    _settle(run, wait, _outcome(wait) if wait.answered else "cancelled")


def continued_by(run: Run, delivery: Delivery) -> Wait | None:
    """The answered wait that a delivery continues."""
    return None if delivery.wait is None else run.waits.get(delivery.wait)


def _outcome(wait: Wait) -> str:
    return "expired" if wait.expired else "answered"


def _line(wait: Wait, status: str) -> Settled:
    return Settled(
        wait.id,
        wait.generation,
        status,
        wait.request_id,
        wait.digest,
        wait.actor,
        wait.settled_at or 0.0,
    )


def _settle(run: Run, wait: Wait, status: str) -> None:
    _drop(run, wait)
    if not wait.aside:
        _write_line(run, wait, status)


def _drop(run: Run, wait: Wait) -> None:
    del run.waits[wait.key]
    timers.drop(run, timers.WAIT, wait.key)
    layout.mark_change(run)
    if run.journal is not None:
        run.journal.drop(f"wait/{wait.key}")


def _write_line(run: Run, wait: Wait, status: str) -> None:
    line = _line(wait, status)
    number = run.next_settled
    run.next_settled = number + 1
    run.settled.append(line)
    if len(run.settled) > layout.KEPT_SETTLED:
        del run.settled[0]
    journal = run.journal
    if journal is not None:
        journal.put(f"settled/{number % layout.KEPT_SETTLED}", layout.settled_part(number, line))
