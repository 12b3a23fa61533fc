# SPDX-License-Identifier: Apache-2.0
"""The times of a record: what is to happen when, the earliest first.

A timer is (key, time, what). It is an index and is not written: each time has one home in the
record, the part that it belongs to (a wait holds its deadline), and is put in here again when
that part is read. Whoever opens such a part sets its timer, whoever ends it drops it; one that
has come stays until then, so a time that could not be acted on is not lost.

Only wall-clock times are kept, and they order nothing but themselves.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from holdfast.machine.run import Run, Timer

#: The deadline of an open wait; the key is the wait's.
WAIT = "wait"
#: When a delivery that failed is called again; the key is its number.
RETRY = "retry"

#: Dropped timers that may lie in the heap before it is built anew.
SLACK = 32


def start(run: Run, what: str, key: str, due_at: float) -> None:
    """Set a timer; one of the same key and kind is replaced."""
    number = run.next_timer
    run.next_timer = number + 1
    timer = run.timers[what, key] = Timer(due_at, number, what, key)
    heappush(run.agenda, timer)
    _sweep(run)


def drop(run: Run, what: str, key: str) -> None:
    """Forget a timer, if it is set."""
    if run.timers.pop((what, key), None) is not None:
        _sweep(run)


def earliest(run: Run) -> float | None:
    """When the first timer comes; None if none is set."""
    agenda = run.agenda
    while agenda:
        first = agenda[0]
        if run.timers.get((first.what, first.key)) is first:
            return first.due_at
        heappop(agenda)
    return None


def due(run: Run, now: float) -> list[Timer]:
    """The timers that have come, in the order of their times. Costs what has come, not what is."""
    agenda, timers = run.agenda, run.timers
    found: list[Timer] = []
    places = [0]
    while places:
        place = places.pop()
        if place >= len(agenda) or agenda[place].due_at > now:
            continue
        timer = agenda[place]
        if timers.get((timer.what, timer.key)) is timer:
            found.append(timer)
        places += (2 * place + 1, 2 * place + 2)
    found.sort()
    return found


def _sweep(run: Run) -> None:
    """Build the heap anew when most of it is dropped."""
    if len(run.agenda) > 2 * len(run.timers) + SLACK:
        run.agenda = list(run.timers.values())
        heapify(run.agenda)
