# SPDX-License-Identifier: Apache-2.0
"""Who waits for what of a run: futures by group, and the errors that found nobody waiting."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from holdfast.machine.effects import Broken
from holdfast.machine.run import PARKED, Run


class Waiting:
    """Waiters are plain futures, so that waits may nest as deep as they like.

    errors: what failed deliveries raised, by delivery. orphans: errors that nobody awaited, kept
    for whoever closes the run; detached: groups whose waiter may never look.
    """

    __slots__ = ("detached", "errors", "orphans", "waiters")

    run: Run

    def __init__(self) -> None:
        self.waiters: dict[int, asyncio.Future[Any]] | None = None
        self.errors: dict[int, BaseException] | None = None
        self.orphans: list[BaseException] | None = None
        self.detached: set[int] | None = None

    def waiter(self, group: int) -> asyncio.Future[Any]:
        """A future that ends when the group is done; ask before its deliveries start.

        Each caller has one of its own: what ends the last one ends those before it.
        """
        if self.waiters is None:
            self.waiters = {}
        before = self.waiters.get(group)
        future = self.waiters[group] = asyncio.get_running_loop().create_future()
        if before is not None and not before.done():
            future.add_done_callback(functools.partial(self._hand_on, group, before))
        return future

    def _hand_on(self, group: int, before: asyncio.Future[Any], ended: asyncio.Future[Any]) -> None:
        """Let an earlier waiter of the group hear what a later one heard."""
        if before.done():
            return
        if not ended.cancelled():
            error = ended.exception()
            if error is None:
                before.set_result(ended.result())
            else:
                tell(before, error)
        elif self.waiters is not None and self.waiters.get(group) is ended:
            # Its waiter was cancelled; the group goes on.
            self.waiters[group] = before
        else:
            before.cancel()

    def wake(self, group: int, results: Any) -> None:
        """A group is done: give its waiter what came of it."""
        assert self.waiters is not None
        future = self.waiters.pop(group, None)
        if future is not None and not future.done():
            future.set_result(results)

    def break_off(self, broken: Broken) -> None:
        """A delivery of a group failed: raise that where somebody waits, or keep it."""
        error = (self.errors or {}).get(broken.delivery)
        if error is None:
            delivery = self.run.deliveries.get(broken.delivery)
            if delivery is None or delivery.status != PARKED:
                # While its failure was saved, somebody had it tried again or skipped it.
                return
            error = RuntimeError("a delivery failed")
        future = self.waiters.pop(broken.group, None) if self.waiters else None
        if future is not None and not future.done():
            tell(future, error)
            if self.detached is None or broken.group not in self.detached:
                return
        if self.orphans is None:
            self.orphans = []
        self.orphans.append(error)


def tell(future: asyncio.Future[Any], error: BaseException) -> None:
    """Fail a future that its waiter may have left by another way: it has been told already."""
    future.set_exception(error)
    future.exception()
