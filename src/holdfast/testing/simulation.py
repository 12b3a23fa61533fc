# SPDX-License-Identifier: Apache-2.0
"""Simulates workers that share a store while everything goes wrong, from one seed.

One thread, virtual time, no real store: a seed decides which worker goes on, how long each store
call takes, which calls fail before or after their work is done, when a worker is killed, stopped,
frozen or cut off, when the disk is full, read-only or hangs, and how far wall clocks jump. The
same seed gives the same trace again.

A *program* is what the workers run: its definitions, how its runs are started, and what its
questions are answered with. Its handlers call `world.begin` first. Checked while it runs and at
its end, for every seed:

- no handler begins work that the store holds as finished, unless its worker had lost the run,
  and none begins twice under one claim, unless somebody had it tried again;
- a question has one winner, and the store keeps its answer;
- nobody is given a result before the store holds the end;
- what `invariants` says of every stored run, and of every write to it;
- every run ends, in the state in which an undisturbed one ends, and every handler of that ran.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.persistence.parts import joined
from holdfast.testing.seeded_loop import WORKER, NothingLeft, run_seeded
from holdfast.testing.simulated_clock import SimulatedClock
from holdfast.testing.simulated_store import Weather
from holdfast.testing.simulated_worker import PATIENCE_S, Worker, in_any_order
from holdfast.testing.simulated_world import RUN_ID, UNANSWERED, Program, World
from holdfast.testing.troubles import TroubleMaker, Troubles

__all__ = [
    "RUN_ID",
    "UNANSWERED",
    "Outcome",
    "Program",
    "Simulation",
    "Troubles",
    "World",
    "failing",
    "simulate",
]

#: Added to every clock when all is well again: whatever deadline was set by a clock that had
#: jumped ahead, it has come by then.
AT_LAST_S = 1e10


@dataclass
class Outcome:
    """What one simulation showed. trace: a digest of everything that happened, in order.

    begun: how often each handler call began, by the epoch in which it did.
    """

    failures: list[str]
    trace: str
    troubles: Counter[str]
    begun: Counter[tuple[str, int]]
    status: str
    end: dict[str, str]

    @property
    def calls(self) -> Counter[str]:
        """How often each handler call began."""
        counted: Counter[str] = Counter()
        for (line, _), count in self.begun.items():
            counted[line] += count
        return counted


class Simulation:
    """One simulation: the workers in their world, and the one who makes trouble."""

    def __init__(self, program: Program, seed: int, troubles: Troubles) -> None:
        self.program = program
        self.troubles = troubles
        self.world = World(seed, shuffles=troubles.shuffles)
        self.rng = self.world.rng
        self.maker = TroubleMaker(self.world, self._spawn)
        self._weather = troubles.weather
        self._born = 0

    def run(self) -> Outcome:
        """Simulate to the end and check."""
        world = self.world
        try:
            run_seeded(self._main(), world.loop)
        except NothingLeft as error:
            world.fail(str(error))
        return Outcome(
            world.failures,
            hashlib.sha256("\n".join(world.lines).encode()).hexdigest()[:16],
            self.maker.made,
            world.begun,
            world.word(),
            _kept(world.record()),
        )

    async def _main(self) -> None:
        world, loop = self.world, self.world.loop
        for number in range(self.troubles.workers + self.troubles.outsiders):
            self._spawn(outside=number >= self.troubles.workers)
        for _ in range(self.troubles.events):
            await asyncio.sleep(self.rng.expovariate(1.0))
            self.maker.make(self.troubles.kinds)
            world.check_now()
        await world.pause(5)
        self._make_peace()
        deadline = loop.time() + PATIENCE_S
        while not world.is_over():
            if loop.time() > deadline:
                world.fail(f"the run has not ended: {world.status()}")
                break
            await asyncio.sleep(1.0)
            world.check_now()
        world.check_end()
        for name in list(self.maker.living):
            loop.kill(name)

    def _spawn(self, *, outside: bool) -> None:
        world = self.world
        self._born += 1
        name = f"{'o' if outside else 'w'}{self._born}"
        clock = world.clocks[name] = SimulatedClock(world.loop)
        if self.rng.random() < 0.3:
            clock.offset_s = self.rng.uniform(-1e5, 1e5)
        context = contextvars.copy_context()
        context.run(WORKER.set, name)
        worker = Worker(world, self.program, name, outside=outside)
        work = worker.live(self._weather, shared=not self.troubles.alone)
        self.maker.living[name] = worker, world.loop.create_task(work, context=context)

    def _make_peace(self) -> None:
        """From here on nothing new goes wrong, so that everything must come to its end."""
        self._weather = Weather()
        self.world.disk.mend()
        for clock in self.world.clocks.values():
            clock.offset_s = AT_LAST_S
        for name, (worker, _) in self.maker.living.items():
            if worker.store is not None:
                worker.store.weather = self._weather
                worker.store.line.open()
            self.world.loop.thaw(name)


def _kept(parts: Mapping[str, Any]) -> dict[str, str]:
    """What must be equal at the end: state and outputs, lists in any order."""
    kept = {}
    for name, part in parts.items():
        if name.startswith("state/") or name == "out":
            kept[name] = in_any_order(msgspec.json.decode(joined(part)))
    return kept


def simulate(program: Program, seed: int, troubles: Troubles | None = None) -> Outcome:
    """One simulation of a seed, compared with the undisturbed run of the same program."""
    expected = Simulation(program, 0, Troubles()).run()
    drawn = troubles or Troubles.drawn(random.Random(seed))  # noqa: S311 - it is meant to be predictable
    simulation = Simulation(program, seed, drawn)
    found = simulation.run()
    failures = [f"undisturbed: {text}" for text in expected.failures] + found.failures
    if not failures:
        failures.extend(_repeats(simulation.world, expected.calls))
    if not failures and program.compares:
        failures.extend(_differences(found, expected))
    found.failures = failures
    return found


def _repeats(world: World, once: Counter[str]) -> Iterable[str]:
    """Under one claim, a call begins as often as undisturbed, and once more for each new try.

    A failure stops siblings too, and what an emitter tries again is made again behind its emit.
    """
    tries = world.retries + world.failed.total()
    for (line, epoch), count in world.begun.items():
        most = max(once[line], 1) + tries
        if epoch >= 0 and count > most:
            yield f"{line} began {count} times under claim {epoch}"


def _differences(found: Outcome, expected: Outcome) -> Iterable[str]:
    if found.status != expected.status:
        yield f"the run is {found.status}, not {expected.status}"
    for name in sorted(found.end.keys() | expected.end.keys()):
        if found.end.get(name) != expected.end.get(name):
            yield f"{name} ended as {found.end.get(name)}, not as {expected.end.get(name)}"
    missing = expected.calls.keys() - found.calls.keys()
    if missing:
        yield f"never ran: {sorted(missing)}"
    unknown = found.calls.keys() - expected.calls.keys()
    if unknown:
        yield f"ran, but should not have: {sorted(unknown)}"


def failing(programs: Iterable[Program], seeds: Iterable[int]) -> Iterable[tuple[int, str]]:
    """The first failure of each seed that has one."""
    for seed, program in zip(seeds, programs, strict=True):
        outcome = simulate(program, seed)
        if outcome.failures:
            yield seed, outcome.failures[0]
