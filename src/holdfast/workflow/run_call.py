# SPDX-License-Identifier: Apache-2.0
"""One call of `Workflow.run`, from choosing the run it is about to its last status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from holdfast.errors import RunError
from holdfast.machine.effects import Effect
from holdfast.workflow.answering import checked_answers
from holdfast.workflow.driving import WorkflowRun, fresh
from holdfast.workflow.event_data import WorkflowErrorDetails, WorkflowRunState
from holdfast.workflow.events import (
    WorkflowEvent,
    WorkflowFailedEvent,
    WorkflowStartedEvent,
    WorkflowStatusEvent,
    WorkflowWarningEvent,
)
from holdfast.workflow.keeping import last_checkpoint_id
from holdfast.workflow.request import RunRequest
from holdfast.workflow.responses import open_waits
from holdfast.workflow.seat import Seat

Put = Callable[[WorkflowEvent], None]


class RunCall:
    """One call: its request, where its events go, and the run it is about.

    choose: gives the seat when the call begins. run: the run, once it is chosen. on_ready: called
    when everything before the first superstep of the call is done and saved.
    """

    def __init__(
        self,
        choose: Callable[[RunRequest], Seat],
        request: RunRequest,
        put: Put,
        *,
        is_streaming: bool,
    ) -> None:
        self._choose = choose
        self.request = request
        self.put = put
        self.is_streaming = is_streaming
        self._taken: Seat | None = None
        self.run: WorkflowRun | None = None
        self._opens_kept = False
        self.on_ready: Callable[[], None] = _go_on

    async def perform(self) -> list[Any]:
        """Carry the call out; returns the outputs that the run had before it."""
        seat = self._taken = self._choose(self.request)
        await seat.take()
        try:
            return await self._performed(seat)
        finally:
            try:
                if self.run is not None:
                    await self.run.let_go()
            finally:
                seat.give_up()

    @property
    def seat(self) -> Seat:
        """Where the call takes place, once it has begun."""
        assert self._taken is not None
        return self._taken

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before it is chosen."""
        return None if self.run is None else self.run.run_id

    def left(self, task: asyncio.Task[list[Any]]) -> None:
        """Nobody watches the call any more; its task is being stopped."""
        if self._taken is not None:
            self._taken.leaving = task

    async def _performed(self, seat: Seat) -> list[Any]:
        run = self.run = await self._chosen(seat)
        fitting = None
        if self.request.responses is not None and not self._reads:
            fitting = checked_answers(run.graph, self.request.responses)
        if self.request.has_message:
            run.graph.check_input(self.request.message)
        graph = run.graph
        graph.publish = self.put
        graph.is_streaming = self.is_streaming
        graph.told_pending = False
        if self.request.run_context is not None:
            graph.run_context = self.request.run_context
        self.put(WorkflowStartedEvent())
        self._tell(WorkflowRunState.IN_PROGRESS)
        return await self._driven(run, fitting)

    @property
    def _reads(self) -> bool:
        """Whether the run comes from where it is kept, and not from memory."""
        return self.request.checkpoint_id is not None or self._opens_kept

    async def _chosen(self, seat: Seat) -> WorkflowRun:
        """The run that the request is about: the current one, a kept one, or a new one."""
        request, current = self.request, seat.current
        if request.checkpoint_id is not None:
            return self._fresh(seat)
        if request.has_message:
            if current is None or not self._goes_on(current):
                return self._fresh(seat)
        elif request.run_id is not None and (current is None or current.run_id != request.run_id):
            self._opens_kept = True
            return self._fresh(seat)
        elif current is None:
            raise RunError("there is no run to continue", hint="Start one with run(message).")
        assert current is not None
        await current.regain()
        if current.live.dead is not None:
            return await self._revived(seat, current)
        return current

    def _goes_on(self, current: WorkflowRun) -> bool:
        """Whether a message continues the run: it rests, and somebody is still asked."""
        request = self.request
        if request.fresh or request.run_id not in (None, current.run_id):
            return False
        rests = current.run.status == "waiting" and current.live.dead is None
        return rests and bool(open_waits(current.run))

    async def _revived(self, seat: Seat, current: WorkflowRun) -> WorkflowRun:
        """The run as its storage last held it, after a failed save."""
        saver = current.live.saver
        last = None if saver is None else last_checkpoint_id(saver)
        if last is None:
            raise RunError(
                "nothing of the run was saved, so it cannot be continued",
                hint="Start again with run(message).",
            ) from current.live.dead
        revived = self.run = fresh(seat.plan, seat.codec, current.keeping, None)
        await revived.restore(last)
        revived.graph.held.take_over(current.graph.held, revived.run)
        seat.current = revived
        return revived

    def _fresh(self, seat: Seat) -> WorkflowRun:
        request = self.request
        return fresh(seat.plan, seat.codec, request.keeping, request.run_id)

    async def _driven(self, run: WorkflowRun, fitting: dict[str, Any] | None) -> list[Any]:
        try:
            earlier, effects = await self._prepared(run, fitting)
            self.on_ready()
            await run.go(effects)
        except asyncio.CancelledError:
            self._tell(WorkflowRunState.CANCELLED)
            raise
        except BaseException as error:
            self.put(WorkflowFailedEvent(self._details(run, error)))
            self._tell(WorkflowRunState.FAILED)
            raise
        finally:
            await run.let_go()
        idle = WorkflowRunState.IDLE
        asked = WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
        self._tell(asked if open_waits(run.run) else idle)
        return earlier

    def _details(self, run: WorkflowRun, error: BaseException) -> WorkflowErrorDetails:
        failure = run.graph.failure
        executor_id = failure[1] if failure is not None and failure[0] is error else None
        return WorkflowErrorDetails.from_exception(error, executor_id=executor_id)

    async def _prepared(
        self, run: WorkflowRun, fitting: dict[str, Any] | None
    ) -> tuple[list[Any], list[Effect]]:
        """Everything before the first superstep of this call, saved.

        Returns the outputs from before, and the effects that start the superstep.
        """
        if self._reads:
            earlier, effects = await self._restored(run)
            effects += await self._cancelled(run)
            await run.watch_time()
            return earlier, effects
        if self.request.has_message:
            return [], await self._entered(run)
        earlier = run.outputs() if fitting is None else []
        effects = run.take_up(retry_parked=True)
        if fitting is not None:
            effects += await run.answer(fitting)
        else:
            effects = await run.saved(effects)
            await run.hear()
        effects += await self._cancelled(run)
        await run.watch_time()
        return earlier, effects

    async def _cancelled(self, run: WorkflowRun) -> list[Effect]:
        names = self.request.cancelled
        return await run.cancel_requests(names) if names else []

    async def _entered(self, run: WorkflowRun) -> list[Effect]:
        before = self.seat.current
        if before is not run:
            if before is None:
                for text in self.seat.plan.warnings:
                    self.put(WorkflowWarningEvent(text))
            else:
                self._tell_dropped(before)
                await run.heal(before)
                if not self.request.fresh:
                    run.inherit(before)
        if self.request.fresh:
            await run.graph.held.reset()
        await run.watch_time()
        effects = await run.enter(self.request.message)
        self.seat.current = run
        return effects

    def _tell_dropped(self, before: WorkflowRun) -> None:
        """A new run begins although the one before has something open."""
        asked = open_waits(before.run)
        if asked and not self.request.fresh:
            self.put(
                WorkflowWarningEvent(
                    f"run {before.run_id!r} did not come to rest and is left behind; "
                    f"nobody will hear the answers to {', '.join(map(repr, asked))}"
                )
            )

    async def _restored(self, run: WorkflowRun) -> tuple[list[Any], list[Effect]]:
        before = self.seat.current
        for event in await self._read(run, before):
            self.put(event)
        if before is not None:
            run.graph.held.take_over(before.graph.held, run.run)
        self.seat.current = run
        responses = self.request.responses
        fitting = {} if responses is None else checked_answers(run.graph, responses)
        for asked in await run.reopened():
            if asked.request_id not in (*fitting, *self.request.cancelled):
                self.put(asked)
                run.graph.asked(asked.request_id, asked.response_type)
        earlier = run.outputs()
        effects = [] if run.is_set_aside else run.take_up(retry_parked=True)
        if fitting:
            return earlier, effects + await run.answer(fitting)
        if effects:
            effects = await run.saved(effects)
        await run.hear()
        return earlier, effects

    async def _read(self, run: WorkflowRun, before: WorkflowRun | None) -> list[WorkflowEvent]:
        request, is_strict = self.request, self.request.on_graph_change == "fail"
        try:
            if request.checkpoint_id is None:
                return await run.open_kept(is_strict=is_strict)
            return await run.restore(
                request.checkpoint_id, of_run=request.checkpoint_run, is_strict=is_strict
            )
        except BaseException:
            if before is not None:
                # What could not be put back into an instance is put back before its next call.
                before.graph.held.spoiled |= run.graph.held.spoiled
            raise

    def _tell(self, state: WorkflowRunState) -> None:
        self.seat.state = state
        self.put(WorkflowStatusEvent(state))


def _go_on() -> None:
    """What happens when a call is ready and nobody waits for that."""
