# SPDX-License-Identifier: Apache-2.0
"""Engines that die: a store that several of them share, and that shows which ones live."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from holdfast import Engine, MemoryStore, TriggerFlow, Workflow
from holdfast.persistence.store import OwnerRow
from holdfast.runtime.clock import CLOCK, IDS, Clock
from tests.workflow.graphs import build, forward, give


class MortalStore(MemoryStore):
    """A store whose owners lose their locks when a test says that their process is dead."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: set[str] = set()

    async def owners(self) -> tuple[OwnerRow, ...]:
        """The enrolled, with the locks of the dead let go."""
        return tuple(
            OwnerRow(owner=row.owner, beat=row.beat, locked=row.owner not in self.dead)
            for row in await super().owners()
        )

    async def kill(self, engine: Engine) -> None:
        """Let the process of an engine be dead: what it carries stands still from here on."""
        owner: Any = engine._owner
        self.dead.add(owner.id)


class SharedStore(MortalStore):
    """The same, and its engines look at it now and then, as they do where there are processes."""

    shared = True


class Processes:
    """Makes engines on one store, as processes would; all are closed in the end."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self._engines: list[Engine] = []

    async def begin(self, *definitions: Any, clock: Clock = CLOCK, **more: Any) -> Engine:
        """An engine that has looked once."""
        engine = Engine(self.store, definitions, times=(clock, IDS), **more)
        self._engines.append(engine)
        return await engine.__aenter__()

    async def close(self) -> None:
        """The youngest goes first: it has what the others lost."""
        for engine in reversed(self._engines):
            await engine.close()


@contextlib.asynccontextmanager
async def processes(
    kind: type[MortalStore] = MortalStore,
) -> AsyncIterator[tuple[MortalStore, Processes]]:
    """A store, and who makes its engines."""
    store = kind()
    made = Processes(store)
    try:
        yield store, made
    finally:
        await made.close()


class Handler:
    """What a handler does, by the number of its call: begin, then wait until it is let go.

    begun: how often it was called. door: closed until a test opens it.
    """

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.door = asyncio.Event()

    async def has_begun(self, times: int) -> None:
        """Give way to the loop until it was called so often, and no oftener."""
        await until(lambda: self.begun >= times)
        assert self.begun == times

    async def work(self, value: Any) -> Any:
        """Wait for the door."""
        self.begun += 1
        try:
            await self.door.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return value


def flow_of(handler: Handler, name: str = "mortal") -> TriggerFlow[Any, Any, Any]:
    """A step that is done at once, the handler, and a step that keeps."""

    async def first(data: Any) -> Any:
        return data.input

    async def work(data: Any) -> Any:
        return await handler.work(data.input)

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name=name)
    flow.to(first).to(work).to(keep)
    return flow


def workflow_of(handler: Handler, name: str = "mortal") -> Workflow:
    """The same as a graph: the handler's node is the second."""

    async def work(message: Any, ctx: Any) -> None:
        await ctx.send_message(await handler.work(message))

    return build("a>b b>c", {"a": forward, "b": work, "c": give}, name=name)


FRONTS: dict[str, Callable[[Handler], Any]] = {"flow": flow_of, "workflow": workflow_of}


async def until(holds: Callable[[], bool]) -> None:
    """Give way to the loop until something holds; a thousand turns are more than it needs."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that a timer of the real clock brings about."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)
