# SPDX-License-Identifier: Apache-2.0
"""Deliveries that are due and may not start yet: their time has not come, or they run elsewhere.

A delivery that failed waits for the time of its next call. One whose handler ran out of time and
would not stop waits until that handler has left, because it must not run twice at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from holdfast.machine import retries
from holdfast.machine.run import DUE, Delivery, Run
from holdfast.runtime.waiting import Waiting


class Postponing(Waiting):
    """The part of a run under way that starts deliveries later.

    late: what ends when a handler has left that ran out of time, by delivery.
    """

    __slots__ = ("late",)

    run: Run
    dead: BaseException | None
    holds_back: Callable[[Delivery], bool] | None
    interrupted: set[int] | None
    running: dict[int, asyncio.Task[Any] | None]

    def __init__(self) -> None:
        super().__init__()
        self.late: dict[int, asyncio.Future[Any]] | None = None

    def arm(self, *, soonest_s: float = 0.0) -> None:
        """Have the clock ring for the earliest time in the record."""
        raise NotImplementedError

    def spawn(self, delivery: Delivery) -> None:
        """Run a delivery in a task of its own, now or when it may."""
        raise NotImplementedError

    def is_to_start(self, delivery: Delivery) -> bool:
        """Whether a delivery may start now."""
        raise NotImplementedError

    def interrupt(self, delivery: Delivery) -> None:
        """It does not go on here; what is due stays due."""
        raise NotImplementedError

    def has_to_wait(self, delivery: Delivery) -> bool:
        """Whether it may not start yet; then it starts by itself when it may."""
        number = delivery.id
        late = self.late.get(number) if self.late else None
        if not delivery.again_at and late is None:
            return False
        if self.holds_back is not None and self.holds_back(delivery):
            retries.rest(self.run, delivery)
            self.interrupt(delivery)
            return True
        if self.interrupted:
            self.interrupted.discard(number)
        if delivery.again_at:
            retries.watch(self.run, delivery)
            self.arm()
        elif late is not None:
            late.add_done_callback(lambda _: self._start_after(delivery))
        return True

    def _start_after(self, delivery: Delivery) -> None:
        """A handler that was late has left."""
        is_set_aside = self.interrupted is not None and delivery.id in self.interrupted
        if self.dead is None and not is_set_aside and self.is_to_start(delivery):
            self.spawn(delivery)

    def leave_behind(self, number: int, call: asyncio.Future[Any]) -> None:
        """A handler ran out of time and goes on: until it has left, its delivery waits."""
        if self.late is None:
            self.late = {}
        late = self.late
        late[number] = call

        def left(done: asyncio.Future[Any]) -> None:
            if not done.cancelled():
                done.exception()
            if late.get(number) is done:
                del late[number]

        call.add_done_callback(left)

    def set_aside(self, number: int) -> None:
        """A delivery that waits does not start by itself any more."""
        delivery = self.run.deliveries.get(number)
        if delivery is not None and (delivery.again_at or (self.late and number in self.late)):
            retries.rest(self.run, delivery)
            self.interrupt(delivery)

    def postponed(self) -> list[int]:
        """The deliveries that are due and wait."""
        late = self.late or ()
        return [
            number
            for number, d in self.run.deliveries.items()
            if d.status == DUE and number not in self.running and (d.again_at or number in late)
        ]
