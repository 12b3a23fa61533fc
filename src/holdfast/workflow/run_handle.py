# SPDX-License-Identifier: Apache-2.0
"""`StreamingRun`: a run that goes on by itself, held by whoever started it.

A handle makes one run call after another about the same run: the first one, one for each answer,
and one for each return to a checkpoint. All of them put their events into one queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Self

from holdfast.errors import RunBusy, RunCancelled, WorkflowCheckpointException
from holdfast.persistence.checkpoint import CheckpointInfo
from holdfast.runtime.timers import Alarm
from holdfast.workflow.answering import checked_answers
from holdfast.workflow.driving import WorkflowRun
from holdfast.workflow.event_data import WorkflowRunState
from holdfast.workflow.events import SuperStepCompletedEvent, WorkflowEvent, WorkflowStatusEvent
from holdfast.workflow.keeping import kept_checkpoints, last_checkpoint_id
from holdfast.workflow.request import RunRequest
from holdfast.workflow.responses import open_waits
from holdfast.workflow.run_call import RunCall
from holdfast.workflow.seat import Seats

Task = asyncio.Task[list[Any]]


class StreamingRun:
    """A run under way, as `workflow.start(...)` and `workflow.resume(...)` give it.

    The run goes on whether or not somebody watches; events wait until they are read. Leaving the
    handle as an async context manager, or `aclose()`, stops the run; what had ended is kept.
    """

    def __init__(self, seats: Seats, request: RunRequest) -> None:
        self._seats = seats
        self._keeping = request.keeping
        self._context = request.run_context
        self._unread: deque[WorkflowEvent] = deque()
        # Saved comes before told, so a list from the storage may know what an event will tell.
        self._checkpoints: dict[CheckpointInfo, None] = {}
        self._state = WorkflowRunState.IDLE
        self._current: Task | None = None
        self._run: WorkflowRun | None = None
        self._is_read = False
        self._between = 0
        self._changed: asyncio.Future[None] | None = None
        self._alarm: Alarm | None = None
        self._is_overdue = False

    @property
    def run(self) -> StreamingRun:
        """The handle itself."""
        return self

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._record.run_id

    @property
    def status(self) -> WorkflowRunState:
        """Where the run stands now, whatever of its events was read."""
        return self._state

    @property
    def checkpoints(self) -> list[CheckpointInfo]:
        """The checkpoints of the run so far, in the order they were committed."""
        return list(self._checkpoints)

    @property
    def last_checkpoint(self) -> CheckpointInfo | None:
        """The one that the run stands on: taken last, or restored since."""
        saver = self._record.live.saver
        last = None if saver is None else last_checkpoint_id(saver)
        return None if last is None else CheckpointInfo(self.run_id, last)

    @property
    def outputs(self) -> list[Any]:
        """All results that the run has yielded so far."""
        return self._record.outputs()

    def watch_stream(
        self, *, block_on_pending_request: bool = True
    ) -> AsyncIterator[WorkflowEvent]:
        """The events that nobody has read yet, and those that come, until the run rests.

        block_on_pending_request: while the run rests with open requests, wait for `send_response`
        instead of ending; deadlines of requests take effect meanwhile. Leaving early stops
        nothing: the next call goes on from there.
        Raises, while iterated: RunBusy if somebody else iterates; at the end, what the run raised.
        """
        return _Watching(self, blocks=block_on_pending_request)

    async def send_response(self, request_id: str, value: Any) -> None:
        """Answer an open request. Returns when the answer is kept, and the run goes on with it.

        Raises: RunError if nothing is asked, WaitNotFound and the like, AnswerRefused; what the
        run raised, if it ended before it could take the answer.
        """
        checked_answers(self._record.graph, {request_id: value})
        self._between += 1
        try:
            while (current := self._under_way()) is not None:
                await asyncio.wait({current})
                if not current.cancelled():
                    current.result()
            await self._begin(self._request(responses={request_id: value}))
        finally:
            self._between -= 1
            self._tell_changed()

    async def restore_checkpoint(self, info: CheckpointInfo) -> None:
        """Put the run back to one of its checkpoints, and let it go on from there.

        Events that nobody has read are dropped, open requests are told again. What is under way is
        stopped first. Raises: WorkflowCheckpointException without a storage, for a checkpoint of
        another run or of a workflow that does not fit; the run then stays where it was.
        """
        if self._keeping is None:
            raise WorkflowCheckpointException(
                "this run keeps no checkpoints",
                hint="Pass checkpoint_manager= to workflow.start(...).",
            )
        if info.run_id != self.run_id:
            raise WorkflowCheckpointException(
                f"the checkpoint belongs to run {info.run_id!r}, not to {self.run_id!r}",
                hint="Go on from it in a run of its own: workflow.resume(info).",
            )
        self._between += 1
        try:
            await self._stopped()
            kept = self._unread, self._state
            self._unread = deque()
            try:
                await self._begin(
                    self._request(checkpoint_id=info.checkpoint_id, checkpoint_run=info.run_id)
                )
            except BaseException:
                self._unread, self._state = kept
                raise
        finally:
            self._between -= 1
            self._tell_changed()

    async def until_idle(self) -> None:
        """Wait until the run rests. Raises: what the run raised, RunCancelled."""
        current = self._current
        while current is not None:
            await asyncio.wait({current})
            if current.cancelled():
                raise RunCancelled("the run was stopped before it came to rest")
            current.result()
            current = self._under_way()

    async def aclose(self) -> None:
        """Stop the run if it is still under way, and wait until it has stopped."""
        await self._stopped()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def begin(self, request: RunRequest) -> Self:
        """Make the first call; back when the run has begun. Raises: what prevents that."""
        await self._begin(request)
        return self

    @property
    def _record(self) -> WorkflowRun:
        assert self._run is not None
        return self._run

    def _request(self, **what: Any) -> RunRequest:
        request = RunRequest(keeping=self._keeping, run_context=self._context, **what)
        return request if request.checkpoint_id else replace(request, run_id=self.run_id)

    def _under_way(self) -> Task | None:
        current = self._current
        return None if current is None or current.done() else current

    async def _begin(self, request: RunRequest) -> None:
        """Start a call, and wait until it has done everything before its first superstep."""
        before = self._current
        self._is_overdue = False
        self._unwatch()
        call = RunCall(self._seats.choose, request, self._put, is_streaming=True)
        ready = asyncio.get_running_loop().create_future()

        def begun() -> None:
            self._take(call)
            ready.set_result(None)

        call.on_ready = begun
        task = asyncio.create_task(call.perform())
        task.add_done_callback(lambda _task: self._tell_changed())
        self._current = task
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                task.result()
        except BaseException:
            task.cancel()
            await asyncio.wait({task})
            self._current = before
            raise
        if request.checkpoint_id is not None:
            assert self._keeping is not None
            known = await kept_checkpoints(self._keeping, self.run_id)
            self._checkpoints = dict.fromkeys(known) | self._checkpoints

    def _take(self, call: RunCall) -> None:
        """The call has done everything before its first superstep."""
        self._run = call.run
        if call.request.checkpoint_id is not None:
            self._checkpoints = {}  # they are listed anew; what is taken from here on comes after
        last = self.last_checkpoint
        if last is not None:
            self._checkpoints.setdefault(last)

    async def _stopped(self) -> None:
        task = self._under_way()
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _put(self, event: WorkflowEvent) -> None:
        if isinstance(event, WorkflowStatusEvent):
            self._state = event.state
        elif isinstance(event, SuperStepCompletedEvent) and event.completion_info is not None:
            taken = event.completion_info.checkpoint
            if taken is not None:
                self._checkpoints.setdefault(taken)
        self._unread.append(event)
        self._tell_changed()

    def _tell_changed(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    async def next_event(self, *, blocks: bool) -> WorkflowEvent:
        """The event after the one read last. Raises: what the run raised, StopAsyncIteration."""
        while not self._unread:
            current = self._current
            assert current is not None
            if current.done() and not self._between:
                if not current.cancelled():
                    current.result()
                if current.cancelled() or not blocks or not open_waits(self._record.run):
                    raise StopAsyncIteration
                if self._is_overdue:
                    await self._begin(self._request(resume=True))
                    continue
                self._watch_deadlines()
            if self._changed is None:
                self._changed = asyncio.get_running_loop().create_future()
            await self._changed
        return self._unread.popleft()

    def _watch_deadlines(self) -> None:
        """Nothing carries a run that rests, so whoever waits for it acts on its deadlines."""
        asked = open_waits(self._record.run).values()
        if self._alarm is None:
            self._alarm = Alarm(self._record.live.clock, self._rung)
        self._alarm.set(min((w.deadline for w in asked if w.deadline is not None), default=None))

    def _rung(self, now: float) -> None:
        asked = open_waits(self._record.run).values()
        self._is_overdue = any(w.deadline is not None and w.deadline <= now for w in asked)
        self._tell_changed()

    def start_reading(self) -> None:
        """Let one enumeration read at a time. Raises: RunBusy."""
        if self._is_read:
            raise RunBusy(
                f"the events of run {self.run_id!r} are being read already",
                hint="Leave the other enumeration first: a run has one reader at a time.",
                run_id=self.run_id,
            )
        self._is_read = True

    def end_reading(self) -> None:
        """Let the next enumeration begin."""
        self._is_read = False
        self._unwatch()

    def _unwatch(self) -> None:
        if self._alarm is not None:
            self._alarm.stop()


class _Watching:
    """One enumeration of a run's events. A `break` drops it, and lets the next one begin."""

    __slots__ = ("_blocks", "_handle", "_is_over", "_is_reading")

    def __init__(self, handle: StreamingRun, *, blocks: bool) -> None:
        self._handle = handle
        self._blocks = blocks
        self._is_reading = False
        self._is_over = False

    def __aiter__(self) -> _Watching:
        return self

    async def __anext__(self) -> WorkflowEvent:
        if self._is_over:
            raise StopAsyncIteration
        if not self._is_reading:
            self._handle.start_reading()
            self._is_reading = True
        try:
            return await self._handle.next_event(blocks=self._blocks)
        except BaseException:
            self._leave()
            raise

    async def aclose(self) -> None:
        """End the enumeration; the run goes on."""
        self._leave()

    def _leave(self) -> None:
        self._is_over = True
        if self._is_reading:
            self._is_reading = False
            self._handle.end_reading()

    def __del__(self) -> None:
        self._leave()
