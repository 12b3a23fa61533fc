# SPDX-License-Identifier: Apache-2.0
"""What a workflow object is on: the runs it carries, and who may begin another one.

Executors given as instances hold what their handlers left in them, so one call at a time uses
them. With functions and factories nothing is shared: every call that begins while another is
under way has a run, and a seat, of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast.errors import WorkflowBusy
from holdfast.persistence.codec import Codec
from holdfast.workflow.driving import WorkflowRun
from holdfast.workflow.event_data import WorkflowRunState
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.request import RunRequest
from holdfast.workflow.responses import open_waits


class Seat:
    """One run of a workflow object, and whether a call is under way on it.

    leaving: the task of a call that nobody watches any more and that is being stopped.
    """

    def __init__(self, plan: WorkflowPlan, codec: Codec) -> None:
        self.plan = plan
        self.codec = codec
        shared = set(plan.shared_instances)
        self._shared = [(name, one) for name, one in plan.instances() if name in shared]
        self.current: WorkflowRun | None = None
        self.state = WorkflowRunState.IDLE
        self.is_busy = False
        self.leaving: asyncio.Task[Any] | None = None

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before any."""
        return None if self.current is None else self.current.run_id

    @property
    def is_taken(self) -> bool:
        """Whether a call is under way that somebody still watches."""
        return self.is_busy and (self.leaving is None or self.leaving.done())

    def check_free(self) -> None:
        """Raises: WorkflowBusy while a call is under way here, or with our instances elsewhere."""
        if self.is_taken:
            raise WorkflowBusy(
                f"workflow {self.plan.name!r} is running; this call is about the same run, or "
                "needs executors that were given as instances and serve one run at a time",
                hint="Wait for the other call to end, or give executors as factories: "
                "WorkflowBuilder.register(id, factory).",
            )
        for name, executor in self._shared:
            other = executor.used_by
            if isinstance(other, Seat) and other is not self and other.is_taken:
                raise WorkflowBusy(
                    f"executor {name!r} is at work in another run of {other.plan.name!r}: "
                    "an instance serves one run at a time",
                    hint="Wait for that run to rest, or give each workflow instances of its own, "
                    "or factories: WorkflowBuilder.register(id, factory).",
                )

    async def take(self) -> None:
        """Wait until a call that was left has stopped, and be the one under way."""
        await self._until_left(self)
        for _, executor in self._shared:
            other = executor.used_by
            if isinstance(other, Seat) and other is not self:
                await self._until_left(other)
        self.check_free()
        self.is_busy = True
        for _, executor in self._shared:
            executor.used_by = self

    async def _until_left(self, other: Seat) -> None:
        leaving = other.leaving
        if leaving is not None and leaving is not asyncio.current_task():
            await asyncio.wait({leaving})
            other.leaving = None

    def give_up(self) -> None:
        """The call is over."""
        self.is_busy = False
        for _, executor in self._shared:
            if executor.used_by is self:
                executor.used_by = None


class Seats:
    """The runs of one workflow object: the one that a call was about last, and others beside it.

    A run stays beside while a call is under way on it, or while it rests with open requests and
    nothing but this process keeps it.
    """

    def __init__(self, plan: WorkflowPlan, codec: Codec) -> None:
        self.plan = plan
        self.codec = codec
        self.latest = Seat(plan, codec)
        self._beside: list[Seat] = []

    def find(self, request: RunRequest) -> Seat | None:
        """The seat that a call would take; None for one that begins a run beside the others.

        Raises: WorkflowBusy.
        """
        known = None if request.run_id is None else self._on(request.run_id)
        seat = self.latest if known is None else known
        if known is None and self._may_begin(request):
            return None
        seat.check_free()
        return seat

    def choose(self, request: RunRequest) -> Seat:
        """The seat of a call that begins now. Raises: WorkflowBusy."""
        seat = self.find(request)
        if seat is None:
            seat = Seat(self.plan, self.codec)
        if seat is not self.latest:
            self._beside = [s for s in self._beside if s is not seat and _is_needed(s)]
            if _is_needed(self.latest):
                self._beside.append(self.latest)
            self.latest = seat
        return seat

    def _may_begin(self, request: RunRequest) -> bool:
        """Whether a call begins a run beside one that is under way, or kept for its answers."""
        if self.plan.shared_instances:
            return False
        if self.latest.is_taken:
            return request.has_message or request.checkpoint_id is not None or bool(request.run_id)
        return request.names_run is not None and _is_needed(self.latest)

    def _on(self, run_id: str) -> Seat | None:
        for seat in (self.latest, *self._beside):
            if seat.run_id == run_id:
                return seat
        return None

    def reset(self) -> None:
        """Forget all runs. Raises: WorkflowBusy while a call is under way."""
        for seat in (self.latest, *self._beside):
            seat.check_free()
        self.latest = Seat(self.plan, self.codec)
        self._beside = []


def _is_needed(seat: Seat) -> bool:
    run = seat.current
    if seat.is_busy or run is None:
        return seat.is_busy
    return run.keeping is None and bool(open_waits(run.run))
