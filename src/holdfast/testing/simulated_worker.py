# SPDX-License-Identifier: Apache-2.0
"""One simulated process: an engine, or somebody outside without definitions, and what they do."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from holdfast.errors import EngineStopped, HoldfastError, RunNotFound
from holdfast.runtime.driven import Definition
from holdfast.runtime.engine import Engine
from holdfast.testing.simulated_clock import SimulatedIds
from holdfast.testing.simulated_store import SimulatedStore, Weather
from holdfast.testing.simulated_world import RUN_ID, UNANSWERED, Program, World

#: Virtual seconds after which runs that have not ended are a failure.
PATIENCE_S = 200.0


class Worker:
    """A process that is started again whenever it ends.

    outside: it holds no definition, so it can only post what others take in.
    """

    def __init__(self, world: World, program: Program, name: str, *, outside: bool) -> None:
        self.world = world
        self.program = program
        self.name = name
        self.outside = outside
        self.store: SimulatedStore | None = None
        self.is_serving = False
        self.waiting: asyncio.Task[None] | None = None
        self.draining: asyncio.Task[None] | None = None
        self._engine: Engine | None = None
        self._task: asyncio.Task[Any] | None = None
        self._context = contextvars.Context()

    async def live(self, weather: Weather, *, shared: bool) -> None:
        """Work until the simulation ends, one engine after the other."""
        world, clock = self.world, self.world.clocks[self.name]
        self._task, self._context = asyncio.current_task(), contextvars.copy_context()
        ids = SimulatedIds(self.name)
        while True:
            fair = weather if self.store is None else self.store.weather
            store = SimulatedStore(world.inner, world.rng, fair, world.is_locked, world.disk)
            store.shared = shared
            if self.store is not None:
                store.line = self.store.line
            store.on_enrol = lambda owner: world.owners.__setitem__(owner, self.name)
            self.store = store
            definitions = self.program.definitions(world)
            known = [] if self.outside else definitions
            try:
                async with Engine(store, known, times=(clock, ids)) as engine:
                    await self._serve(engine, definitions[0])
            except HoldfastError as error:
                world.note(f"{self.name} ended: {type(error).__name__}")
            except asyncio.CancelledError:
                _take_notice()
                world.note(f"{self.name} was stopped")
            for owner in store.enrolled:
                world.owners[owner] = ""
            await world.pause()

    def drain(self) -> None:
        """Take its engine out of service, and then end it."""
        if self.is_serving and self._engine is not None:
            going = self._drain(self._engine)
            self.draining = self.world.loop.create_task(going, context=self._context)

    async def _drain(self, engine: Engine) -> None:
        try:
            left = await engine.drain(timeout_s=self.world.rng.choice((0.5, 5.0)))
        except HoldfastError as error:
            self.world.note(f"{self.name} was not drained: {type(error).__name__}")
        else:
            self.world.note(f"{self.name} left {len(left)}")
        if self.is_serving and self._task is not None:
            self._task.cancel()

    async def _serve(self, engine: Engine, definition: Definition) -> None:
        """Start the run, answer what it asks, retry what is parked, until it has ended."""
        self.is_serving, self._engine = True, engine
        try:
            while True:
                try:
                    await self._until_over(engine, definition)
                except HoldfastError as error:
                    self.world.note(f"{self.name} was told {type(error).__name__}")
                    if self.world.rng.random() < 0.2 or isinstance(error, EngineStopped):
                        raise
                    await self.world.pause()
        finally:
            self.is_serving = False

    async def _until_over(self, engine: Engine, definition: Definition) -> None:
        world = self.world
        if not self.outside:
            run = await engine.start(definition, self.program.value, run_id=RUN_ID)
            if world.rng.random() < 0.2:
                self.waiting = asyncio.create_task(self._await_result(run))
        while not world.is_over():
            await world.pause()
            try:
                await self._round(engine)
            except RunNotFound:
                continue
        await asyncio.sleep(PATIENCE_S)

    async def _await_result(self, run: Any) -> None:
        """Nobody is told of an end that is not in the store, or of two different ones."""
        try:
            result = await run.result()
        except HoldfastError as error:
            self.world.note(f"{self.name} has no result: {type(error).__name__}")
            return
        self.world.note(f"{self.name} was given the result")
        if not self.world.is_over():
            self.world.fail(f"{self.name} was given a result, and the run has not ended")
        self.world.results.add(in_any_order(result))

    async def _round(self, engine: Engine) -> None:
        world, rng = self.world, self.world.rng
        for event, value in self.program.signals:
            await engine.emit(RUN_ID, event, value, request_id=event)
        if not await self.program.visit(engine, world):
            return
        for wait in await engine.waits(run_id=RUN_ID):
            value = self.program.answer(wait.wait_id)
            if value is UNANSWERED or rng.random() < 0.5:
                continue
            place = f"{wait.wait_id}/{wait.generation}"
            request = f"{self.name}-{place}"
            for _ in range(rng.choice((1, 1, 2))):
                row = await engine.answer(RUN_ID, wait.wait_id, value, request_id=request)
            if row.generation == wait.generation:
                world.winners.setdefault(place, set()).add(request)
                world.note(f"{request} won {place}")
        if (await engine.store.row(RUN_ID)).status == "parked":
            world.retries += 1
            await self.program.decide(engine, world)


def _take_notice() -> None:
    """This task was cancelled, and goes on."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


def in_any_order(value: Any) -> str:
    """A result as text, lists in any order."""
    if isinstance(value, dict):
        return str({key: in_any_order(value[key]) for key in sorted(value)})
    if isinstance(value, list):
        return str(sorted(map(in_any_order, value)))
    return str(value)
