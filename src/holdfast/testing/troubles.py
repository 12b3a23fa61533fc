# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a simulation, drawn from its seed, and who makes it go wrong."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.errors import StoreFull, StoreReadOnly
from holdfast.testing.simulated_store import Weather
from holdfast.testing.simulated_worker import Worker
from holdfast.testing.simulated_world import World

#: What may happen, the likely ones more than once.
KINDS = (
    *("kill", "kill", "kill", "freeze", "freeze", "stop", "jump"),
    *("cut", "hang", "full", "read-only"),
)
#: What may happen to a process that shares its store with none.
GENTLE = ("freeze", "stop", "jump")


@dataclass
class Troubles:
    """What goes wrong in one simulation.

    outsiders: workers that hold no definition. alone: the one worker knows that no other process
    shares its store. drains: engines may be taken out of service.
    """

    workers: int = 1
    outsiders: int = 0
    events: int = 0
    weather: Weather = field(default_factory=Weather)
    shuffles: bool = False
    alone: bool = False
    drains: bool = False

    @classmethod
    def drawn(cls, rng: random.Random) -> Troubles:
        """From nothing at all to everything at once."""
        drawn = cls(
            workers=rng.randint(1, 4),
            outsiders=rng.choice((0, 0, 0, 1)),
            events=rng.choice((0, 1, 2, 4, 8)),
            weather=Weather(
                error_before=rng.choice((0.0, 0.0, 0.02, 0.1)),
                error_after=rng.choice((0.0, 0.0, 0.02, 0.1)),
                slowest_s=rng.choice((0.001, 0.05, 1.0)),
                outlives=rng.choice((0.0, 0.0, 0.3)),
            ),
            shuffles=rng.random() < 0.3,
        )
        drawn.alone = drawn.workers == 1 and not drawn.outsiders and rng.random() < 0.3
        if drawn.alone:
            # As the store in memory: no other process, and no disk that could fail.
            drawn.weather = Weather()
        drawn.drains = rng.random() < 0.2
        return drawn

    @property
    def kinds(self) -> tuple[str, ...]:
        """What may happen."""
        return (GENTLE if self.alone else KINDS) + ("drain", "drain") * self.drains


class Spawn(Protocol):
    """Starts a new worker."""

    def __call__(self, *, outside: bool) -> None:
        """outside: one without definitions."""


class TroubleMaker:
    """Picks who is hit by what. living: every worker with its task, by name. made: how often."""

    def __init__(self, world: World, spawn: Spawn) -> None:
        self.world = world
        self.spawn = spawn
        self.living: dict[str, tuple[Worker, asyncio.Task[None]]] = {}
        self.made: Counter[str] = Counter()

    def make(self, kinds: tuple[str, ...]) -> None:
        """One more thing goes wrong."""
        rng, world = self.world.rng, self.world
        name = rng.choice(list(self.living))
        what = rng.choice(kinds)
        world.note(f"{what} {name}")
        self.made[what] += 1
        worker, task = self.living[name]
        if what == "kill":
            self._kill(name, worker)
        elif what == "stop":
            if worker.is_serving:
                task.cancel()
        elif what == "drain":
            worker.drain()
        elif what == "jump":
            world.clocks[name].offset_s += rng.choice((-3.15e8, -3600, 3600, 3.15e8))
        elif what == "freeze":
            world.stale.add(name)
            world.loop.freeze(name)
            self._later((1.0, 10.0, 60.0), lambda: world.loop.thaw(name))
        elif what == "cut" and worker.store is not None:
            line = worker.store.line
            line.is_shut = True
            self._later((1.0, 10.0, 60.0), line.open)
        else:
            self._spoil(what)

    def _kill(self, name: str, worker: Worker) -> None:
        self.world.loop.kill(name)
        del self.living[name]
        self.spawn(outside=worker.outside)

    def _spoil(self, what: str) -> None:
        disk = self.world.disk
        if what == "hang":
            disk.gate.is_shut = True
        else:
            disk.refusal = StoreFull if what == "full" else StoreReadOnly
        self._later((0.5, 3.0, 20.0), disk.mend)

    def _later(self, choices: tuple[float, ...], call: Callable[[], None]) -> None:
        self.world.loop.call_later(self.world.rng.choice(choices), call)
