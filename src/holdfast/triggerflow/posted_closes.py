# SPDX-License-Identifier: Apache-2.0
"""Closes that somebody posted for an execution: each takes its time, and its post waits as long.

The commit that ends the run consumes the post, or one that says that it was refused. Until then it
stays in the inbox: if this process goes, whoever carries the run next obeys it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from holdfast.errors import CloseTimeout, RunOpen
from holdfast.triggerflow.running import FlowRun

Close = Callable[..., Coroutine[Any, Any, Any]]


class PostedCloses:
    """The posted closes of one execution that are under way. close: `Closer.close`."""

    __slots__ = ("_call", "_flow", "_tasks")

    def __init__(self, flow: FlowRun, close: Close) -> None:
        self._flow = flow
        self._call = close
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, number: int, pending: str, reason: str) -> None:
        """Begin the end that a post asks for: its number, what becomes of open pauses, why."""
        task = asyncio.ensure_future(self._close(number, pending, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def leave(self) -> None:
        """Leave them to whoever carries the run next."""
        for task in tuple(self._tasks):
            task.cancel()

    async def _close(self, number: int, pending: str, reason: str) -> None:
        flow = self._flow
        live = flow.live
        try:
            await self._call(reason, pending=pending, is_told=False, posted=number)
        except (RunOpen, CloseTimeout) as error:
            flow.warn("close.refused", str(error))
            if live.saver is not None:
                live.saver.consumed.append(number)
                await live.advance([], here=False)
        except asyncio.CancelledError:
            live.seen.discard(number)
            raise
        except Exception as error:  # noqa: BLE001 - told to everybody who waits for the run
            live.die(error)
