# SPDX-License-Identifier: Apache-2.0
"""How an execution comes from a store or a document, is begun, taken up again, and stopped."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from typing import Any

from holdfast.errors import Damaged, RunCancelled, RunNotFound
from holdfast.machine import dispatch, layout
from holdfast.machine.effects import Effect, Emitted
from holdfast.machine.run import PARKED, Run
from holdfast.persistence.parts import merge
from holdfast.persistence.store import RunHead, Stored
from holdfast.runtime import expiry, poison, reopening
from holdfast.runtime.halting import halt_within, run_out
from holdfast.runtime.home import Home
from holdfast.runtime.live import LiveRun
from holdfast.runtime.reopening import Reopened
from holdfast.runtime.saving import Saver
from holdfast.triggerflow import binding, intervening, posts, saves, signals
from holdfast.triggerflow.compatible import check_flow
from holdfast.triggerflow.restarting import Restarting
from holdfast.triggerflow.running import FlowRun


class Kept(Restarting):
    """The part of an execution that knows where its record is kept; an engine drives it by this."""

    def __init__(self, flow: FlowRun, home: Home | None, auto_close: Mapping[str, Any]) -> None:
        super().__init__(flow, auto_close)
        self._home = home
        self._is_opened = home is None
        self._opening: asyncio.Lock | None = None
        self._resume_due = False
        self._hear_due = False
        self._rebound_due = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mode: str | None = "planned" if flow.compiled.plan.has_points else None
        self._mode_wins = False
        if self._mode is not None:
            intervening.begin(flow, self._mode)
        flow.live.on_time = self.keep_time

    @property
    def run_id(self) -> str:
        """The id of the run; the same over save and load, unless a store took a copy."""
        return self._flow.run.run_id

    @property
    def live(self) -> LiveRun:
        """The run under way, for the engine."""
        return self._flow.live

    @property
    def has_parked(self) -> bool:
        """Whether deliveries wait for somebody's decision."""
        return any(d.status == PARKED for d in self._flow.run.deliveries.values())

    def _take_over(self, run: Run) -> None:
        flow = self._flow
        flow.run = run
        flow.live.run = run
        flow.live.interrupted = None
        flow.live.errors = None
        flow.live.orphans = None
        if flow.stream is not None:
            flow.stream.end()
        flow.stream = None
        flow.insides, flow.results = {}, {}
        intervening.begin(flow, self._mode, wins=self._mode_wins)
        flow.resources.needs.take_over(saves.needs_in(run))
        self._keep_needs()
        self._keep_auto_close()
        binding.take_over(flow)
        self._resume_due = bool(run.live or run.agenda)
        self._closer.begin_again()

    def _begin(self, value: Any) -> tuple[int, list[Effect]]:
        flow = self._flow
        run = flow.run
        value = flow.fitted("initial_input", value)
        data = flow.kept(value, "input", ("event", "START"))
        run.facts["started"] = True
        run.facts["started_at"] = flow.live.clock.now()
        run.status = "running"
        layout.mark_change(run)
        self._note_facts()
        return dispatch.emit(run, Emitted("event", "START", value, data))

    async def _ready(self) -> None:
        """Before anything awaited: the run is open in its store, and loaded work is under way."""
        if self._flow.live.dead is not None:
            raise self._flow.live.dead
        self._loop = asyncio.get_running_loop()
        if not self._is_opened:
            if self._opening is None:
                self._opening = asyncio.Lock()
            async with self._opening:
                if not self._is_opened:
                    await self._open()
                    self._is_opened = True
        if self._resume_due:
            self._resume_due = False
            await poison.parked(self._flow.live)
            self._start_unfinished()
            if self._flow.run.agenda:
                await self.keep_time()
        if self._rebound_due:
            self._rebound_due = False
            self._start_rebound()
        if self._hear_due:
            self._hear_due = False
            await self.hear()

    async def _open(self) -> None:
        assert self._home is not None
        try:
            await self._home.store.row(self.run_id)
        except RunNotFound:
            self._open_new(None)
            return
        await self._recover()
        self._hear_due = True

    def _open_new(self, digest: str | None) -> None:
        assert self._home is not None
        flow = self._flow
        head = RunHead(
            run_id=self.run_id,
            definition=flow.run.plan.name,
            front="flow",
            fingerprint=flow.compiled.fingerprint,
            created_at=self._home.clock.now(),
            version=flow.versions.current,
            input_digest=digest or "",
        )
        reopening.note_version(flow.run, flow.versions)
        self._keep(self._home.new_saver(flow.run, head, flow.codec))

    def _keep(self, saver: Saver) -> None:
        saver.ends_idle = self._closer.rest is not None
        self._flow.live.saver = saver

    def _end_when_idle(self) -> None:
        """An engine's run ends as soon as it is idle, here or wherever it is taken over."""
        self._closer.rest = 0.0
        if self._flow.live.saver is not None:
            self._flow.live.saver.ends_idle = True

    async def _recover(self, *, strict: bool = False) -> None:
        assert self._home is not None
        flow = self._flow
        claim, stored = await self._home.claimed(self.run_id)
        try:
            found, warning = self._read(stored, strict=strict)
            await self._provide(found.run)
        except BaseException:
            # Somebody who has what the run needs may take it.
            await self._home.give_up(claim)
            raise
        if warning is not None:
            warnings.warn(warning, RuntimeWarning, stacklevel=2)
        self._take_over(found.run)
        self._keep(self._home.saver(found.run, claim, stored))
        if stored.consumed:
            flow.live.seen = set(stored.consumed)
        await self._move(found)

    def _read(self, stored: Stored, *, strict: bool) -> tuple[Reopened, str | None]:
        """The record as it goes on here, and what to warn of.

        Raises: WrongDefinition, UnknownVersion, MigrationFailed, Damaged, TypeNotAllowed.
        """
        flow = self._flow
        plan, today = binding.base_of(flow).plan, flow.compiled.fingerprint
        parts = merge(stored.anchor, stored.deltas)
        found = reopening.reopened(
            reopening.header_of(stored), parts, plan, flow.codec, flow.versions, asked_in_store=True
        )
        flaw = saves.facts_flaw(found.run.facts)
        if flaw is not None:
            raise Damaged(f"the record is none that a flow could have: {flaw}")
        is_strict = strict and not found.was_migrated
        warning = check_flow(found.run, plan, (found.saved, today), strict=is_strict)
        return found, None if found.was_migrated else warning

    async def _move(self, found: Reopened) -> None:
        """Write down that the run follows today's structure, before anything of it goes on."""
        live = self._flow.live
        assert live.saver is not None
        if not reopening.move(
            live.saver, found, self._flow.compiled.fingerprint, self._flow.versions
        ):
            return
        try:
            await live.saver.commit()
        except BaseException as error:
            live.die(error)
            raise

    async def begin(self, value: Any, digest: str) -> None:
        """Start in the store and return after the first commit; the handlers run in tasks."""
        self._open_new(digest)
        self._end_when_idle()
        self._loop = asyncio.get_running_loop()
        self._is_opened = True
        _, effects = self._begin(value)
        await self._flow.live.advance(effects, here=False)

    async def adopt(self, saved: Any) -> None:
        """Go on from a document as a new run of the store. Raises: as `Execution.load`."""
        found = saves.opened(saves.source_of(saved), self._flow)
        own_id = self.run_id
        run, warning = saves.record_of(found, self._flow, strict=False)
        run.run_id = own_id
        await self._provide(run)
        if warning is not None:
            warnings.warn(warning, RuntimeWarning, stacklevel=2)
        self._take_over(run)
        self._open_new(None)
        self._end_when_idle()
        for wait in run.waits.values():
            if not wait.answered and self._flow.live.saver is not None:
                self._flow.live.saver.opened.append(wait)
        self._is_opened = True
        await self._flow.live.advance([])
        await self._ready()

    async def recover(self, *, retry_parked: bool = False, strict: bool = False) -> None:
        """Take the run from the store and start what is unfinished. strict: refuse a changed flow.

        Raises: as `Execution.load` with strict; RunOwned, RunNotFound, StoreError.
        """
        await self._recover(strict=strict)
        self._end_when_idle()
        self._is_opened = True
        stuck = self._flow.parked()
        await self._ready()
        if retry_parked:
            effects = signals.retried(self._flow, stuck)
            await self._flow.live.advance(effects, here=False)
        await self.hear()
        if not self._flow.run.live:
            self._closer.on_quiet()

    async def hear(self) -> None:
        """Take in what was posted for the run."""
        for wait in (await posts.take_in(self._flow)).values():
            self._flow.publish("interrupt", "resume", wait, value=wait.value)

    async def keep_time(self, now: float | None = None) -> None:
        """Act on every deadline that has come, and wait for the next one. now: by default, now."""
        live = self._flow.live
        await expiry.keep_time(live, live.clock.now() if now is None else now, self.hear)

    async def outcome(self) -> dict[str, Any]:
        """Wait for the end and return the close snapshot.

        Raises: RunCancelled for a run that was cancelled; what failed it.
        """
        snapshot = await self._closer.until_closed()
        if self._flow.run.status == "cancelled":
            raise RunCancelled(f"run {self.run_id!r} was cancelled", run_id=self.run_id)
        return snapshot

    async def ended(self, stored: Stored) -> dict[str, Any]:
        """The outcome that the record of an ended run holds; nobody owns it for that."""
        found, _ = self._read(stored, strict=False)
        self._take_over(found.run)
        return await self.outcome()

    async def wind_up(self) -> None:
        """Start nothing new, let what is under way end, and the run too if that was all of it."""
        await run_out(self.live)
        await self._closer.finish()

    async def stop(self) -> None:
        """Stop carrying the run here; unfinished work stays due."""
        live = self._flow.live
        self._closer.let_be()
        live.on_time = None
        live.disarm()
        left = await halt_within(live)
        if live.saver is not None:
            await live.saver.settle()
            if (live.dead is None or left) and live.saver.keeper.head:
                await live.saver.keeper.release()
