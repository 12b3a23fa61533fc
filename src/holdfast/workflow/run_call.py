# SPDX-License-Identifier: Apache-2.0
"""One call of `Workflow.run`, from choosing the run it is about to its last status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from holdfast.errors import RunBusy, RunError
from holdfast.machine.effects import Effect
from holdfast.persistence.codec import Codec
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
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.request import RunRequest
from holdfast.workflow.responses import open_waits

Put = Callable[[WorkflowEvent], None]


class Seat:
    """What a workflow object is on: the run it carries, and whether a call is under way.

    leaving: the task of a call that nobody watches any more and that is being stopped.
    """

    def __init__(self, plan: WorkflowPlan, codec: Codec) -> None:
        self.plan = plan
        self.codec = codec
        self.current: WorkflowRun | None = None
        self.state = WorkflowRunState.IDLE
        self.is_busy = False
        self.leaving: asyncio.Task[Any] | None = None

    def check_free(self) -> None:
        """Raises: RunBusy while a call is under way that somebody still watches."""
        if self.is_busy and (self.leaving is None or self.leaving.done()):
            name = self.plan.name
            raise RunBusy(
                f"workflow {name!r} is running; one object runs one run at a time",
                hint="Wait for the other call to end, or build one workflow for each run.",
            )

    async def take(self) -> None:
        """Wait until a call that was left has stopped, and be the one under way."""
        leaving = self.leaving
        if leaving is not None and leaving is not asyncio.current_task():
            await asyncio.wait({leaving})
            self.leaving = None
        self.check_free()
        self.is_busy = True


class RunCall:
    """One call: its request, where its events go, and the run it is about."""

    def __init__(self, seat: Seat, request: RunRequest, put: Put, *, is_streaming: bool) -> None:
        self.seat = seat
        self.request = request
        self.put = put
        self.is_streaming = is_streaming

    async def perform(self) -> list[Any]:
        """Carry the call out; returns the outputs that the run had before it."""
        await self.seat.take()
        try:
            run = await self._chosen()
            fitting = None
            if self.request.responses is not None and self.request.checkpoint_id is None:
                fitting = checked_answers(run.graph, self.request.responses)
            if self.request.has_message:
                run.graph.check_input(self.request.message)
            run.graph.publish = self.put
            run.graph.is_streaming = self.is_streaming
            run.graph.told_pending = False
            self.put(WorkflowStartedEvent())
            self._tell(WorkflowRunState.IN_PROGRESS)
            return await self._driven(run, fitting)
        finally:
            self.seat.is_busy = False

    async def _chosen(self) -> WorkflowRun:
        """The run that the request is about: the current one, or a new one."""
        request, current = self.request, self.seat.current
        if request.checkpoint_id is not None:
            return self._fresh()
        if request.has_message:
            if current is None or not self._goes_on(current):
                return self._fresh()
        elif current is None:
            raise RunError("there is no run to continue", hint="Start one with run(message).")
        assert current is not None
        await current.regain()
        if current.live.dead is not None:
            return await self._revived(current)
        return current

    def _goes_on(self, current: WorkflowRun) -> bool:
        """Whether a message continues the run: it rests, and somebody is still asked."""
        request = self.request
        if request.fresh or request.run_id not in (None, current.run_id):
            return False
        rests = current.run.status == "waiting" and current.live.dead is None
        return rests and bool(open_waits(current.run))

    async def _revived(self, current: WorkflowRun) -> WorkflowRun:
        """The run as its storage last held it, after a failed save."""
        saver = current.live.saver
        last = None if saver is None else last_checkpoint_id(saver)
        if last is None:
            raise RunError(
                "nothing of the run was saved, so it cannot be continued",
                hint="Start again with run(message).",
            ) from current.live.dead
        revived = fresh(self.seat.plan, self.seat.codec, current.keeping, None)
        await revived.restore(last)
        held = current.graph.held
        revived.graph.held.spoiled |= held.spoiled - set(revived.run.executors)
        self.seat.current = revived
        return revived

    def _fresh(self) -> WorkflowRun:
        request = self.request
        return fresh(self.seat.plan, self.seat.codec, request.keeping, request.run_id)

    async def _driven(self, run: WorkflowRun, fitting: dict[str, Any] | None) -> list[Any]:
        try:
            earlier, effects = await self._prepared(run, fitting)
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
        if self.request.checkpoint_id is not None:
            return await self._restored(run)
        if self.request.has_message:
            return [], await self._entered(run)
        earlier = run.outputs() if fitting is None else []
        effects = run.take_up(retry_parked=True)
        if fitting is not None:
            return earlier, effects + await run.answer(fitting)
        effects = await run.saved(effects)
        await run.hear()
        return earlier, effects

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
        assert self.request.checkpoint_id is not None
        try:
            told = await run.restore(self.request.checkpoint_id)
        except BaseException:
            if before is not None:
                # Instances that were given back already hold what the checkpoint says.
                before.graph.held.spoiled |= run.graph.held.spoiled
            raise
        if before is not None:
            run.graph.held.spoiled |= before.graph.held.spoiled - set(run.run.executors)
        self.seat.current = run
        for event in told:
            self.put(event)
        responses = self.request.responses or {}
        fitting = checked_answers(run.graph, responses) if responses else {}
        for event in run.reopened():
            if event.request_id not in fitting:
                self.put(event)
                run.graph.asked(event.request_id, event.response_type)
        earlier = run.outputs()
        effects = run.take_up(retry_parked=True)
        if fitting:
            effects += await run.answer(fitting)
        elif effects:
            effects = await run.saved(effects)
        return earlier, effects

    def _tell(self, state: WorkflowRunState) -> None:
        self.seat.state = state
        self.put(WorkflowStatusEvent(state))
