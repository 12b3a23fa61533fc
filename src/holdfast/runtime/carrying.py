# SPDX-License-Identifier: Apache-2.0
"""The runs that an engine carries, and how a run comes to it.

One run is opened by one at a time: a store shows a run before its engine hears that it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

from holdfast.errors import (
    DefinitionNotFound,
    EngineStopped,
    HoldfastError,
    StoreError,
    WrongDefinition,
)
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import RunRow, Store
from holdfast.persistence.stores.url import open_store
from holdfast.persistence.types import default_types
from holdfast.runtime.clock import Clock, Ids
from holdfast.runtime.driven import Definition, Driven
from holdfast.runtime.home import Home
from holdfast.runtime.ownership import Owner

LOG = logging.getLogger("holdfast.engine")

#: So many runs are named in one line of the log.
NAMED = 5


class Carrying:
    """What all parts of an engine share: its store, its definitions, the runs at hand."""

    def __init__(
        self,
        store: str | Store,
        definitions: Iterable[Definition],
        resources: dict[str, Any] | None,
        recover: bool,
        times: tuple[Clock, Ids],
        take_changed: bool,
    ) -> None:
        # Many parameters because: they are what an engine is given.
        self._takes_changed = take_changed
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
        self._opening: dict[str, tuple[asyncio.Lock, int]] = {}
        self._is_stopping = False
        # gone: no run is carried any more, though some may still be looked at until it is closed.
        self._gone, self._closed = asyncio.Event(), asyncio.Event()
        self.failures: dict[str, HoldfastError] = {}
        self._strangers: set[str] = set()

    async def driven(self, run_id: str) -> Driven:
        """The run as this engine carries it, taken over if nobody does.

        Raises: RunNotFound, RunOwned, DefinitionNotFound; WrongDefinition for a run of another
        structure, which only `resume` goes on with.
        """
        present = self._runs.get(run_id)
        if present is not None and present.live.dead is None:
            return present
        row = await self.store.row(run_id)
        if not self._is_ours(row):
            raise _of_another_structure(row, self._known(row.head.definition))
        return await self._recovered(row)

    def _is_ours(self, row: RunRow) -> bool:
        """Whether the run follows a structure that this engine takes up by itself."""
        definition = self._definitions.get(row.head.definition)
        if definition is None:
            return False
        if definition.fingerprint != row.fingerprint:
            return self._takes_changed
        if row.run_id in self._strangers:
            # Somebody went on with it under the structure that is held here.
            self._strangers.discard(row.run_id)
            self.failures.pop(row.run_id, None)
        return True

    def _leave_strangers(self, rows: Iterable[RunRow]) -> None:
        """Tell once of runs that want to go on, and are of another structure than is held."""
        new: dict[str, list[str]] = {}
        for row in rows:
            definition = self._definitions.get(row.head.definition)
            if definition is not None and row.run_id not in self.failures:
                self._strangers.add(row.run_id)
                self.failures[row.run_id] = _of_another_structure(row, definition)
                new.setdefault(definition.name, []).append(row.run_id)
        for name, found in new.items():
            shown = ", ".join(found[:NAMED]) + (", ..." if len(found) > NAMED else "")
            LOG.warning(
                "%d runs wait for another structure of %r than the one that is held here: %s; "
                "`holdfast check` says which can go on, and engine.resume(run_id) goes on",
                len(found),
                name,
                shown,
            )

    async def _recovered(
        self, row: RunRow, *, retry_parked: bool = False, strict: bool = False
    ) -> Driven:
        async with self._opening_of(row.run_id):
            present = self._runs.get(row.run_id)
            if present is not None:
                if present.live.dead is None and not retry_parked:
                    return present
                # Its handlers may still be on their way out, and are not to run twice at once.
                await present.stop()
            definition = self._known(row.head.definition)
            driven: Driven = definition.execution_in(self._home, row.run_id, self._resources)
            async with self._taking_in(row.run_id, driven):
                await driven.recover(retry_parked=retry_parked, strict=strict)
            self.failures.pop(row.run_id, None)
            self._strangers.discard(row.run_id)
        return driven

    @contextlib.asynccontextmanager
    async def _taking_in(self, run_id: str, driven: Driven) -> AsyncIterator[None]:
        """Carry a run once it is here whole; what of it goes on already is stopped if it is not."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(StoreError):
                await driven.stop()
            raise
        self._runs[run_id] = driven

    @contextlib.asynccontextmanager
    async def _opening_of(self, run_id: str) -> AsyncIterator[None]:
        """While a run comes into this engine, or is opened anew: one at a time.

        Raises: EngineStopped once the engine takes no runs any more.
        """
        self._check_in_service()
        lock, users = self._opening.get(run_id) or (asyncio.Lock(), 0)
        self._opening[run_id] = lock, users + 1
        try:
            async with lock:
                self._check_in_service()
                yield
        finally:
            _, users = self._opening[run_id]
            if users == 1:
                del self._opening[run_id]
            else:
                self._opening[run_id] = lock, users - 1

    def _check_in_service(self) -> None:
        if self._is_stopping:
            raise EngineStopped("the engine goes out of service: it takes no runs any more")

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


def _of_another_structure(row: RunRow, definition: Definition) -> WrongDefinition:
    return WrongDefinition(
        f"run {row.run_id!r} is of another structure of {definition.name!r} than the one that is "
        "held here",
        hint=f"See whether it can go on: holdfast check; then: engine.resume({row.run_id!r}).",
        saved=row.fingerprint,
        today=definition.fingerprint,
        missing=(),
        unnamed=(),
    )
