# SPDX-License-Identifier: Apache-2.0
"""A signal that a pause waits for resolves the pause: its event has come, by whatever way."""

from __future__ import annotations

from typing import Any

from holdfast.errors import AlreadyAnswered, AnswerRefused, ValueRefused
from holdfast.machine import layout, waits
from holdfast.machine.effects import Answered, Effect
from holdfast.machine.run import Wait
from holdfast.runtime import inbox
from holdfast.triggerflow.insides import frame_of
from holdfast.triggerflow.running import FlowRun


async def by_event(
    flow: FlowRun, kind: str, event: str, value: Any, frame: int = 0
) -> list[Effect]:
    """Settle every open wait of the frame for the event; the signal itself goes its own way.

    One that was answered meanwhile is left to its answer.
    """
    if not flow.run.waits or kind != "event":
        return []
    if flow.run.agenda:
        await flow.time()
    effects: list[Effect] = []
    word = f"event:{event}"
    waiting = [
        wait
        for wait in flow.run.waits.values()
        if wait.resume == word and not wait.answered and frame_of(wait) == frame
    ]
    for wait in waiting:
        try:
            waits.check_fits(flow.run.run_id, wait.id, wait.schema, value)
        except AnswerRefused as error:
            flow.warn("wait.event-does-not-fit", f"{wait.id!r} stays open: {error}")
        else:
            effects.extend(await _resolve(flow, wait, value))
    return effects


async def _resolve(flow: FlowRun, wait: Wait, value: Any) -> list[Effect]:
    live, run = flow.live, flow.run
    digest = digest_of(flow, value)
    data = None if run.journal is None else flow.codec.encode(value, "answer")
    if data is not None:
        try:
            await inbox.settle(live, wait.id, data, digest or "", (None, None))
        except AlreadyAnswered:
            return []
        if wait.answered or wait.id not in run.waits:
            return []
    wait.resume = "none"
    if run.journal is not None:
        layout.mark_wait(run.journal, wait)
    own = flow.codec.copy(value)
    effects = flow.step(run, Answered(wait.id, own, data, digest, live.clock.now()))
    flow.publish("interrupt", "resume", wait, value=value)
    return effects


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
