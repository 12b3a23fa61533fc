# SPDX-License-Identifier: Apache-2.0
"""The one door to the runs of a store: start, open, answer, signal, recover.

An engine carries the runs of the definitions it was given. It takes over runs whose owner is
gone, and runs whose time has come that nobody carries, as soon as it looks; it looks when it is
entered, and then every `LOOK_EVERY_S` where other processes share the store; where none do, when
the next time comes. Answers and signals for a run that another process owns go into that
run's inbox, and its owner hears of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Any, Self

import msgspec

from holdfast.errors import (
    DefinitionError,
    DefinitionNotFound,
    HoldfastError,
    OwnershipLost,
    RunClosed,
    RunExists,
    RunOwned,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreUnavailable,
)
from holdfast.machine.waits import check_fits
from holdfast.persistence.codec import Codec
from holdfast.persistence.document import open_document
from holdfast.persistence.store import (
    TERMINAL,
    InboxItem,
    Post,
    RunRow,
    Settlement,
    Store,
    WaitRow,
    check_run_id,
)
from holdfast.persistence.stores.url import open_store
from holdfast.persistence.types import default_types
from holdfast.runtime import inside
from holdfast.runtime.clock import CLOCK, IDS, Clock, Ids
from holdfast.runtime.driven import Definition, Driven
from holdfast.runtime.expiry import expire
from holdfast.runtime.home import FLOW_SAVE, Home
from holdfast.runtime.inbox import PostBody
from holdfast.runtime.ownership import Owner
from holdfast.runtime.timers import Alarm

LOG = logging.getLogger("holdfast.engine")

#: How often an engine looks for runs that nobody carries and for posts of other processes.
LOOK_EVERY_S = 0.5
#: A process that has a waiting run at hand acts at its time; the others leave it this much longer.
LATE_S = 1.0
#: How many runs it looks at each time; what is left over is seen the next time.
LOOK_AT = 1000


class RunHandle:
    """A run as the holder of an engine sees it."""

    def __init__(self, engine: Engine, run_id: str, driven: Driven | None) -> None:
        self._engine = engine
        self.run_id = run_id
        self._driven = driven

    async def row(self) -> RunRow:
        """What the store says of it now."""
        return await self._engine.store.row(self.run_id)

    async def waits(self, *, status: str | None = "open") -> tuple[WaitRow, ...]:
        """Its questions."""
        return await self._engine.waits(run_id=self.run_id, status=status)

    async def until_idle(self) -> RunRow:
        """Wait until nothing of it is under way: it has ended, stands parked, or only waits.

        Raises: the failed save, or the lost ownership, that ended it here.
        """
        driven = self._driven or await self._engine.driven(self.run_id)
        await driven.live.until_quiet()
        return await self.row()

    async def result(self) -> Any:
        """Wait for the end: a flow's close snapshot, or a workflow's outputs.

        Raises: what failed the run; RunOwned if another process carries it.
        """
        driven = self._driven or await self._engine.driven(self.run_id)
        return await driven.outcome()

    async def answer(self, wait_id: str, value: Any, **by: str | None) -> WaitRow:
        """`Engine.answer` for this run."""
        return await self._engine.answer(self.run_id, wait_id, value, **by)


class Engine:
    """Carries runs of the given definitions in one store. Use it as an async context manager.

    Long because: it is the one door, and each of its methods is short.

    store: a URL ("memory://", "sqlite:///runs.db") or a store. resources: live objects that
    flows find. failures: runs that could not be taken over, and why; they are not tried again.
    Raises: StoreUrlUnknown, DefinitionNotFound, typed store errors.
    """

    def __init__(
        self,
        store: str | Store,
        definitions: Iterable[Definition] = (),
        *,
        resources: dict[str, Any] | None = None,
        recover: bool = True,
        times: tuple[Clock, Ids] = (CLOCK, IDS),
    ) -> None:
        self._owns_store = isinstance(store, str)
        self.store: Store = open_store(store) if isinstance(store, str) else store
        self._definitions = {definition.name: definition for definition in definitions}
        self._resources = resources
        self._recovers = recover
        self._clock, self._ids = times
        self._owner = Owner(self.store, *times)
        self._home = Home(self.store, self._owner, *times)
        self._runs: dict[str, Driven] = {}
        self._codec = Codec(default_types)
        self._looking: asyncio.Task[None] | None = None
        self._alarm = Alarm(self._clock, self._rings)
        self._ringing: asyncio.Task[None] | None = None
        self._opening: dict[str, tuple[asyncio.Lock, int]] = {}
        self.failures: dict[str, HoldfastError] = {}

    async def __aenter__(self) -> Self:
        await self.store.open()
        if self._recovers and self._definitions:
            await self.look()
            if self.store.shared:
                self._looking = asyncio.create_task(self._look_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop carrying, release every run, and leave the store. Unfinished work stays due.

        Handlers that ignore their cancellation are left behind after a short while, and named in
        a RuntimeWarning. Raises: RunBusy inside a handler of a run that it carries.
        """
        for driven in self._runs.values():
            inside.refuse(driven.live.running, "close the engine of")
        self._alarm.stop()
        looking = {task for task in (self._looking, self._ringing) if task is not None}
        self._looking = self._ringing = None
        for task in looking:
            task.cancel()
        if looking:
            await asyncio.wait(looking)
        try:
            stopping = [driven.stop() for driven in self._runs.values()]
            for outcome in await asyncio.gather(*stopping, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        finally:
            self._runs.clear()
            try:
                await self._owner.retire()
            finally:
                if self._owns_store:
                    await self.store.close()

    async def start(
        self, definition: Definition, value: Any = None, *, run_id: str | None = None
    ) -> RunHandle:
        """Start a run; back after its first commit. The same id with the same input: the same run.

        Raises: DefinitionNotFound, RunExists for an id in use with another definition or input.
        """
        known = self._known(definition.name)
        codec = Codec(known.types)
        digest = codec.digest(value)
        chosen = check_run_id(run_id) if run_id is not None else self._ids.new()
        driven: Driven = known.execution_in(self._home, chosen, self._resources)
        # The store shows the run before we hear that it is there: nobody here may take it over.
        async with self._opening_of(chosen):
            try:
                await driven.begin(value, digest)
            except RunExists:
                return await self._same(chosen, known, digest)
            self._runs[chosen] = driven
        return RunHandle(self, chosen, driven)

    async def _same(self, run_id: str, definition: Definition, digest: str) -> RunHandle:
        row = await self.store.row(run_id)
        if row.head.definition != definition.name or row.head.input_digest != digest:
            raise RunExists(
                f"run id {run_id!r} is in use by a run of {row.head.definition!r} "
                "with another definition or input",
                run_id=run_id,
            )
        return RunHandle(self, run_id, self._runs.get(run_id))

    async def open(self, run_id: str) -> RunHandle:
        """A run that exists. Raises: RunNotFound."""
        await self.store.row(check_run_id(run_id))
        return RunHandle(self, run_id, self._runs.get(run_id))

    async def resume(self, run_id: str) -> RunHandle:
        """Carry a run on here: recover it, and run again what is parked.

        Raises: RunNotFound, RunClosed, RunOwned, DefinitionNotFound, WrongDefinition.
        """
        row = await self.store.row(check_run_id(run_id))
        if row.status in TERMINAL:
            raise RunClosed(f"run {run_id!r} has ended: {row.status}", run_id=run_id)
        driven = await self._recovered(row, retry_parked=True)
        return RunHandle(self, run_id, driven)

    async def driven(self, run_id: str) -> Driven:
        """The run as this engine carries it, taken over if nobody does.

        Raises: RunNotFound, RunOwned, DefinitionNotFound.
        """
        present = self._runs.get(run_id)
        if present is not None and present.live.dead is None:
            return present
        return await self._recovered(await self.store.row(run_id))

    async def _recovered(self, row: RunRow, *, retry_parked: bool = False) -> Driven:
        async with self._opening_of(row.run_id):
            present = self._runs.get(row.run_id)
            if retry_parked and present is not None:
                await present.stop()
            elif present is not None and present.live.dead is None:
                return present
            definition = self._known(row.head.definition)
            driven: Driven = definition.execution_in(self._home, row.run_id, self._resources)
            await driven.recover(retry_parked=retry_parked)
            self._runs[row.run_id] = driven
        return driven

    @contextlib.asynccontextmanager
    async def _opening_of(self, run_id: str) -> AsyncIterator[None]:
        """While a run comes into this engine, or is opened anew: one at a time."""
        lock, users = self._opening.get(run_id) or (asyncio.Lock(), 0)
        self._opening[run_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            _, users = self._opening[run_id]
            if users == 1:
                del self._opening[run_id]
            else:
                self._opening[run_id] = lock, users - 1

    def _known(self, name: str) -> Definition:
        definition = self._definitions.get(name)
        if definition is None:
            known = tuple(sorted(self._definitions))
            raise DefinitionNotFound(
                f"no definition named {name!r} was given; known: {', '.join(known) or 'none'}",
                name=name,
                known=known,
            )
        return definition

    async def look(self) -> int:
        """Take over every run that nobody carries and hear what was posted. Returns how many."""
        now = self._clock.now()
        alive = await self._owner.alive()
        # Runs that live owners carry are left out, or they would fill the page.
        free = await self.store.claimable(now=now, limit=LOOK_AT, beside=alive | {self._owner.id})
        mine = await self.store.claimable(now=now, limit=LOOK_AT, beside=alive - {self._owner.id})
        found = 0
        for row in {row.run_id: row for row in (*free, *mine)}.values():
            driven = self._runs.get(row.run_id)
            if driven is not None and driven.live.dead is None:
                found += await self._move(driven, row, now)
            elif self._may_take(row, now):
                found += await self._take_over(row)
        if not self.store.shared:
            await self._wait_for_the_next()
        return found

    async def _move(self, driven: Driven, row: RunRow, now: float) -> int:
        """Let a run that is carried here hear of what was posted, and of its time."""
        try:
            if row.inbox:
                await driven.hear()
            if _is_late(row, now):
                await driven.keep_time(now)
        except OwnershipLost:
            # Whoever waits for it here was told; a newer owner carries it.
            return 0
        return int(row.inbox > 0)

    async def _wait_for_the_next(self) -> None:
        """Look again when the first time comes of a run that waits, and that nobody carries."""
        rows = await self.store.claimable(now=math.inf, limit=sys.maxsize)
        times = [
            row.wake_at + LATE_S
            for row in rows
            if row.wake_at is not None and row.run_id not in self._runs and self._holds(row)
        ]
        self._alarm.set(min(times, default=None), soonest_s=LOOK_EVERY_S)

    def _rings(self, _now: float) -> None:
        self._ringing = asyncio.ensure_future(self._look_once())

    def _holds(self, row: RunRow) -> bool:
        """Whether the run is of a structure that this engine holds, and can be read."""
        definition = self._definitions.get(row.head.definition)
        if definition is None or definition.fingerprint != row.head.fingerprint:
            return False
        return row.run_id not in self.failures

    def _may_take(self, row: RunRow, now: float) -> bool:
        """Only runs of a structure that this engine holds, and of those only what can move."""
        if not self._holds(row):
            return False
        is_moved = row.inbox > 0 or _is_late(row, now)
        return is_moved if row.status == "parked" else is_moved or row.due

    async def _take_over(self, row: RunRow) -> int:
        try:
            await self._recovered(row)
        except (RunOwned, OwnershipLost):
            # Its owner is alive, or was quicker: it carries the run.
            return 0
        except (StoreUnavailable, StoreLocked, StoreFull, StoreReadOnly) as error:
            # The store may be back at the next look, and nobody else may take what is ours.
            LOG.warning("run %s could not be taken over yet: %s", row.run_id, error)
            return 0
        except HoldfastError as error:
            # One run that cannot be read must not keep the others from going on.
            self.failures[row.run_id] = error
            LOG.error("run %s could not be taken over: %s", row.run_id, error)  # noqa: TRY400 - the error is kept, with its traceback, in failures
            return 0
        return 1

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look_once()

    async def _look_once(self) -> None:
        try:
            await self.look()
        except StoreError as error:
            # The store may be back when we look again; what runs here is told by its own saves.
            LOG.warning("the store could not be looked at: %s", error)

    async def runs(
        self, *, status: str | None = None, definition: str | None = None, limit: int = 1000
    ) -> tuple[RunRow, ...]:
        """Runs in the order they were opened."""
        page = await self.store.runs(status=status, definition=definition, limit=limit)
        return page.items

    async def waits(
        self, *, status: str | None = "open", run_id: str | None = None, limit: int = 1000
    ) -> tuple[WaitRow, ...]:
        """Questions over all runs, oldest first."""
        page = await self.store.waits(run_id=run_id, status=status, limit=limit)
        return page.items

    async def answer(
        self,
        run_id: str,
        wait_id: str,
        value: Any,
        *,
        request_id: str | None = None,
        actor: str | None = None,
    ) -> WaitRow:
        """Answer a question, whoever owns the run; neither definition nor ownership is needed.

        The first answer wins. The same request id with the same value gets the same row.
        Raises: RunNotFound, WaitNotFound, AnswerRefused, AnswerConflict, AlreadyAnswered,
        WaitExpired, WaitClosed.
        """
        check_run_id(run_id)
        await self._check_answer(run_id, wait_id, value)
        row = await self.store.settle(
            run_id,
            wait_id,
            Settlement(
                status="answered",
                at=self._clock.now(),
                value=self._codec.encode(value, "answer"),
                digest=self._codec.digest(value),
                request_id=request_id,
                actor=actor,
            ),
        )
        await self._heard(run_id)
        return row

    async def _check_answer(self, run_id: str, wait_id: str, value: Any) -> None:
        """The wait's schema and deadline decide; what is not open is left to the store to refuse.

        An answer that comes too late settles the wait by its deadline, which everybody hears of.
        """
        now = self._clock.now()
        for row in await self.waits(run_id=run_id, status="open"):
            if row.wait_id != wait_id:
                continue
            if row.deadline is not None and row.deadline <= now:
                if await expire(self.store, run_id, wait_id, now, row.default) is not None:
                    await self._heard(run_id)
            elif row.schema is not None:
                check_fits(run_id, wait_id, msgspec.json.decode(row.schema), value)

    async def emit(
        self, run_id: str, event: str, value: Any = None, *, request_id: str | None = None
    ) -> InboxItem:
        """Send a signal to a flow's run, whoever owns it. Raises: RunNotFound, RunClosed."""
        body = PostBody(event=event, value=msgspec.Raw(self._codec.encode(value, event)))
        return await self._post(run_id, "signal", body, request_id)

    async def cancel(self, run_id: str, *, request_id: str | None = None) -> InboxItem:
        """End a run as cancelled. Raises: RunNotFound, RunClosed."""
        return await self._post(run_id, "cancel", PostBody(), request_id)

    async def retry(
        self, run_id: str, delivery: int | None = None, *, request_id: str | None = None
    ) -> InboxItem:
        """Run parked deliveries again: all, or the one of that number."""
        return await self._post(run_id, "retry", PostBody(delivery=delivery), request_id)

    async def skip(
        self, run_id: str, delivery: int, value: Any = None, *, request_id: str | None = None
    ) -> InboxItem:
        """Let a parked delivery count as done, with a value."""
        data = msgspec.Raw(self._codec.encode(value, "value of the skip"))
        return await self._post(run_id, "skip", PostBody(value=data, delivery=delivery), request_id)

    async def _post(
        self, run_id: str, kind: str, body: PostBody, request_id: str | None
    ) -> InboxItem:
        data = msgspec.json.encode(body)
        post = Post(
            kind=kind,
            body=data,
            at=self._clock.now(),
            request_id=request_id,
            digest=self._codec.digest(data) if request_id is not None else None,
        )
        item = await self.store.post(check_run_id(run_id), post)
        await self._heard(run_id)
        return item

    async def _heard(self, run_id: str) -> None:
        """Wake the run if this engine carries it, or may."""
        driven = self._runs.get(run_id)
        if driven is not None and driven.live.dead is None:
            await driven.hear()
            return
        row = await self.store.row(run_id)
        if row.head.definition in self._definitions and self._recovers:
            try:
                await self._recovered(row)
            except (RunOwned, OwnershipLost):
                return

    async def show(self, run_id: str) -> dict[str, Any]:
        """A run's row and questions. Raises: RunNotFound."""
        row = await self.store.row(check_run_id(run_id))
        waits = await self.waits(run_id=run_id, status=None)
        return {"row": row, "waits": waits}

    async def adopt(
        self, saved: Any, *, definition: Definition | None = None, run_id: str | None = None
    ) -> RunHandle:
        """A save document of a flow becomes a run of this store, as a copy with a new run id.

        Answers are once per store, not per document. Raises: NotASave, Damaged, WrongDefinition,
        DefinitionNotFound, RunExists.
        """
        document = open_document(saved, kind=FLOW_SAVE)
        known = definition if definition is not None else self._known(document.definition)
        if known.front != "flow":
            raise DefinitionError(f"{known.name!r} is no flow; the document holds a flow's run")
        chosen = check_run_id(run_id) if run_id is not None else self._ids.new()
        adopted = known.execution_in(self._home, chosen, self._resources)
        async with self._opening_of(chosen):
            await adopted.adopt(saved)
            self._runs[chosen] = adopted
        return RunHandle(self, chosen, adopted)


def _is_late(row: RunRow, now: float) -> bool:
    """Whether whoever has the run at hand would have acted on its time by now."""
    return row.wake_at is not None and row.wake_at + LATE_S <= now
