# SPDX-License-Identifier: Apache-2.0
"""A workflow's run and what keeps it: begun, saved, restored, owned and let go."""

from __future__ import annotations

import contextlib
from typing import Any

from holdfast.errors import RunError, StoreError
from holdfast.machine import frames, snapshot, superstep
from holdfast.machine.effects import Effect
from holdfast.machine.journal import Journal
from holdfast.machine.run import Cell, Run
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import RunHead
from holdfast.runtime import poison, reopening
from holdfast.runtime.clock import CLOCK, IDS
from holdfast.runtime.home import Home
from holdfast.runtime.live import LiveRun
from holdfast.runtime.saving import Saver, StoreKeeper
from holdfast.workflow import restoring
from holdfast.workflow.events import WorkflowEvent, WorkflowWarningEvent
from holdfast.workflow.keeping import Keeping, StorageKeeper, newest_of
from holdfast.workflow.plan import WorkflowPlan
from holdfast.workflow.restoring import Reading, Restored
from holdfast.workflow.running import GraphRun


class KeptRun:
    """The record of a run, and how it gets to where it is kept, and back.

    keeping: a store, a storage, or neither. is_set_aside: what was due of it was parked when it was
    taken over, because too many owners had died at it.
    """

    def __init__(self, plan: WorkflowPlan, codec: Codec, run: Run, keeping: Keeping) -> None:
        self.plan = plan
        self.codec = codec
        self.keeping = keeping
        times = (keeping.clock, keeping.ids) if isinstance(keeping, Home) else (CLOCK, IDS)
        self.graph = GraphRun(run, plan, codec, times)
        # A claim that no append has given up yet: reading a run claims it, even at rest.
        self._is_claimed = False
        self.is_set_aside = False

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

    def inherit(self, before: KeptRun) -> None:
        """Before it begins: take over the shared state of the run before."""
        for number, frame in before.run.frames.items():
            kept = {key: Cell(cell.value) for key, cell in frame.state.items()}
            frames.of(self.run, number).state = kept

    async def heal(self, before: KeptRun) -> None:
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
        reopening.note_version(run, self.plan.versions)
        if isinstance(self.keeping, Home):
            head = RunHead(
                run_id=run.run_id,
                definition=self.plan.name,
                front="workflow",
                fingerprint=self.plan.fingerprint,
                created_at=self.keeping.clock.now(),
                version=self.plan.versions.current,
                input_digest=digest,
            )
            return self.keeping.new_saver(run, head, self.codec)
        assert self.keeping is not None
        run.journal = Journal(self.codec)
        snapshot.mark_all(run)
        keeper = StorageKeeper(self.keeping, self.plan, IDS)
        if self.plan.on_checkpoint_error == "warn":
            keeper.tell_lost = self._tell
        return Saver(run, keeper, CLOCK, IDS)

    def _tell(self, text: str) -> None:
        self.graph.publish(WorkflowWarningEvent(text))

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

    async def restore(
        self, checkpoint_id: str, *, of_run: str | None = None, is_strict: bool = False
    ) -> list[WorkflowEvent]:
        """Take the record of a checkpoint; `take_up` continues from there.

        Going back to an earlier checkpoint branches, and deletes nothing. Returns what watchers
        are to be told. Raises: WorkflowCheckpointException; until everything was checked nothing
        is changed, in the store or in an executor. of_run: the run it has to be of.
        is_strict: a changed graph is refused.
        """
        reading = Reading(self.plan, self.codec, is_strict=is_strict, run_id=of_run)
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
        saver = restored.saver
        if saver.opened or saver.withdrawn or restored.moves:
            # Questions are answered in the store, so the store must know them first.
            await self.saved([])
        return [] if restored.warning is None else [WorkflowWarningEvent(restored.warning)]

    async def _take(self, restored: Restored) -> None:
        self._is_claimed = True
        self.graph.adopt(restored.run)
        self.live.saver = restored.saver
        keeper = restored.saver.keeper
        if self.plan.on_checkpoint_error == "warn" and isinstance(keeper, StorageKeeper):
            keeper.tell_lost = self._tell
        self.live.dead = self.live.orphans = self.live.errors = self.live.stopped = None
        self.live.interrupted = None
        if restored.seen:
            self.live.seen = restored.seen
        # Before hooks of executors are called, which may be what kills the process.
        self.is_set_aside = await poison.parked(self.live)
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
