# SPDX-License-Identifier: Apache-2.0
"""The runs that an engine carries, and how a run comes to it.

One run is opened by one at a time: a store shows a run before its engine hears that it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from holdfast.errors import DefinitionNotFound, HoldfastError
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import RunRow, Store
from holdfast.persistence.stores.url import open_store
from holdfast.persistence.types import default_types
from holdfast.runtime.clock import Clock, Ids
from holdfast.runtime.driven import Definition, Driven
from holdfast.runtime.home import Home
from holdfast.runtime.ownership import Owner


class Carrying:
    """What all parts of an engine share: its store, its definitions, the runs at hand."""

    def __init__(
        self,
        store: str | Store,
        definitions: Iterable[Definition],
        resources: dict[str, Any] | None,
        recover: bool,
        times: tuple[Clock, Ids],
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
        self._opening: dict[str, tuple[asyncio.Lock, int]] = {}
        self.failures: dict[str, HoldfastError] = {}

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
