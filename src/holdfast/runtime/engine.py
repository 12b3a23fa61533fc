# SPDX-License-Identifier: Apache-2.0
"""The one door to the runs of a store: start, open, answer, signal, recover.

An engine carries the runs of the definitions it was given. It takes over runs whose owner is
gone, and runs whose time has come that nobody carries, as soon as it looks (`runtime/looking.py`).
Answers and signals for a run that another process owns go into that run's inbox, and its owner
hears of them (`runtime/steering.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, Self

from holdfast.errors import RunClosed, RunExists, StoreError
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import TERMINAL, Store, check_run_id
from holdfast.runtime import inside
from holdfast.runtime.adopting import Adopting
from holdfast.runtime.checking import Checking
from holdfast.runtime.clock import CLOCK, IDS, Clock, Ids
from holdfast.runtime.deciding import Parked
from holdfast.runtime.draining import Draining, Left
from holdfast.runtime.driven import Definition, Driven
from holdfast.runtime.handle import RunHandle
from holdfast.runtime.history import History
from holdfast.runtime.timers import Alarm

__all__ = ["Engine", "Left", "Parked", "RunHandle"]


class Engine(Draining, History, Adopting, Checking):
    """Carries runs of the given definitions in one store. Use it as an async context manager.

    store: a URL ("memory://", "sqlite:///runs.db") or a store. resources: live objects that
    flows find. failures: runs that could not be taken over, and why; they are not tried again.
    take_changed: take over runs of another structure too, as `resume` does, with a warning each.
    Raises: StoreUrlUnknown, DefinitionNotFound, typed store errors.
    """

    def __init__(
        self,
        store: str | Store,
        definitions: Iterable[Definition] = (),
        *,
        resources: dict[str, Any] | None = None,
        recover: bool = True,
        take_changed: bool = False,
        times: tuple[Clock, Ids] = (CLOCK, IDS),
    ) -> None:
        # Many parameters because: they are what an engine is given.
        super().__init__(store, definitions, resources, recover, times, take_changed)
        self._looking: asyncio.Task[None] | None = None
        self._ringing: asyncio.Task[None] | None = None
        self._alarm = Alarm(self._clock, self._rings)
        self._drained = None
        self._signals = {}
        self._signal_tasks = set()

    async def __aenter__(self) -> Self:
        try:
            await self._enter()
        except BaseException:
            # Nobody leaves what was not entered, and runs may have been taken over by now.
            with contextlib.suppress(StoreError):
                await self.close()
            raise
        return self

    async def _enter(self) -> None:
        await self.store.open()
        self._is_stopping, self._drained = False, None
        self._gone.clear()
        self._closed.clear()
        if self._recovers and self._definitions:
            await self.look()
            if self.store.shared:
                self._looking = asyncio.create_task(self._look_on())

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop carrying, release every run, and leave the store. Unfinished work stays due.

        Handlers that ignore their cancellation are left behind after a short while, and named in
        a RuntimeWarning. Raises: RunBusy inside a handler of a run that it carries.
        """
        for driven in self._runs.values():
            inside.refuse(driven.live.running, "close the engine of")
        await self._out_of_service()
        try:
            stopping = [driven.stop() for driven in self._runs.values()]
            for outcome in await asyncio.gather(*stopping, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        finally:
            self._runs.clear()
            self._closed.set()
            self._gone.set()
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
                async with self._taking_in(chosen, driven):
                    await driven.begin(value, digest)
            except RunExists:
                return await self._same(chosen, known, digest)
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

    async def resume(self, run_id: str, *, strict: bool = False) -> RunHandle:
        """Carry a run on here: recover it, and run again what is parked.

        A run of another structure goes on with a warning if all that it needs is there, and follows
        the structure held here from then on. strict: it is refused.
        Raises: RunNotFound, RunClosed, RunOwned, DefinitionNotFound, WrongDefinition,
        UnknownVersion, MigrationFailed, TypeNotAllowed.
        """
        row = await self.store.row(check_run_id(run_id))
        if row.status in TERMINAL:
            raise RunClosed(f"run {run_id!r} has ended: {row.status}", run_id=run_id)
        driven = await self._recovered(row, retry_parked=True, strict=strict)
        return RunHandle(self, run_id, driven)
