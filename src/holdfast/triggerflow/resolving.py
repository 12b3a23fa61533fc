# SPDX-License-Identifier: Apache-2.0
"""A signal that a pause waits for resolves the pause: its event has come, by whatever way.

The wait is settled in the store before the machine hears of the signal, under a mark that names
who sent it. Whoever finds such a settlement after a crash can tell by the mark what is still to
come: a posted signal is in the inbox, and a handler that had not ended emits again.
"""

from __future__ import annotations

from typing import Any

from holdfast.errors import AnswerRefused, ValueRefused, WaitError
from holdfast.machine import layout, waits
from holdfast.machine.effects import Answered, Effect, Resumed
from holdfast.machine.run import Delivery, Wait
from holdfast.runtime import inbox
from holdfast.runtime.inbox import EMITTED, SENT
from holdfast.triggerflow.insides import frame_of
from holdfast.triggerflow.running import FlowRun


async def by_event(
    flow: FlowRun,
    kind: str,
    event: str,
    value: Any,
    frame: int = 0,
    by: Delivery | None = None,
) -> list[Effect]:
    """Settle every open wait of the frame for the event; the signal itself goes its own way.

    by: the handler that emits. One that was answered meanwhile is left to its answer.
    """
    # Many parameters because: the first five are one signal, and the last says whose.
    if not flow.run.waits or kind != "event":
        return []
    if flow.run.agenda:
        await flow.time()
    if by is None:
        mark = f"{SENT}{flow.live.ids.new()}"
    else:
        mark = f"{EMITTED}{by.id}"
        _take_back(flow, event, mark)
    effects: list[Effect] = []
    with inbox.deciding(flow.live, mark):
        for wait_id in await settled_by(flow, event, value, mark, frame):
            effects.extend(resolved(flow, wait_id, value))
    return effects


async def settled_by(flow: FlowRun, event: str, value: Any, mark: str, frame: int = 0) -> list[str]:
    """Let a signal settle what waits for it, in the store if there is one, under its mark.

    Returns the waits that are its own now; `resolved` tells the machine.
    """
    live, run = flow.live, flow.run
    now = live.clock.now()
    mine: list[str] = []
    for wait in _waiting(flow, event, frame):
        if wait.deadline is not None and wait.deadline <= now:
            continue
        try:
            waits.check_fits(run.run_id, wait.id, wait.schema, value)
        except AnswerRefused as error:
            flow.warn("wait.event-does-not-fit", f"{wait.id!r} stays open: {error}")
            continue
        if inbox.store_of(live) is None or await _settle(flow, wait, value, mark):
            mine.append(wait.id)
    return mine


async def _settle(flow: FlowRun, wait: Wait, value: Any, mark: str) -> bool:
    data = flow.codec.encode(value, "answer")
    digest = flow.codec.digest(value)
    by = (f"{mark}:{wait.generation}", None)
    try:
        await inbox.settle(flow.live, wait.id, data, digest, by)
    except WaitError:
        # Somebody else was quicker, and what they did is heard in its turn.
        return False
    return flow.run.waits.get(wait.id) is wait and not wait.answered


def resolved(flow: FlowRun, wait_id: str, value: Any) -> list[Effect]:
    """Tell the machine of a wait that a signal has settled: nothing is to be sent for it."""
    run = flow.run
    wait = run.waits.get(wait_id)
    if wait is None or wait.answered:
        return []
    _leave(flow, wait)
    data = None if run.journal is None else flow.codec.encode(value, "answer")
    answered = Answered(
        wait_id, flow.codec.copy(value), data, digest_of(flow, value), flow.live.clock.now()
    )
    return [Resumed(wait), *flow.step(run, answered)]


def _waiting(flow: FlowRun, event: str, frame: int) -> list[Wait]:
    word = f"event:{event}"
    return [
        wait
        for wait in flow.run.waits.values()
        if wait.resume == word and not wait.answered and frame_of(wait) == frame
    ]


def _take_back(flow: FlowRun, event: str, mark: str) -> None:
    """A handler emits again what had settled a wait before a crash: nothing else is to follow."""
    word = f"event:{event}"
    for wait in flow.run.waits.values():
        if wait.answered and wait.resume == word and (wait.request_id or "").startswith(f"{mark}:"):
            _leave(flow, wait)


def _leave(flow: FlowRun, wait: Wait) -> None:
    wait.resume = "none"
    if flow.run.journal is not None:
        layout.mark_wait(flow.run.journal, wait)


def check_fits(flow: FlowRun, wait_id: str, value: Any) -> None:
    """Raises: AnswerRefused if the wait is open and has a schema that the value does not fit."""
    wait = flow.run.waits.get(wait_id)
    if wait is not None and not wait.answered:
        waits.check_fits(flow.run.run_id, wait_id, wait.schema, value)


def digest_of(flow: FlowRun, value: Any) -> str | None:
    """What tells one answer from another; None for a value that only memory can hold."""
    try:
        return flow.codec.digest(value)
    except ValueRefused:
        if flow.run.journal is not None:
            raise
        return None
