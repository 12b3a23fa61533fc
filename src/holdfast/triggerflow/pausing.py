# SPDX-License-Identifier: Apache-2.0
"""Asking and being answered: `pause_for` and `continue_with`."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.errors import (
    DefinitionError,
    PauseNotAllowed,
    SelfResumeLimit,
    WaitExists,
)
from holdfast.machine import ledger, waits
from holdfast.machine.effects import Answered
from holdfast.machine.run import Delivery, Entry, Run, Wait
from holdfast.persistence.store import check_id
from holdfast.runtime import inbox, stepping
from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.permits import apart
from holdfast.runtime.timers import due_at
from holdfast.triggerflow import posts, resolving, signals
from holdfast.triggerflow.asking import Ask
from holdfast.triggerflow.insides import prefix
from holdfast.triggerflow.interrupts import find, interrupt_of
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.wanted import check_wanted


async def pause(flow: FlowRun, by: Delivery | None, ask: Ask) -> dict[str, Any]:
    """Open a wait, save it, then tell watchers. Returns the interrupt.

    A repeat of the handler that asks the same again gets the wait that is already open.
    """
    run = flow.run
    if flow.hidden:
        raise PauseNotAllowed(
            f"pause_for in flow {run.plan.name!r} requires an exposed execution handle",
            run_id=run.run_id,
        )
    if by is not None:
        check_wanted(flow, by)
    if by is not None and flow.live.stepping:
        stepping.refuse(flow.live.running, by.id, "pause")
    if by is None and ask.resume == "self":
        raise DefinitionError('resume_to="self" has no meaning outside a chunk')
    data = None if run.journal is None else flow.codec.encode(ask.payload, "payload of the pause")
    entry_name = ask.interrupt_id or f"{ask.type}:{ask.resume}"
    deadline = due_at(ask.deadline, flow.live.clock.now())
    again = _asked_before(flow, by, entry_name, ask, data)
    if again is not None:
        if not again.told and not again.answered:
            _tell(flow, again)
        return interrupt_of(run, again)
    wait = _new_wait(flow, by, ask, data)
    wait.deadline = deadline
    waits.open_wait(run, wait)
    if by is not None:
        entry = Entry("pause", entry_name, ledger.digest_of(data), ask.payload, wait=wait.id)
        ledger.record(run, by.id, entry)
    live = flow.live
    if live.saver is not None:
        live.saver.opened.append(wait)
        await live.advance([], here=False)
    elif deadline is not None:
        live.arm()
    _tell(flow, wait)
    return interrupt_of(run, wait)


def _tell(flow: FlowRun, wait: Wait) -> None:
    """Watchers hear of a pause once it is saved, by a repeat if the one who asked was stopped."""
    wait.told = True
    flow.publish("interrupt", "pause", wait)


def _asked_before(
    flow: FlowRun, by: Delivery | None, name: str, ask: Ask, data: bytes | None
) -> Wait | None:
    if by is None:
        return None
    digest = ledger.digest_of(data)
    found = ledger.find(flow.run, by.id, "pause", name, ask.payload, digest, codec=flow.codec)
    if found < 0:
        return None
    wait = flow.run.waits.get(flow.run.ledgers[by.id].entries[found].wait or "")
    if wait is not None:
        wait.asked = True
    return wait


def _new_wait(flow: FlowRun, by: Delivery | None, ask: Ask, data: bytes | None) -> Wait:
    run = flow.run
    wait_id = ask.interrupt_id
    if wait_id is not None:
        check_id(wait_id, "interrupt_id")
    inside = ""
    if by is not None and by.frame:
        flow.visit(by.frame)
        inside = prefix(run, by.frame)
        if wait_id is not None:
            wait_id = check_id(inside + wait_id, "interrupt_id")
    before = _resumed_from(run, by)
    resumes = 0
    if before is not None and ask.resume == "self" and wait_id in (None, before.id):
        resumes = before.resumes + 1
    if ask.resume == "self" and ask.max_resumes is not None and resumes >= ask.max_resumes:
        raise SelfResumeLimit(
            f"self resume limit of {ask.max_resumes} reached in chunk {by.node if by else None!r}",
            run_id=run.run_id,
        )
    default = ask.default
    default_data = None
    if ask.lapse == "default" and run.journal is not None:
        default_data = flow.codec.encode(default, "default of the pause")
    if wait_id is not None and wait_id in run.waits:
        _make_room(flow, by, run.waits[wait_id])
    return Wait(
        id=wait_id or inside + flow.live.ids.new(),
        type=ask.type,
        payload=flow.codec.copy(ask.payload),
        opener=by.id if by is not None else 0,
        resume=ask.resume if by is not None or ask.resume.startswith("event:") else "none",
        origin=None if by is None else msgspec.structs.replace(by, wait=None),
        data=data,
        scope=by.scope if by is not None else 0,
        opened_at=flow.live.clock.now(),
        schema=ask.schema,
        lapse=ask.lapse,
        default=None if default is None else flow.codec.copy(default),
        default_data=default_data,
        resumes=resumes,
        limit=ask.max_resumes,
        exchange_kind=ask.exchange_kind,
    )


def _resumed_from(run: Run, by: Delivery | None) -> Wait | None:
    """The wait whose answer made this chunk run again; not one whose answer it was only given."""
    before = None if by is None or by.wait is None else run.waits.get(by.wait)
    return before if before is not None and before.resume == "self" else None


def _make_room(flow: FlowRun, by: Delivery | None, before: Wait) -> None:
    """A resumed chunk may ask again under the same id; anybody else may not."""
    if by is None or not before.answered or by.wait != before.id:
        raise WaitExists(
            f"interrupt {before.id!r} is still open", run_id=flow.run.run_id, wait_id=before.id
        )
    waits.set_aside(flow.run, before)


async def continue_with(
    flow: FlowRun, wait_id: str, value: Any, request_id: str | None, actor: str | None
) -> dict[str, Any] | None:
    """Answer a wait, and return when everything awaited behind it has ended.

    Raises: WaitNotFound (KeyError), AlreadyAnswered, AnswerConflict, WaitClosed (ValueError).
    """
    run = flow.run
    if run.lifecycle != "open":
        text = f"ignored answer to {wait_id!r}: the execution is {run.lifecycle}"
        warn_at_caller(text, RuntimeWarning)
        return None
    if run.agenda:
        await flow.time()
    digest = resolving.digest_of(flow, value)
    resolving.check_fits(flow, wait_id, value)
    if inbox.store_of(flow.live) is not None:
        return await _through_store(flow, wait_id, value, digest, (request_id, actor))
    line = waits.judge(run, wait_id, request_id, digest)
    if line is not None:
        await _run_parked(flow, wait_id)
        return find(run, wait_id)
    wait = run.waits[wait_id]
    data = None if run.journal is None else flow.codec.encode(value, "answer")
    answered = Answered(
        wait_id,
        flow.codec.copy(value),
        data,
        digest,
        flow.live.clock.now(),
        request_id,
        actor,
    )
    effects = flow.step(run, answered)
    flow.publish("interrupt", "resume", wait, value=value)
    await signals.follow(flow, wait.group if wait.group in run.groups else 0, effects)
    return interrupt_of(run, wait)


async def _through_store(
    flow: FlowRun, wait_id: str, value: Any, digest: str | None, by: tuple[str | None, str | None]
) -> dict[str, Any] | None:
    live = flow.live
    encoded = flow.codec.encode(value, "answer")
    row = await inbox.settle(live, wait_id, encoded, digest or "", by)
    before = flow.run.waits.get(wait_id)
    if before is not None and (before.answered or before.generation != row.generation):
        # The same answer again; the id may have been asked anew meanwhile.
        await _run_parked(flow, wait_id)
        return interrupt_of(flow.run, before)
    heard = await posts.take_in(flow)
    wait = heard.get(wait_id) or before
    if wait is None:
        return find(flow.run, wait_id)
    flow.publish("interrupt", "resume", wait, value=value)
    future = (live.waiters or {}).get(wait.group)
    if future is not None:
        await apart(flow.held_permits, future)
    return interrupt_of(flow.run, wait)


async def _run_parked(flow: FlowRun, wait_id: str) -> None:
    """The same answer again: what it made due and failed runs once more."""
    parked = [d for d in flow.parked() if d.wait is not None and waits.id_of(d.wait) == wait_id]
    if parked:
        await signals.retry(flow, parked)
