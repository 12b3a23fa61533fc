# SPDX-License-Identifier: Apache-2.0
"""One run of a workflow from its beginning, or from where it is kept, to where it rests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from holdfast.errors import (
    AnswerRefused,
    CheckpointNotFound,
    RunError,
    RunFailed,
    WaitNotFound,
    WorkflowCheckpointException,
)
from holdfast.machine import snapshot, superstep, waits
from holdfast.machine.effects import Answered, Effect, Retried
from holdfast.machine.journal import Journal
from holdfast.machine.run import Cell, Frame, Run, Wait, new_run
from holdfast.persistence.checkpoint import CheckpointStorage, WorkflowCheckpoint
from holdfast.persistence.codec import Codec
from holdfast.persistence.parts import Part, merge
from holdfast.persistence.store import RunHead, Store
from holdfast.runtime import inbox
from holdfast.runtime.clock import CLOCK, IDS
from holdfast.runtime.home import Home, check_compatible, rebuilt
from holdfast.runtime.live import LiveRun
from holdfast.runtime.saving import Saver
from holdfast.workflow.events import RequestInfoEvent
from holdfast.workflow.keeping import StorageKeeper
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.running import GraphRun

Keeping = Home | CheckpointStorage | None


class WorkflowRun:
    """A run as `Workflow.run` and an engine drive it. keeping: a store, a storage, or neither."""

    def __init__(self, plan: WorkflowPlan, codec: Codec, run: Run, keeping: Keeping) -> None:
        self.plan = plan
        self.codec = codec
        self.keeping = keeping
        times = (keeping.clock, keeping.ids) if isinstance(keeping, Home) else (CLOCK, IDS)
        self.graph = GraphRun(run, plan, codec, plan.make_executors(), times)
        self.graph.on_quiet = self._rested
        self._result: asyncio.Future[None] | None = None
        self.warnings: list[str] = []

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

    # -- beginnings ----------------------------------------------------------------------------------

    async def enter(self, message: Any, *, digest: str = "", state: Frame | None = None) -> None:
        """Queue the input and take the entry checkpoint; `go` starts the first superstep."""
        graph, run = self.graph, self.run
        graph.check_input(message)
        if state is not None:
            run.frames[0].state = {key: Cell(cell.value) for key, cell in state.state.items()}
        if self.keeping is not None and graph.live.saver is None:
            graph.live.saver = self._new_saver(digest)
            await graph.first_hooks()
        journal = run.journal
        data = None if journal is None else journal.codec.encode(message, "input")
        superstep.enter(run, message, data)
        graph.mark("entry")
        await graph.live.advance([])

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

    async def restore(self, checkpoint_id: str) -> None:
        """Take the record of a checkpoint; `go(resume)` continues from there.

        The newest checkpoint of a stored run comes with what was finished after it; going back to
        an earlier one branches, and deletes nothing.
        Raises: WorkflowCheckpointException; the run is untouched until all of it is checked.
        """
        if isinstance(self.keeping, Home):
            await self._from_store(self.keeping, checkpoint_id)
        elif self.keeping is not None:
            await self._from_storage(self.keeping, checkpoint_id)
        else:
            raise WorkflowCheckpointException(
                "a checkpoint_id needs a checkpoint storage",
                hint="Pass checkpoint_storage= to run(...) or to WorkflowBuilder(...).",
            )

    async def _from_storage(self, storage: CheckpointStorage, checkpoint_id: str) -> None:
        checkpoint: WorkflowCheckpoint = await storage.load(checkpoint_id)
        parts: dict[str, Part] = dict(checkpoint.parts)
        run = self._record(checkpoint.run_id, parts, checkpoint.graph_signature_hash)
        run.journal = Journal(self.codec)
        run.journal.restart(parts)
        self._adopt(run)
        keeper = StorageKeeper(storage, self.plan, IDS, checkpoint.checkpoint_id)
        self.live.saver = Saver(run, keeper, CLOCK, IDS)
        await self.graph.restore_executors()

    async def _from_store(self, home: Home, checkpoint_id: str) -> None:
        run_id, _, seq = checkpoint_id.rpartition("@")
        if not run_id or not seq.isdigit():
            raise WorkflowCheckpointException(f"{checkpoint_id[:80]!r} is no checkpoint id")
        number = int(seq)
        claim, head = await home.claimed(run_id)
        newest = await _newest_checkpoint(home.store, run_id)
        if newest == number:
            stored = head
        else:
            try:
                stored = await home.store.read(run_id, at=number)
            except CheckpointNotFound as error:
                raise WorkflowCheckpointException(str(error)) from error
        parts = merge(stored.anchor, stored.deltas)
        run = self._record(run_id, parts, head.row.head.fingerprint)
        run.journal = Journal(self.codec)
        run.journal.restart(parts)
        self._adopt(run)
        saver = home.saver(run, claim, head.seq)
        saver.last_checkpoint = number
        saver.rewrite = stored is not head
        self.live.saver = saver
        if head.consumed:
            self.live.seen = set(head.consumed)
        await self.graph.restore_executors()

    def _record(self, run_id: str, parts: Mapping[str, Part], saved_print: str) -> Run:
        try:
            run = snapshot.restore(run_id, "workflow", self.plan.graph, parts, self.codec)
            known = {node.id for node in self.plan.graph.nodes}
            warning = check_compatible(run, known, (saved_print, self.plan.fingerprint))
        except ValueError as error:
            raise WorkflowCheckpointException(str(error)) from error
        if warning is not None:
            self.warnings.append(warning)
        return run

    def _adopt(self, run: Run) -> None:
        self.graph.run = run
        self.graph.live.run = run

    # -- going on ------------------------------------------------------------------------------------

    def begin_step(self) -> list[Effect]:
        """Start the superstep whose messages are queued."""
        return superstep.begin(self.run, self.plan.max_iterations)

    def take_up(self, *, retry_parked: bool) -> list[Effect]:
        """Start what an interrupted superstep has left undone."""
        if retry_parked:
            for delivery in self.graph.parked():
                self.graph.spoiled.add(delivery.node)
                self.graph.step(self.run, Retried(delivery))
        self.graph.told_pending = bool(self.graph.open_waits())
        return superstep.resume(self.run)

    async def go(self, effects: list[Effect]) -> None:
        """Perform effects that are saved, carry on in this task, and return when the run rests.

        Raises: what a handler raised, WorkflowConvergenceException, StoreError. The caller's
        cancellation stops every handler; what had ended is kept.
        """
        live = self.live
        try:
            await live.carry(live.perform(effects, here=True))
            while self.run.live or live.running:
                await live.until_quiet()
                await live.settled()
        except asyncio.CancelledError:
            self.graph.spoiled.update(self._running_nodes())
            await live.halt()
            raise
        if live.dead is not None:
            raise live.dead
        if live.orphans:
            await live.settled()
            error = live.orphans[0]
            live.orphans = None
            if live.saver is not None:
                await live.saver.commit()
            raise error

    def _running_nodes(self) -> set[str]:
        found = (self.run.deliveries.get(number) for number in self.live.running)
        return {delivery.node for delivery in found if delivery is not None}

    # -- answers -------------------------------------------------------------------------------------

    def checked_answers(self, responses: Mapping[str, Any]) -> dict[str, Any]:
        """The answers in the types their handlers take; nothing is consumed.

        Raises: RunError if nothing is asked, WaitNotFound (a KeyError and ValueError) for an
        unknown id, AnswerRefused for one that no handler takes.
        """
        asked = self.graph.open_waits()
        if not asked:
            raise RunError("no request is open", run_id=self.run_id)
        fitting: dict[str, Any] = {}
        for request_id, value in responses.items():
            wait = asked.get(request_id)
            if wait is None:
                raise _Unknown(
                    f"no open request {request_id!r}", run_id=self.run_id, wait_id=request_id
                )
            fitting[request_id] = self._fitting(wait, value)
        return fitting

    def _fitting(self, wait: Wait, value: Any) -> Any:
        assert wait.origin is not None
        executor = self.graph.executors[wait.origin.node]
        payload, spec = self.graph.response_for(executor, wait.payload, value)
        if spec is None:
            raise AnswerRefused(
                f"response to {wait.id!r}: expected {wait.expects}; found {type(value).__name__}, "
                f"which no response handler of {wait.origin.node!r} takes",
                wait_id=wait.id,
                problems=(f"expected {wait.expects}",),
            )
        return payload

    async def answer(self, fitting: Mapping[str, Any]) -> None:
        """Settle requests with answers that fit, and take the response checkpoint."""
        live = self.live
        if inbox.store_of(live) is not None:
            for request_id, value in fitting.items():
                data = self.codec.encode(value, f"response to {request_id}")
                digest = self.codec.digest(value)
                await inbox.settle(live, request_id, data, digest, (None, None))
            self.graph.mark("response")
            await inbox.take_in(live, self.graph.posted)
            return
        journal = self.run.journal
        for request_id, value in fitting.items():
            waits.judge(self.run, request_id, None, None)
            data = None if journal is None else journal.codec.encode(value, "response")
            self.graph.step(
                self.run, Answered(request_id, value, data, None, live.clock.now())
            )
        self.graph.mark("response")
        await live.advance([])

    def reopened(self) -> list[RequestInfoEvent]:
        """The open requests, as events for whoever has just restored the run."""
        events: list[RequestInfoEvent] = []
        for wait in self.graph.open_waits().values():
            assert wait.origin is not None
            executor = self.graph.executors[wait.origin.node]
            kinds = [s.response_type for s in executor.handler_specs if s.kind == "response"]
            named = [k for k in kinds if _name_of(k) == wait.expects]
            response_type = (named or kinds or [object])[0]
            events.append(
                RequestInfoEvent(wait.payload, wait.id, wait.origin.node, response_type)
            )
        return events

    # -- what an engine needs ------------------------------------------------------------------------

    async def begin(self, value: Any, digest: str) -> None:
        """Start in the store and return after the entry checkpoint; handlers run in tasks."""
        await self.enter(value, digest=digest)
        self.live.perform(self.begin_step(), here=False)

    async def recover(self, *, retry_parked: bool = False) -> None:
        """Take the run from the store and start what is unfinished."""
        assert isinstance(self.keeping, Home)
        claim, stored = await self.keeping.claimed(self.run_id)
        run = rebuilt(stored, self.plan.graph, self.codec)
        known = {node.id for node in self.plan.graph.nodes}
        prints = (stored.row.head.fingerprint, self.plan.fingerprint)
        warning = check_compatible(run, known, prints)
        if warning is not None:
            self.warnings.append(warning)
        self._adopt(run)
        self.live.saver = self.keeping.saver(run, claim, stored.seq)
        self.live.saver.last_checkpoint = await _newest_checkpoint(
            self.keeping.store, self.run_id
        )
        if stored.consumed:
            self.live.seen = set(stored.consumed)
        await self.graph.restore_executors()
        if run.status == "failed" and not retry_parked:
            await self.hear()
            return
        await self.live.advance(self.take_up(retry_parked=retry_parked), here=False)
        await self.hear()
        if not run.live:
            self._rested()

    async def hear(self) -> None:
        """Take in what was posted for the run, and start what it made due."""
        await inbox.take_in(self.live, self.graph.posted)
        if not self.run.frames[0].open:
            self.live.perform(self.begin_step(), here=False)

    def _rested(self) -> None:
        future = self._result
        if future is None or future.done():
            return
        if self.live.dead is not None:
            future.set_exception(self.live.dead)
        elif self.run.status in ("completed", "cancelled") or self.live.orphans:
            future.set_result(None)

    async def result(self) -> list[Any]:
        """Wait until the run has completed; returns its outputs.

        Raises: RunFailed, with the cause, once it stands with a failed delivery.
        """
        if self.live.dead is not None:
            raise self.live.dead
        if self.run.status not in ("completed", "cancelled", "failed"):
            if self._result is None or self._result.done():
                self._result = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._result)
        if self.run.status == "failed":
            cause = (self.live.orphans or [None])[0]
            raise RunFailed(
                f"run {self.run_id!r} stands with a failed delivery: {self.run.error}",
                run_id=self.run_id,
            ) from cause
        return [output.value for output in self.run.outputs if output.kind == "output"]

    async def stop(self) -> None:
        """Stop carrying the run here; unfinished work stays due in the record."""
        await self.live.halt()
        saver = self.live.saver
        if saver is not None:
            await saver.settle()
            if self.live.dead is None and saver.keeper.head:
                await saver.keeper.release()


class _Unknown(WaitNotFound, ValueError):
    """An unknown request id: a KeyError as for every wait, a ValueError as workflows expect."""


def _name_of(form: Any) -> str:
    return form.__qualname__ if isinstance(form, type) else str(form)


async def _newest_checkpoint(store: Store, run_id: str) -> int | None:
    """The seq of the newest checkpoint of a run."""
    page = await store.checkpoints(run_id=run_id, limit=1, newest_first=True)
    return page.items[0].seq if page.items else None


def fresh(plan: WorkflowPlan, codec: Codec, keeping: Keeping, run_id: str | None) -> WorkflowRun:
    """A run that has not begun."""
    return WorkflowRun(plan, codec, new_run(run_id or IDS.new(), "workflow", plan.graph), keeping)
