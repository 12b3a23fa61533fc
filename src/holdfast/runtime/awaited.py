# SPDX-License-Identifier: Apache-2.0
"""A future of a limited run: the handler that waits for it needs no permit of that run meanwhile.

However it waits, by `await`, `gather` or `wait`, it adds a callback: that is where it goes away.
It is called back once it has a permit again. A callback that a handler adds for something else
counts as waiting too.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from typing import Any

from holdfast.runtime.permits import HOLDER, Permits


class Awaited(asyncio.Future[Any]):
    """Ends as its source does."""

    def __init__(self, source: asyncio.Future[Any], permits: Permits) -> None:
        super().__init__(loop=source.get_loop())
        self._permits = permits
        self._away: dict[Any, tuple[Any, int]] = {}
        source.add_done_callback(self._end)

    def _end(self, source: asyncio.Future[Any]) -> None:
        if self.done():
            return
        if source.cancelled():
            self.cancel()
            return
        error = source.exception()
        if error is None:
            self.set_result(source.result())
        else:
            self.set_exception(error)
            # Whoever closes the run is told of it too, so nobody has to look here.
            self.exception()

    def add_done_callback(
        self,
        callback: Callable[[Awaited], object],
        /,
        *,
        context: contextvars.Context | None = None,
    ) -> None:
        """As of any future; a handler that adds one lets its permit go until it is called."""
        holder = HOLDER.get()
        if self.done() or holder is None or holder[0] is not self._permits:
            super().add_done_callback(callback, context=context)
        elif self._permits.leave(holder[1]):
            ready = functools.partial(self._ready, callback, holder[1], context)
            self._away[callback] = (ready, holder[1])
            super().add_done_callback(ready, context=context)
        else:
            super().add_done_callback(callback, context=context)

    def remove_done_callback(self, callback: Callable[[Awaited], object], /) -> int:
        """As of any future; who waits no longer goes on at once."""
        place = self._away.pop(callback, None)
        if place is None:
            return super().remove_done_callback(callback)
        self._permits.is_back(place[1])
        return super().remove_done_callback(place[0])

    def _ready(
        self,
        callback: Callable[[Awaited], object],
        number: int,
        context: contextvars.Context | None,
        _done: Awaited,
    ) -> None:
        self._away.pop(callback, None)
        admitted = None
        if self._permits.is_back(number) and not self.cancelled():
            admitted = self._permits.ask(number)
        if admitted is None:
            callback(self)
        else:
            admitted.add_done_callback(lambda _: callback(self), context=context)
