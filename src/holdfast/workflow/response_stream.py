# SPDX-License-Identifier: Apache-2.0
"""A run call watched as it goes: events one by one, then the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Self

from holdfast.errors import RunCancelled
from holdfast.workflow.events import WorkflowEvent, WorkflowStatusEvent
from holdfast.workflow.request import RunRequest
from holdfast.workflow.result import WorkflowRunResult
from holdfast.workflow.run_call import RunCall
from holdfast.workflow.seat import Seat

Task = asyncio.Task[list[Any]]


class ResponseStream:
    """Events of a run that begins when the first one is asked for.

    Iterate it, or await `get_final_response()`, or both. Leaving it early, by `break`, `aclose()`
    or as an async context manager, stops the run; what had ended is kept.
    choose: gives the seat when the call begins.
    """

    def __init__(self, choose: Callable[[RunRequest], Seat], request: RunRequest) -> None:
        self._call = RunCall(choose, request, self._put, is_streaming=True)
        self._events: list[WorkflowEvent] = []
        self._task: Task | None = None
        self._read = 0
        self._came: asyncio.Future[None] | None = None

    def _begin(self) -> Task:
        if self._task is None:
            self._task = asyncio.create_task(self._carried())
            self._task.add_done_callback(lambda _task: self._wake())
        return self._task

    async def _carried(self) -> list[Any]:
        try:
            return await self._call.perform()
        except Exception as error:
            error.workflow_result = self._result([])  # type: ignore[attr-defined]
            raise

    def _put(self, event: WorkflowEvent) -> None:
        self._events.append(event)
        self._wake()

    def _wake(self) -> None:
        came, self._came = self._came, None
        if came is not None and not came.done():
            came.set_result(None)

    def __aiter__(self) -> AsyncIterator[WorkflowEvent]:
        return _Reading(self.next_event, self.leave)

    async def next_event(self) -> WorkflowEvent:
        """The event after the one read last. Raises: what the run raised, StopAsyncIteration."""
        task = self._begin()
        while self._read == len(self._events):
            if task.done():
                if not task.cancelled():
                    task.result()
                raise StopAsyncIteration
            if self._came is None:
                self._came = asyncio.get_running_loop().create_future()
            await self._came
        self._read += 1
        return self._events[self._read - 1]

    async def get_final_response(self) -> WorkflowRunResult:
        """Let the run come to rest and return its result.

        Raises: what the run raised; RunCancelled if the stream was left before the run rested.
        """
        task = self._begin()
        await asyncio.wait({task})
        if task.cancelled():
            raise RunCancelled("the stream was left before the run came to rest")
        return self._result(task.result())

    def _result(self, earlier: list[Any]) -> WorkflowRunResult:
        statuses = [event for event in self._events if isinstance(event, WorkflowStatusEvent)]
        return WorkflowRunResult(
            self._events, statuses, earlier_outputs=earlier, run_id=self._call.run_id
        )

    @property
    def run_id(self) -> str | None:
        """The id of the run; None until its first event."""
        return self._call.run_id

    def leave(self) -> None:
        """Stop the run if it is still under way, without waiting until it has stopped."""
        task = self._task
        if task is None or task.done() or task.get_loop().is_closed():
            return
        self._call.left(task)
        task.cancel()

    async def aclose(self) -> None:
        """Stop the run if it is still under way, and wait until it has stopped."""
        self.leave()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _Reading:
    """One iteration. A `break` drops it, and dropped before the end it stops the run at once."""

    __slots__ = ("_leave", "_next")

    def __init__(
        self,
        next_event: Callable[[], Coroutine[Any, Any, WorkflowEvent]],
        leave: Callable[[], None],
    ) -> None:
        self._next = next_event
        self._leave = leave

    def __aiter__(self) -> _Reading:
        return self

    def __anext__(self) -> Coroutine[Any, Any, WorkflowEvent]:
        return self._next()

    def __del__(self) -> None:
        self._leave()
