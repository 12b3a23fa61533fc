# SPDX-License-Identifier: Apache-2.0
"""A run that kills whoever carries it: what is progress, and how its work is set aside.

Whoever takes a run over notes that its work begins again, and takes back what it had written. That
is no progress: a run whose owners all die at the same step would go on doing so for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.machine import layout
from holdfast.machine.effects import Effect, Failed, Input
from holdfast.machine.run import DUE, Delivery, Run


def mark(run: Run) -> tuple[Any, ...]:
    """Equal for two moments of a run between which nothing was achieved.

    A delivery that ended or failed, a line of a ledger, a wait that was opened or settled: each
    makes another mark. To begin a delivery again makes the same one. It costs as much as is under
    way.
    """
    return (
        run.lifecycle,
        run.next_delivery,
        run.next_settled,
        len(run.outputs),
        [(d.id, d.status, d.kind, d.failures, d.again_at) for d in run.deliveries.values()],
        [
            (number, len(ledger.entries), sum(entry.done for entry in ledger.entries))
            for number, ledger in run.ledgers.items()
        ],
        [(key, wait.generation, wait.answered) for key, wait in run.waits.items()],
    )


def park_due(
    run: Run, step: Callable[[Run, Input], list[Effect]], text: str, at: float
) -> tuple[list[int], list[Effect]]:
    """Set aside whatever of a run would begin now. Returns the deliveries, and what follows.

    step: the machine of the run. A delivery that an emitter would have to ask for first is parked
    like the others: all of them are decided about together, or each by itself. One that only waits
    for its time did nothing that could kill anybody, and is left.
    """
    current = run.frames[0].iteration + 1
    due = [
        d
        for d in run.deliveries.values()
        if d.status == DUE and d.step <= current and not _waits_for_time(run, d, at)
    ]
    if due:
        run.held.clear()
    effects: list[Effect] = []
    for delivery in due:
        effects.extend(step(run, Failed(delivery, text, at)))
    for delivery in due:
        delivery.error = text
        if run.journal is not None:
            layout.mark_due(run.journal, delivery)
    return [delivery.id for delivery in due], effects


def _waits_for_time(run: Run, delivery: Delivery, at: float) -> bool:
    """Whether it waits until it is tried again, or its handler sleeps."""
    if delivery.again_at > at:
        return True
    ledger = run.ledgers.get(delivery.id)
    last = ledger.entries[-1] if ledger is not None and ledger.entries else None
    return last is not None and last.kind == "sleep" and last.done and last.outcome > at
