# SPDX-License-Identifier: Apache-2.0
"""One run of a workflow from its beginning, or from where it is kept, to where it rests."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.errors import RunCancelled, RunFailed, WaitError
from holdfast.machine import waits
from holdfast.machine.effects import Answered, Cancelled, Effect, Retried, Warn
from holdfast.machine.run import Run, new_run
from holdfast.persistence.checkpoint import WorkflowCheckpoint
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import InboxItem, Settlement, Stored
from holdfast.runtime import expiry, inbox
from holdfast.runtime.clock import IDS
from holdfast.runtime.halting import halt_within, run_out
from holdfast.runtime.home import Home
from holdfast.workflow import restoring
from holdfast.workflow.events import RequestInfoEvent
from holdfast.workflow.keeping import Keeping
from holdfast.workflow.kept_run import KeptRun
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.responses import open_waits, response_form
from holdfast.workflow.restoring import Reading


class WorkflowRun(KeptRun):
    """A run as `Workflow.run` and an engine drive it."""

    def __init__(self, plan: WorkflowPlan, codec: Codec, run: Run, keeping: Keeping) -> None:
        super().__init__(plan, codec, run, keeping)
        self.graph.on_rest = self._rested
        self._ended: asyncio.Future[None] | None = None

    @property
    def has_parked(self) -> bool:
        """Whether deliveries wait for somebody's decision."""
        return bool(self.graph.parked())

    async def watch_time(self) -> None:
        """Act on every deadline that has come, and on each one that comes until `let_go`."""
        self.live.on_time = self.keep_time
        await self.keep_time()

    async def keep_time(self, now: float | None = None) -> None:
        """Act on every deadline that has come, and wait for the next one. now: by default, now."""
        live = self.live
        then = live.clock.now() if now is None else now
        await expiry.keep_time(live, then, self.hear, self.graph.onward)

    def take_up(self, *, retry_parked: bool) -> list[Effect]:
        """Start what an interrupted superstep has left undone."""
        if retry_parked:
            for delivery in self.graph.parked():
                self.graph.step(self.run, Retried(delivery))
        return self.graph.resume()

    async def go(self, effects: list[Effect]) -> None:
        """Perform effects that are saved, carry on in this task, and return when the run rests.

        Raises: what a handler raised, WorkflowConvergenceException, StoreError. The caller's
        cancellation stops every handler; what had ended is kept.
        """
        live = self.live
        try:
            await live.carry(live.perform(effects, here=True))
            while live.tasks or self._is_waiting_to_call:
                if live.tasks:
                    await live.settled()
                else:
                    await live.until_quiet()
        except BaseException:
            await halt_within(live)
            raise
        if live.dead is not None:
            raise live.dead
        if live.orphans:
            error = live.orphans[0]
            live.orphans = None
            if isinstance(error, asyncio.CancelledError):
                # Nobody stopped the run: to its caller this must not look as if somebody had.
                raise RunFailed(
                    f"run {self.run_id!r}: a handler raised CancelledError", run_id=self.run_id
                ) from error
            raise error

    @property
    def _is_waiting_to_call(self) -> bool:
        """Whether no task is at work because all that is due waits to be called again."""
        live = self.live
        return live.dead is None and not live.is_quiet and bool(live.postponed())

    async def answer(self, fitting: Mapping[str, Any]) -> list[Effect]:
        """Settle requests with answers that fit, and take the response checkpoint."""
        live, graph = self.live, self.graph
        if inbox.store_of(live) is not None:
            for request_id, value in fitting.items():
                data = self.codec.encode(value, f"response to {request_id}")
                digest = self.codec.digest(value)
                await inbox.settle(live, request_id, data, digest, (None, None))
            await self.hear()
            return []
        journal = self.run.journal
        for request_id, value in fitting.items():
            waits.judge(self.run, request_id, None, None)
            encoded = None if journal is None else journal.codec.encode(value, "response")
            graph.step(self.run, Answered(request_id, value, encoded, None, live.clock.now()))
        return await self.saved(graph.onward())

    async def cancel_requests(self, request_ids: Iterable[str]) -> list[Effect]:
        """Ask open requests no more; one that was answered meanwhile stays answered."""
        live, graph = self.live, self.graph
        asked = [name for name in request_ids if name in open_waits(self.run)]
        store = inbox.store_of(live)
        if store is None:
            effects = [e for name in asked for e in graph.step(self.run, Cancelled(name))]
            return await self.saved(effects + graph.onward())
        for name in asked:
            with contextlib.suppress(WaitError):
                settlement = Settlement(status="cancelled", at=live.clock.now())
                await store.settle(self.run_id, name, settlement)
        await self.hear()
        return []

    async def reopened(self) -> list[RequestInfoEvent]:
        """The open requests, as events for whoever has just restored the run.

        Without those that were answered in the store meanwhile: the run is about to hear of them.
        """
        events: list[RequestInfoEvent] = []
        asked = open_waits(self.run)
        if asked and isinstance(self.keeping, Home):
            still = await restoring.open_ids(self.keeping, self.run_id)
            asked = {name: wait for name, wait in asked.items() if name in still}
        now = self.live.clock.now()
        for wait in asked.values():
            if wait.deadline is not None and wait.deadline <= now:
                continue
            assert wait.origin is not None
            form = response_form(self.graph.executors[wait.origin.node], wait)
            events.append(
                RequestInfoEvent(
                    wait.payload, wait.id, wait.origin.node, object if form is None else form
                )
            )
        return events

    async def begin(self, value: Any, digest: str) -> None:
        """Start in the store and return after the entry checkpoint; handlers run in tasks."""
        self.live.on_time = self.keep_time
        self.live.perform(await self.enter(value, digest=digest), here=False)

    async def adopt(self, checkpoint: WorkflowCheckpoint) -> None:
        """Go on from a checkpoint as a new run of the store. Raises: as `restore`; RunExists."""
        reading = Reading(self.plan, self.codec)
        run, warning = restoring.from_document(checkpoint, reading)
        run.run_id = self.run_id
        self.graph.adopt(run)
        await self.graph.held.give_back(run)
        saver = self.live.saver = self._new_saver("")
        saver.opened.extend(open_waits(run).values())
        self.graph.mark("save")
        await self.saved([])
        if warning is not None:
            warnings.warn(warning, RuntimeWarning, stacklevel=2)
        if run.status != "failed":
            await self.live.advance(self.take_up(retry_parked=False), here=False)
        await self.watch_time()

    async def recover(self, *, retry_parked: bool = False, strict: bool = False) -> None:
        """Take the run from the store and start what is unfinished.

        strict: refuse a changed graph. Raises: as `restore`.
        """
        assert isinstance(self.keeping, Home)
        restored = await restoring.from_head(
            self.keeping, self.run_id, Reading(self.plan, self.codec, is_strict=strict)
        )
        await self._take(restored)
        if restored.moves:
            await self.saved([])
        if restored.warning is not None:
            warnings.warn(restored.warning, RuntimeWarning, stacklevel=2)
        if not self.is_set_aside and (self.run.status != "failed" or retry_parked):
            await self.live.advance(self.take_up(retry_parked=retry_parked), here=False)
        await self.hear()
        await self.watch_time()

    async def hear(self) -> None:
        """Take in what was posted for the run, and start what it made due."""
        if self.run.status == "failed":
            # What was stopped may still be on its way out, and is not to run twice at once.
            await self.live.settled()
        is_over = self.run.lifecycle == "closed" or self.run.status == "completed"
        posted = _late if is_over else self.graph.posted
        await inbox.take_in(self.live, posted, self.graph.onward)
        if not self.run.live:
            self.graph.quiet(self.live)

    @property
    def _has_ended(self) -> bool:
        return self.run.status in ("completed", "cancelled", "failed")

    def _rested(self) -> None:
        future = self._ended
        if future is None or future.done():
            return
        if self.live.dead is not None:
            future.set_exception(self.live.dead)
        elif self._has_ended:
            future.set_result(None)

    async def outcome(self) -> list[Any]:
        """Wait until the run has completed; returns its outputs.

        Raises: RunFailed, with the cause, once it stands with a failed delivery; RunCancelled.
        """
        if self.live.dead is not None:
            raise self.live.dead
        saver = self.live.saver
        if not self._has_ended or (saver is not None and saver.done != saver.wanted):
            if self._ended is None or self._ended.done():
                self._ended = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._ended)
        if self.run.status == "cancelled":
            raise RunCancelled(f"run {self.run_id!r} was cancelled", run_id=self.run_id)
        if self.run.status == "failed":
            cause = self.live.orphans[0] if self.live.orphans else None
            raise RunFailed(
                f"run {self.run_id!r} stands with failed work: {self.run.error}",
                run_id=self.run_id,
            ) from cause
        return self.outputs()

    def outputs(self) -> list[Any]:
        """The results that the record holds."""
        return [output.value for output in self.run.outputs if output.kind == "output"]

    async def ended(self, stored: Stored) -> list[Any]:
        """The outcome that the record of an ended run holds; nobody owns it for that."""
        found, _ = restoring.read_record(stored, Reading(self.plan, self.codec))
        self.graph.adopt(found.run)
        return await self.outcome()

    async def wind_up(self) -> None:
        """Start nothing new, and let what is under way end; a run ends with its last superstep."""
        await run_out(self.live)

    async def stop(self) -> None:
        """Stop carrying the run here; unfinished work stays due in the record."""
        await halt_within(self.live)
        await self.let_go()


def _late(item: InboxItem) -> list[Effect]:
    """A post that came while the run ended: what the run came to stands."""
    return [Warn("post.late", f"a post of kind {item.post.kind!r} came after the end")]


def fresh(plan: WorkflowPlan, codec: Codec, keeping: Keeping, run_id: str | None) -> WorkflowRun:
    """A run that has not begun."""
    return WorkflowRun(plan, codec, new_run(run_id or IDS.new(), "workflow", plan.graph), keeping)
