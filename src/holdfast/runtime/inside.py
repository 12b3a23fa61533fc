# SPDX-License-Identifier: Apache-2.0
"""Which handlers wait for the call at hand, so that none waits for itself.

An async handler is known by its task. A sync one waits in a thread of its own while the call runs
on the loop; its context says whose it is, and it goes along wherever the call leads.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.errors import RunBusy


class Place(NamedTuple):
    """A sync handler under way.

    running: the deliveries under way in its run. around: where that run is driven from, if that
    is another sync handler.
    """

    running: Mapping[int, Any]
    number: int
    around: Place | None


_HERE: contextvars.ContextVar[Place | None] = contextvars.ContextVar(
    "holdfast_inside", default=None
)


def enter(context: contextvars.Context, running: Mapping[int, Any], number: int) -> None:
    """Let a context be that of a sync handler's thread."""
    context.run(_HERE.set, Place(running, number, _HERE.get()))


def waiting(running: Mapping[int, Any]) -> set[int]:
    """Of the deliveries under way in a run, those whose handlers wait for this call."""
    task = asyncio.current_task()
    found = {number for number, at_work in running.items() if at_work is task}
    place = _HERE.get()
    while place is not None:
        if place.running is running and place.number in running:
            found.add(place.number)
        place = place.around
    return found


def refuse(running: Mapping[int, Any], what: str) -> None:
    """Raises: RunBusy if a handler of the run would wait for itself by this."""
    if running and waiting(running):
        raise RunBusy(f"a handler cannot {what} its own run: it would wait for itself")
