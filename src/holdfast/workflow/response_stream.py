# SPDX-License-Identifier: Apache-2.0
"""A run call watched as it goes: events one by one, then the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from holdfast.runtime.stream import Stream
from holdfast.workflow.events import WorkflowEvent, WorkflowStatusEvent
from holdfast.workflow.result import WorkflowRunResult


class ResponseStream:
    """Events of a run that begins when the first one is asked for.

    Iterate it, or await `get_final_response()`, or both. Leaving it early, by `aclose()` or as an
    async context manager, stops the run; what had ended is kept.
    """

    def __init__(
        self, start: Callable[[Callable[[WorkflowEvent], None]], Coroutine[Any, Any, list[Any]]]
    ) -> None:
        self._start = start
        self._events: Stream[WorkflowEvent] = Stream()
        self._task: asyncio.Task[list[Any]] | None = None
        self._read = 0

    def _begin(self) -> asyncio.Task[list[Any]]:
        if self._task is None:
            self._task = asyncio.create_task(self._start(self._events.put))
            self._task.add_done_callback(self._over)
        return self._task

    def _over(self, task: asyncio.Task[list[Any]]) -> None:
        if task.cancelled():
            self._events.end()
        else:
            self._events.end(task.exception())

    def __aiter__(self) -> AsyncIterator[WorkflowEvent]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[WorkflowEvent]:
        self._begin()
        try:
            async for event in self._events.read(self._read):
                self._read += 1
                yield event
        finally:
            await self.aclose()

    async def get_final_response(self) -> WorkflowRunResult:
        """Let the run come to rest and return its result. Raises: what the run raised."""
        earlier = await asyncio.shield(self._begin())
        events = self._events.snapshot()
        statuses = [event for event in events if isinstance(event, WorkflowStatusEvent)]
        return WorkflowRunResult(events, statuses, earlier_outputs=earlier)

    async def aclose(self) -> None:
        """Stop the run if it is still under way, and wait until it has stopped."""
        task = self._task
        if task is None or task.done():
            return
        task.cancel()
        await asyncio.wait({task})

    async def __aenter__(self) -> ResponseStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
