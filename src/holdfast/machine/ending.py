# SPDX-License-Identifier: Apache-2.0
"""The end of a run, for both machines: nothing is due, asked or parked any more."""

from __future__ import annotations

from holdfast.machine import layout, retries, waits
from holdfast.machine.effects import Cancel, Effect, Ended, Withdrawn
from holdfast.machine.run import DUE, PARKED, Run


def drop_work(run: Run, ended: Ended) -> list[Effect]:
    """Stop what is under way, cancel what is asked, forget what is due or parked."""
    effects: list[Effect] = []
    live = tuple(d.id for d in run.deliveries.values() if d.status == DUE)
    if live:
        effects.append(Cancel(live))
    for wait in list(run.waits.values()):
        waits.cancel(run, wait)
        effects.append(Withdrawn(wait))
    journal = run.journal
    for number in list(run.deliveries):
        # A handler that ends later finds that its delivery is not due any more.
        delivery = run.deliveries.pop(number)
        delivery.status = PARKED
        retries.rest(run, delivery)
        run.ledgers.pop(number, None)
        if journal is not None:
            journal.drop(f"due/{number}")
            journal.drop(f"ledger/{number}")
    for number in run.payloads:
        if journal is not None:
            journal.drop(f"payload/{number}")
    run.payloads = {}
    run.live = 0
    run.status = ended.status
    run.error = ended.error if ended.error is not None else run.error
    run.lifecycle = "closed"
    layout.mark_change(run)
    return effects
