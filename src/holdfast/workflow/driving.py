# SPDX-License-Identifier: Apache-2.0
"""One run of a workflow from its beginning, or from where it is kept, to where it rests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from holdfast.errors import (
    RunCancelled,
    RunError,
    RunFailed,
    StoreError,
)
from holdfast.machine import frames, snapshot, superstep, waits
from holdfast.machine.effects import Answered, Effect, Retried
from holdfast.machine.journal import Journal
from holdfast.machine.run import Cell, Run, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import RunHead
from holdfast.runtime import expiry, inbox
from holdfast.runtime.clock import CLOCK, IDS
from holdfast.runtime.home import Home
from holdfast.runtime.live import LiveRun
from holdfast.runtime.saving import Saver, StoreKeeper
from holdfast.workflow import restoring
from holdfast.workflow.events import RequestInfoEvent, WorkflowEvent, WorkflowWarningEvent
from holdfast.workflow.keeping import Keeping, StorageKeeper, newest_of
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.responses import open_waits, response_form
from holdfast.workflow.restoring import Reading, Restored
from holdfast.workflow.running import GraphRun


class WorkflowRun:
    """A run as `Workflow.run` and an engine drive it. keeping: a store, a storage, or neither.

    Long because: it is all that two callers may ask of one run, from its input to its end.
    """

    def __init__(self, plan: WorkflowPlan, codec: Codec, run: Run, keeping: Keeping) -> None:
        self.plan = plan
        self.codec = codec
        self.keeping = keeping
        times = (keeping.clock, keeping.ids) if isinstance(keeping, Home) else (CLOCK, IDS)
        self.graph = GraphRun(run, plan, codec, times)
        self.graph.on_rest = self._rested
        self._ended: asyncio.Future[None] | None = None
        # A claim that no append has given up yet: reading a run claims it, even at rest.
        self._is_claimed = False

    @property
    def run(self) -> Run:
        """The record."""
        return self.graph.run

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.graph.run.run_id

    @property
    def live(self) -> LiveRun:
        """The run under way."""
        return self.graph.live

    @property
    def has_parked(self) -> bool:
        """Whether deliveries wait for somebody's decision."""
        return bool(self.graph.parked())

    def inherit(self, before: WorkflowRun) -> None:
        """Before it begins: take over the shared state of the run before."""
        for number, frame in before.run.frames.items():
            kept = {key: Cell(cell.value) for key, cell in frame.state.items()}
            frames.of(self.run, number).state = kept

    async def heal(self, before: WorkflowRun) -> None:
        """Bring instances back that the run before left in the middle of a call."""
        for text in await self.graph.held.inherit(before.graph.held, before.run):
            self.graph.publish(WorkflowWarningEvent(text))

    async def enter(self, message: Any, *, digest: str = "") -> list[Effect]:
        """Take the input and the entry checkpoint. Returns what starts the first superstep."""
        graph, run = self.graph, self.run
        graph.check_input(message)
        if self.keeping is not None and graph.live.saver is None:
            graph.live.saver = self._new_saver(digest)
            await graph.held.all(run)
        journal = run.journal
        data = None if journal is None else journal.codec.encode(message, "input")
        effects = superstep.enter(run, message, data)
        graph.mark("entry")
        return await self.saved(effects)

    def _new_saver(self, digest: str) -> Saver:
        run = self.run
        if isinstance(self.keeping, Home):
            head = RunHead(
                run_id=run.run_id,
                definition=self.plan.name,
                front="workflow",
                fingerprint=self.plan.fingerprint,
                created_at=self.keeping.clock.now(),
                input_digest=digest,
            )
            return self.keeping.new_saver(run, head, self.codec)
        assert self.keeping is not None
        run.journal = Journal(self.codec)
        snapshot.mark_all(run)
        return Saver(run, StorageKeeper(self.keeping, self.plan, IDS), CLOCK, IDS)

    async def saved(self, effects: list[Effect]) -> list[Effect]:
        """Write down what was stepped. Returns the effects, which may be acted on now."""
        saver = self.live.saver
        if saver is not None:
            try:
                await saver.commit()
            except Exception as error:
                self.live.die(error)
                raise
        return effects

    async def restore(self, checkpoint_id: str, *, is_strict: bool = False) -> list[WorkflowEvent]:
        """Take the record of a checkpoint; `take_up` continues from there.

        Going back to an earlier checkpoint branches, and deletes nothing. Returns what watchers
        are to be told. Raises: WorkflowCheckpointException; until everything was checked nothing
        is changed, in the store or in an executor. is_strict: a changed graph is refused.
        """
        reading = Reading(self.plan, self.codec, is_strict=is_strict)
        assert self.keeping is not None
        if isinstance(self.keeping, Home):
            restored = await restoring.from_store(self.keeping, checkpoint_id, reading)
        else:
            restored = await restoring.from_storage(self.keeping, checkpoint_id, reading)
        return await self._begin_from(restored)

    async def open_kept(self, *, is_strict: bool = False) -> list[WorkflowEvent]:
        """Take the record as its run was last written. Returns and raises as `restore`.

        Raises: RunError if nothing keeps it, RunNotFound if no run of this id is kept.
        """
        reading = Reading(self.plan, self.codec, is_strict=is_strict)
        if self.keeping is None:
            raise RunError(
                f"this object is not on run {self.run_id!r}, and nothing else keeps it",
                hint="Pass checkpoint_storage= to run(...) or to WorkflowBuilder(...).",
                run_id=self.run_id,
            )
        if isinstance(self.keeping, Home):
            restored = await restoring.from_head(self.keeping, self.run_id, reading)
        else:
            latest = await newest_of(self.keeping, self.run_id)
            restored = await restoring.from_storage(self.keeping, latest, reading)
        return await self._begin_from(restored)

    async def _begin_from(self, restored: Restored) -> list[WorkflowEvent]:
        await self._take(restored)
        if isinstance(self.keeping, Home):
            await restoring.withdraw(self.keeping, restored.replaced)
        if restored.saver.opened or restored.leftover:
            # Questions are answered in the store, so the store must know them first.
            await self.saved([])
        if isinstance(self.keeping, Home):
            await restoring.withdraw(self.keeping, restored.leftover)
        return [] if restored.warning is None else [WorkflowWarningEvent(restored.warning)]

    async def _take(self, restored: Restored) -> None:
        self._is_claimed = True
        self.graph.adopt(restored.run)
        self.live.saver = restored.saver
        self.live.dead = self.live.orphans = self.live.errors = self.live.stopped = None
        self.live.interrupted = None
        if restored.seen:
            self.live.seen = restored.seen
        await self.graph.held.give_back(restored.run)

    async def regain(self) -> None:
        """Own a run again that was let go at rest; read it anew if others have moved it on.

        Raises: RunOwned while another live process carries it.
        """
        home, saver = self.keeping, self.live.saver
        if saver is None or not isinstance(home, Home):
            return
        keeper = saver.keeper
        if self.live.dead is None and isinstance(keeper, StoreKeeper):
            row = await home.store.row(self.run_id)
            if row.seq == keeper.head and row.epoch == keeper.claim.epoch:
                return
            if row.seq == keeper.head:
                claim = await home.owner.claim(self.run_id)
                if claim.seq == keeper.head:
                    keeper.claim = claim
                    self._is_claimed = True
                    return
        reading = Reading(self.plan, self.codec)
        await self._take(await restoring.from_head(home, self.run_id, reading))

    async def let_go(self) -> None:
        """After a failure or a stop: others may take the run up from the store.

        A run that rests has no owner: its last commit gave it up.
        """
        self.live.on_time = None
        self.live.disarm()
        saver = self.live.saver
        if saver is None or not isinstance(self.keeping, Home):
            return
        await saver.settle()
        is_held = self._is_claimed or self.live.dead is not None or bool(self.run.live)
        self._is_claimed = False
        if saver.keeper.head and is_held:
            with contextlib.suppress(StoreError):
                await saver.keeper.release()

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
            while live.tasks:
                await live.settled()
        except BaseException:
            await live.halt()
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

    async def recover(self, *, retry_parked: bool = False) -> None:
        """Take the run from the store and start what is unfinished."""
        assert isinstance(self.keeping, Home)
        reading = Reading(self.plan, self.codec)
        await self._take(await restoring.from_head(self.keeping, self.run_id, reading))
        if self.run.status != "failed" or retry_parked:
            await self.live.advance(self.take_up(retry_parked=retry_parked), here=False)
        await self.hear()
        await self.watch_time()

    async def hear(self) -> None:
        """Take in what was posted for the run, and start what it made due."""
        if self.run.status == "failed":
            # What was stopped may still be on its way out, and is not to run twice at once.
            await self.live.settled()
        await inbox.take_in(self.live, self.graph.posted, self.graph.onward)
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

    async def stop(self) -> None:
        """Stop carrying the run here; unfinished work stays due in the record."""
        await self.live.halt()
        await self.let_go()


def fresh(plan: WorkflowPlan, codec: Codec, keeping: Keeping, run_id: str | None) -> WorkflowRun:
    """A run that has not begun."""
    return WorkflowRun(plan, codec, new_run(run_id or IDS.new(), "workflow", plan.graph), keeping)
