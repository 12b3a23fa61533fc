# SPDX-License-Identifier: Apache-2.0
"""Deliveries that failed and are called again, for both machines.

The failure is counted in the delivery, and with it the time before which it is not called again,
so both outlive the process. Until then the delivery is due like any other: its run is not idle,
and nothing that counts on it goes on. A crash is no failure: the repeat after it counts nothing.

A timer is set for the time by the step that counts the failure, and again by whoever would start
the delivery too early, such as one who has read the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.machine import layout, ledger, timers
from holdfast.machine.effects import CameDue, Effect, Faltered, Retrying
from holdfast.machine.run import DUE, Delivery, Run

if TYPE_CHECKING:
    from collections.abc import Iterator


def falter(run: Run, faltered: Faltered) -> list[Effect]:
    """A call failed and another one follows: what it did is taken back, what it sent is kept."""
    delivery = faltered.delivery
    if delivery.status != DUE:
        # It was stopped already, and raised on its way out.
        return []
    delivery.failures += 1
    delivery.error = faltered.error
    effects = ledger.prepare_repeat(run, delivery)
    delivery.again_at = faltered.again_at
    if delivery.again_at:
        watch(run, delivery)
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)
    effects.append(Retrying(delivery, delivery.failures, faltered.error, delivery.again_at))
    effects.append(delivery)
    return effects


def come_due(run: Run, came: CameDue) -> list[Effect]:
    """The time has come: the delivery is called, unless somebody decided otherwise meanwhile."""
    delivery = came.delivery
    timers.drop(run, timers.RETRY, str(delivery.id))
    is_waiting = delivery.again_at and delivery.status == DUE
    if not is_waiting or run.deliveries.get(delivery.id) is not delivery:
        return []
    delivery.again_at = 0.0
    if run.journal is not None:
        layout.mark_due(run.journal, delivery)
    return [delivery]


def watch(run: Run, delivery: Delivery) -> None:
    """Set the timer of a delivery that waits, unless it is set."""
    known = run.timers.get((timers.RETRY, str(delivery.id)))
    if known is None or known.due_at != delivery.again_at:
        timers.start(run, timers.RETRY, str(delivery.id), delivery.again_at)


def rest(run: Run, delivery: Delivery) -> None:
    """Its time is not kept for now; it still has to wait as long."""
    if delivery.again_at:
        timers.drop(run, timers.RETRY, str(delivery.id))


def begin_anew(run: Run, delivery: Delivery) -> None:
    """Somebody decided about it: it need not wait, and its failures are forgotten."""
    rest(run, delivery)
    delivery.failures = 0
    delivery.again_at = 0.0


def waiting(run: Run) -> Iterator[Delivery]:
    """The deliveries that wait until they are called again."""
    return (d for d in run.deliveries.values() if d.again_at and d.status == DUE)
