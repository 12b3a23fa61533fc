# SPDX-License-Identifier: Apache-2.0
"""The sub-flows of a run as its holder sees them: frames, plain dicts; and deciding about one."""

from __future__ import annotations

from typing import Any

from holdfast.errors import (
    AlreadyAnswered,
    RunBusy,
    SubFlowNotActive,
    SubFlowNotFound,
    WaitClosed,
    WaitExpired,
    WaitNotFound,
)
from holdfast.machine import visits
from holdfast.machine.effects import FrameCancelled
from holdfast.machine.run import Passed, Run, Visit, Wait
from holdfast.runtime import inbox, inside
from holdfast.triggerflow import insides, signals
from holdfast.triggerflow.running import FlowRun


def listed(flow: FlowRun) -> dict[str, dict[str, Any]]:
    """Every frame of the run that has not ended, and the last that have, in order of beginning."""
    run = flow.run
    found: dict[int, dict[str, Any]] = {line.number: _ended(flow, line) for line in run.passed}
    found |= {number: _open(flow, number, visit) for number, visit in run.visits.items()}
    return {insides.frame_id(number): found[number] for number in sorted(found)}


def status_of(run: Run, number: int) -> str:
    """The word for a frame that has not ended: running, waiting or failed."""
    if visits.is_failed(run, number):
        return "failed"
    inner = run.visits[number].inner
    return "waiting" if inner and run.scopes[inner].rests else "running"


def _facts(run: Run, number: int, node: str, parent: int, began_at: float) -> dict[str, Any]:
    return {
        "frame_id": insides.frame_id(number),
        "parent_execution_id": insides.child_id(run, parent) if parent else run.run_id,
        "parent_operator_id": node,
        "child_execution_id": insides.child_id(run, number),
        "child_flow_name": run.plan.inside[node].name if node in run.plan.inside else None,
        "created_at": began_at,
        "started_at": began_at,
    }


def _open(flow: FlowRun, number: int, visit: Visit) -> dict[str, Any]:
    run = flow.run
    status = status_of(run, number)
    made = {
        **_facts(run, number, visit.node, visit.parent, visit.began_at),
        "status": status,
        "parent_value": flow.codec.copy(visit.value),
        "projected_interrupts": {
            wait.id: wait.id.removeprefix(insides.prefix(run, number))
            for wait in _asked_in(run, visits.within(run, number))
        },
        "resource_bindings": dict(visit.bound),
        "resource_keys": sorted({*visit.bound, *visit.given.get("resources", {})}),
    }
    if status == "failed":
        kind, _, text = (visit.error or "").partition(": ")
        made.update(failed_at=visit.failed_at, error={"type": kind, "message": text})
    return made


def _ended(flow: FlowRun, line: Passed) -> dict[str, Any]:
    """A frame that has ended. Its result is known only where it ended in this process."""
    made = {
        **_facts(flow.run, line.number, line.node, line.parent, line.began_at),
        "status": line.status,
    }
    if line.status == "completed":
        made["completed_at"] = line.ended_at
        if line.number in flow.results:
            made["result"] = flow.codec.copy(flow.results[line.number])
    elif line.status == "cancelled":
        made.update(cancelled_at=line.ended_at, cancel_reason=line.reason)
    else:
        kind, _, text = (line.reason or "").partition(": ")
        made.update(failed_at=line.ended_at, error={"type": kind, "message": text})
    return made


def _asked_in(run: Run, frames: set[int]) -> list[Wait]:
    return [w for w in run.waits.values() if not w.answered and insides.frame_of(w) in frames]


def _number(flow: FlowRun, name: str) -> int:
    """The number of a frame. Raises: SubFlowNotFound."""
    number = insides.number_of(name)
    run = flow.run
    if number in run.visits or any(line.number == number for line in run.passed):
        return number
    raise SubFlowNotFound(f"no sub-flow frame {name!r}", run_id=run.run_id, frame=str(name))


async def cancel(flow: FlowRun, name: str, reason: str) -> bool:
    """End a sub-flow: nothing is written back and nothing follows it. False if it has ended.

    Raises: SubFlowNotFound; RunBusy from inside the sub-flow.
    """
    number = _number(flow, name)
    run, live = flow.run, flow.live
    if number not in run.visits:
        return False
    waiting = inside.waiting(live.running)
    if any(d.id in waiting for d in visits.of_frames(run, visits.within(run, number))):
        raise RunBusy(f"sub-flow frame {name!r} cannot be cancelled from inside itself")
    for wait in _asked_in(run, visits.within(run, number)):
        await _withdraw(flow, wait)
    if number not in run.visits:
        # Somebody else was first, or it ended, while the store was asked.
        return False
    if live.saver is not None:
        gone = {wait.id for wait in _asked_in(run, visits.within(run, number))}
        live.saver.opened = [wait for wait in live.saver.opened if wait.id not in gone]
    stopped = [d.id for d in visits.of_frames(run, visits.within(run, number))]
    effects = flow.step(run, FrameCancelled(number, live.clock.now(), reason))
    for each in stopped:
        (live.errors or {}).pop(each, None)
    await live.advance(effects, here=False)
    await live.left(stopped)
    return True


async def _withdraw(flow: FlowRun, wait: Wait) -> None:
    """Let the store take no answer to a wait any more; an answer that came first stays there."""
    store = inbox.store_of(flow.live)
    saver = flow.live.saver
    if store is None or saver is None or any(other is wait for other in saver.opened):
        return
    try:
        await inbox.cancel(flow.live, wait.id)
    except (AlreadyAnswered, WaitClosed, WaitExpired, WaitNotFound):
        return


async def emit_into(flow: FlowRun, name: str, event: str, value: Any, kind: str) -> Any:
    """Send a signal into a sub-flow that runs, and wait for all that follows.

    Raises: SubFlowNotFound, SubFlowNotActive.
    """
    number = _number(flow, name)
    run = flow.run
    visit = run.visits.get(number)
    if visit is None or not visit.inner or status_of(run, number) != "running":
        raise SubFlowNotActive(
            f"sub-flow frame {name!r} is not active", run_id=run.run_id, frame=name
        )
    outcome = await signals.emit(flow, event, value, kind, number)
    if any(line.number == number and line.status == "cancelled" for line in run.passed):
        raise SubFlowNotActive(
            f"sub-flow frame {name!r} was cancelled while forwarding",
            run_id=run.run_id,
            frame=name,
        )
    return outcome
