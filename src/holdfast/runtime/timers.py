# SPDX-License-Identifier: Apache-2.0
"""One clock timer for the earliest of many times, and what a user may give as a time.

Times are wall-clock times, because they are kept and outlive a process; the waiting for one that
is near is done by a clock that never jumps. `LONGEST_S` is where the two meet: a wall clock that
was set, or a machine that slept, is noticed after that long at the latest.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from holdfast.errors import DefinitionError
from holdfast.runtime.clock import Clock, Handle

#: No single wait is longer: then the wall clock is read again.
LONGEST_S = 60.0

#: What could not be acted on when its time came is tried again after so long.
AGAIN_S = 1.0

Deadline = timedelta | datetime | float


class Alarm:
    """Rings once for the earliest time it was set to; nothing runs and no task exists until then.

    ring: called with the time that has come. The wall clock may say less, if it was set back
    meanwhile: as long as was to be waited for has passed all the same.
    """

    __slots__ = ("_at", "_clock", "_handle", "_loop", "_reaches", "_ring")

    def __init__(self, clock: Clock, ring: Callable[[float], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._at: float | None = None
        self._handle: Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reaches = False

    def set(self, at: float | None, *, soonest_s: float = 0.0) -> None:
        """Ring at this wall-clock time instead of any other; None: not at all."""
        loop = None if at is None else asyncio.get_running_loop()
        if at == self._at and loop is self._loop:
            return
        self.stop()
        if at is None:
            return
        wait_s = max(at - self._clock.now(), soonest_s, 0.0)
        self._reaches = wait_s <= LONGEST_S
        self._at, self._loop = at, loop
        self._handle = self._clock.call_later(min(wait_s, LONGEST_S), self._rings)

    def stop(self) -> None:
        """Do not ring."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._at = self._loop = None

    def _rings(self) -> None:
        at, now = self._at, self._clock.now()
        self._handle = self._at = self._loop = None
        self._ring(now if at is None or not self._reaches else max(now, at))


async def until(clock: Clock, ends_at: float) -> None:
    """Return once the wall clock says so, as far as it goes evenly."""
    if clock.now() >= ends_at:
        return
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring(now: float) -> None:
        if now < ends_at:
            alarm.set(ends_at)
        elif not over.done():
            over.set_result(None)

    alarm = Alarm(clock, ring)
    alarm.set(ends_at)
    try:
        await over
    finally:
        alarm.stop()


def due_at(deadline: Deadline | None, now: float) -> float | None:
    """The wall-clock time of a deadline; None for none. Raises: as `time_at`."""
    return None if deadline is None else time_at(deadline, now, "deadline")


def time_at(deadline: Deadline, now: float, what: str) -> float:
    """The wall-clock time of seconds or a timedelta from now, or of an aware datetime.

    what: how errors name it. Raises: DefinitionError (a ValueError) for anything else. A time that
    has passed is fine.
    """
    if isinstance(deadline, datetime):
        if deadline.tzinfo is None:
            raise DefinitionError(
                f"{what}: expected a datetime with a time zone",
                hint="Use datetime.now(UTC) + ..., or give seconds or a timedelta from now.",
            )
        return deadline.timestamp()
    if isinstance(deadline, timedelta):
        seconds = deadline.total_seconds()
    elif isinstance(deadline, (int, float)) and not isinstance(deadline, bool):
        seconds = float(deadline)
    else:
        raise DefinitionError(
            f"{what}: expected seconds, a timedelta or an aware datetime; "
            f"found {type(deadline).__name__}"
        )
    if not 0 <= seconds < math.inf:
        raise DefinitionError(f"{what}: expected at least 0 seconds from now; found {seconds}")
    return now + seconds
