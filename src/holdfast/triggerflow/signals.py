# SPDX-License-Identifier: Apache-2.0
"""Signals: sent from outside or by a handler, awaited or not, and recognised when sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from holdfast.machine import dispatch, ledger, retries
from holdfast.machine.effects import Effect, Emitted, Retried, Skipped
from holdfast.machine.run import PARKED, Delivery, Entry, Run
from holdfast.runtime import stepping
from holdfast.runtime.awaited import Awaited
from holdfast.runtime.permits import apart
from holdfast.triggerflow import resolving
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.wanted import check_wanted


async def emit(flow: FlowRun, event: str, value: Any, kind: str = "event", frame: int = 0) -> Any:
    """A signal from outside; carried in the caller's task. Returns the handlers' values.

    frame: the sub-flow that it is sent into.
    """
    data = flow.kept(value, f"payload of {event}", (kind, event), frame)
    resolved = await resolving.by_event(flow, kind, event, value, frame)
    scope = flow.run.visits[frame].inner if frame else 0
    signal = Emitted(kind, event, value, data, scope=scope, wants_results=True)
    group, effects = dispatch.emit(flow.run, signal)
    return await follow(flow, group, resolved + effects)


async def follow(flow: FlowRun, group: int, effects: list[Effect]) -> Any:
    """Save, act, carry on in this task, and wait until the group is done.

    A cancelled caller stops what it waited for; that stays due.
    """
    held = flow.held_permits
    if held is not None:
        return await apart(held, _followed(flow, group, effects))
    return await _followed(flow, group, effects)


async def _followed(flow: FlowRun, group: int, effects: list[Effect]) -> Any:
    live = flow.live
    if not group:
        await live.carry(await live.advance(effects))
        return None
    future = live.waiter(group)
    try:
        await live.carry(await live.advance(effects))
        return future.result() if future.done() else await future
    except asyncio.CancelledError:
        live.stop(tuple(_behind(flow.run, group)))
        raise


def _behind(run: Run, group: int) -> set[int]:
    """The deliveries of a group, and of every emit that their handlers made."""
    members: dict[int, list[int]] = {}
    for delivery in run.deliveries.values():
        members.setdefault(delivery.group, []).append(delivery.id)
    made: dict[int, list[int]] = {}
    for number, each in run.groups.items():
        made.setdefault(each.emitter, []).append(number)
    found: set[int] = set()
    groups = [group]
    while groups:
        for delivery_id in members.get(groups.pop(), ()):
            found.add(delivery_id)
            groups.extend(made.get(delivery_id, ()))
    return found


async def emit_nowait(
    flow: FlowRun, event: str, value: Any, kind: str = "event"
) -> asyncio.Future[Any] | None:
    """A signal from outside that is taken in now and carried by tasks."""
    data = flow.kept(value, f"payload of {event}", (kind, event))
    resolved = await resolving.by_event(flow, kind, event, value)
    group, effects = dispatch.emit(flow.run, Emitted(kind, event, value, data, wants_results=True))
    return await _detach(flow, group, resolved + effects)


async def _detach(flow: FlowRun, group: int, effects: list[Effect]) -> asyncio.Future[Any] | None:
    if not group:
        if effects:
            await flow.live.advance(effects, here=False)
        return None
    future = _unattended(flow, group)
    await flow.live.advance(effects, here=False)
    return future


def _unattended(flow: FlowRun, group: int) -> asyncio.Future[Any]:
    """A future of the group whose holder may never look: errors go to whoever closes, too."""
    live = flow.live
    future = live.waiter(group)
    if live.detached is None:
        live.detached = set()
    detached = live.detached
    detached.add(group)

    def attended(done: asyncio.Future[Any]) -> None:
        detached.discard(group)
        if not done.cancelled():
            done.exception()

    future.add_done_callback(attended)
    held = flow.held_permits
    return future if held is None else Awaited(future, held)


async def emit_from(flow: FlowRun, by: Delivery, event: str, value: Any, kind: str) -> Any:
    """A signal from a handler, which waits for all that follows; a repeat finds its outcome."""
    check_wanted(flow, by)
    data, found = _made_before(flow, by, "emit", event, value, kind)
    if found >= 0:
        return await _again(flow, by, found)
    resolved = await resolving.by_event(flow, kind, event, value, by.frame, by)
    if by.frame:
        flow.visit(by.frame)
    # Written into the ledger only now: a line there says that the signal itself is in the record.
    index = ledger.record(flow.run, by.id, Entry("emit", event, ledger.digest_of(data), value))
    signal = Emitted(kind, event, value, data, by.id, by.scope, index, wants_results=True)
    group, effects = dispatch.emit(flow.run, signal)
    effects = resolved + effects
    entry = flow.run.ledgers[by.id].entries[index]
    entry.group = group
    if not group:
        entry.done = True
        await flow.live.advance(effects, here=False)
        return None
    future = flow.live.waiter(group)
    await flow.live.advance(effects, here=False)
    held = flow.held_permits
    return await (future if held is None else apart(held, future))


async def emit_nowait_from(
    flow: FlowRun, by: Delivery, event: str, value: Any, kind: str
) -> asyncio.Future[Any] | None:
    """A signal from a handler, which goes on."""
    check_wanted(flow, by)
    data, found = _made_before(flow, by, "nowait", event, value, kind)
    if found >= 0:
        group = flow.run.ledgers[by.id].entries[found].group
        if group not in flow.run.groups:
            return None
        future = _unattended(flow, group)
        _let_go(flow, by, group)
        return future
    resolved = await resolving.by_event(flow, kind, event, value, by.frame, by)
    if by.frame:
        flow.visit(by.frame)
    index = ledger.record(flow.run, by.id, Entry("nowait", event, ledger.digest_of(data), value))
    signal = Emitted(kind, event, value, data, by.id, by.scope, wants_results=True)
    group, effects = dispatch.emit(flow.run, signal)
    flow.run.ledgers[by.id].entries[index].group = group
    effects = resolved + effects
    if effects:
        flow.live.defer(effects)
    if not group:
        return None
    return _unattended(flow, group)


def _made_before(
    flow: FlowRun, by: Delivery, what: str, event: str, value: Any, kind: str
) -> tuple[bytes | None, int]:
    """The bytes of an emit, and its ledger line if the handler made it before, else -1.

    Raises: SubFlowNotActive if the handler goes on although its sub-flow was ended.
    """
    # Many parameters because: they are one emit, and whose it is.
    if flow.live.stepping:
        stepping.refuse(flow.live.running, by.id, f"emit {event!r}")
    if by.frame:
        flow.visit(by.frame)
    data = flow.kept(value, f"payload of {event}", (kind, event), by.frame)
    digest = ledger.digest_of(data)
    return data, ledger.find(flow.run, by.id, what, event, value, digest, codec=flow.codec)


async def _again(flow: FlowRun, by: Delivery, index: int) -> Any:
    """The outcome of an emit that was made before: at once, or when what is left has ended.

    A failure is no outcome: what failed behind the emit runs again.
    """
    entry = flow.run.ledgers[by.id].entries[index]
    if entry.done or entry.group not in flow.run.groups:
        return entry.outcome
    future = flow.live.waiter(entry.group)
    _let_go(flow, by, entry.group)
    failed = [d for d in flow.parked() if d.group == entry.group]
    if failed:
        await flow.live.advance(retried(flow, failed), here=False)
    held = flow.held_permits
    return await (future if held is None else apart(held, future))


def _let_go(flow: FlowRun, by: Delivery, group: int) -> None:
    """Start what a load held back until the emit was made again."""
    held = flow.run.held.pop(by.id, [])
    rest = [d for d in held if d.group != group]
    if rest:
        flow.run.held[by.id] = rest
    for delivery in held:
        if delivery.group == group:
            flow.live.spawn(delivery)


def retried(flow: FlowRun, parked: Iterable[Delivery]) -> list[Effect]:
    """Parked deliveries run again: what follows from that decision.

    What the youngest wrote lies on top, so it is taken back first.
    """
    made = [
        flow.step(flow.run, Retried(_decided_on(flow, d)))
        for d in sorted(parked, key=lambda d: d.id, reverse=True)
    ]
    return [effect for effects in reversed(made) for effect in effects]


def skipped(
    flow: FlowRun, parked: Iterable[Delivery], value: Any, data: bytes | None
) -> list[Effect]:
    """Parked deliveries count as done with a value: what follows from that decision."""
    now = flow.live.clock.now()
    return [
        effect
        for d in parked
        for effect in flow.step(flow.run, Skipped(_decided_on(flow, d), value, data, now))
    ]


def _decided_on(flow: FlowRun, delivery: Delivery) -> Delivery:
    """What the delivery raised is dealt with, so a close need not tell it."""
    error = (flow.live.errors or {}).pop(delivery.id, None)
    if error is not None:
        _attended(flow, error)
    return delivery


def undecided(flow: FlowRun, number: int | None) -> list[Delivery]:
    """What somebody may decide about: parked, or waiting to be called again."""
    waiting = retries.waiting(flow.run)
    return [*flow.parked(number), *(d for d in waiting if number in (None, d.id))]


async def retry(flow: FlowRun, parked: list[Delivery]) -> None:
    """Run parked deliveries again and wait for all that follows. Raises: what fails again."""
    await flow.live.left([d.id for d in parked])
    await _decided(flow, parked, retried(flow, parked))


async def skip(flow: FlowRun, parked: list[Delivery], value: Any) -> None:
    """Let parked deliveries count as done with a value, and wait for all that follows."""
    data = None if flow.run.journal is None else flow.codec.encode(value, "value of the skip")
    await flow.live.left([d.id for d in parked])
    await _decided(flow, parked, skipped(flow, parked, value, data))


async def _decided(flow: FlowRun, chosen: list[Delivery], effects: list[Effect]) -> None:
    """Act on a decision about parked work; a group with more of it is not waited for to its end."""
    live, run = flow.live, flow.run
    stuck = {d.group for d in flow.parked()}
    groups = {d.group for d in chosen if d.group in run.groups}
    futures = [live.waiter(group) for group in groups - stuck]
    await live.advance(effects, here=False)
    if groups & stuck:
        await live.until_quiet()
    for outcome in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
    again = next((d for d in chosen if d.status == PARKED and d.id in run.deliveries), None)
    if again is not None:
        error = (live.errors or {}).get(again.id)
        if error is not None:
            _attended(flow, error)
            raise error


def _attended(flow: FlowRun, error: BaseException) -> None:
    """Somebody is told of the error here, so a close need not tell it."""
    if flow.live.orphans is not None:
        flow.live.orphans = [other for other in flow.live.orphans if other is not error]
