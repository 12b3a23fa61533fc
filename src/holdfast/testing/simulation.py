# SPDX-License-Identifier: Apache-2.0
"""Simulates workers that share a store while everything goes wrong, from one seed.

One thread, virtual time, no real store: a seed decides which worker goes on, how long each store
call takes, which calls fail before or after their work is done, when a worker is killed or
frozen, and how far wall clocks jump. The same seed gives the same trace again.

A *program* is what the workers run: its definitions, how its runs are started, and what its
questions are answered with. Its handlers call `world.begin` first. Checked while it runs and at
its end, for every seed:

- no handler begins work that the store holds as finished, unless its worker had lost the run;
- a question has one winner, and the store keeps its answer;
- every run ends, in the state in which an undisturbed one ends, and every handler of that ran.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from holdfast.errors import HoldfastError, RunNotFound
from holdfast.persistence.parts import joined, merge
from holdfast.persistence.store import TERMINAL
from holdfast.persistence.stores.memory import MemoryStore
from holdfast.runtime.driven import Definition
from holdfast.runtime.engine import Engine
from holdfast.testing.seeded_loop import WORKER, NothingLeft, SeededLoop, run_seeded
from holdfast.testing.simulated_store import SimulatedStore, Weather

#: Virtual seconds after which runs that have not ended are a failure.
PATIENCE_S = 200.0


class Program(Protocol):
    """What is simulated. value: the input of its one run."""

    name: str
    value: Any

    def answer(self, wait_id: str) -> Any:
        """What a question is answered with, whoever answers it."""

    def definitions(self, world: World) -> list[Definition]:
        """Its definitions, made anew for every worker; the first one is started."""


class SimulatedClock:
    """A worker's clocks: its wall clock may jump, its monotonic one cannot."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._spent_s = 0.0
        self.offset_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as far as this worker knows."""
        return 1.7e9 + self._loop.time() + self.offset_s

    def monotonic(self) -> float:
        """The virtual time, and a little for every look, so that long chains give way."""
        self._spent_s += 0.0003
        return self._loop.time() + self._spent_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """A timer of the loop."""
        return self._loop.call_later(delay_s, callback)


class SimulatedIds:
    """Ids that follow from the worker's name."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._count = 0

    def new(self) -> str:
        """The name and the next number."""
        self._count += 1
        return f"{self._worker}-{self._count}"


@dataclass
class Troubles:
    """What goes wrong in one simulation, and how often it did."""

    workers: int = 1
    events: int = 0
    weather: Weather = field(default_factory=Weather)
    shuffles: bool = False

    @classmethod
    def drawn(cls, rng: random.Random) -> Troubles:
        """From nothing at all to everything at once."""
        return cls(
            workers=rng.randint(1, 4),
            events=rng.choice((0, 1, 2, 4, 8)),
            weather=Weather(
                error_before=rng.choice((0.0, 0.0, 0.02, 0.1)),
                error_after=rng.choice((0.0, 0.0, 0.02, 0.1)),
                slowest_s=rng.choice((0.001, 0.05, 1.0)),
            ),
            shuffles=rng.random() < 0.3,
        )


@dataclass
class Outcome:
    """What one simulation showed. trace: a digest of everything that happened, in order."""

    failures: list[str]
    trace: str
    kills: int
    freezes: int
    jumps: int
    begun: int
    end: dict[str, str]


class World:
    """One simulation: the loop, the store that all share, the workers, and what was seen.

    Long because: troubles, workers and checks watch the same few facts.
    """

    def __init__(self, program: Program, seed: int, troubles: Troubles) -> None:
        self.program = program
        self.rng = random.Random(seed)  # noqa: S311 - it is meant to be predictable
        self.troubles = troubles
        self.loop = SeededLoop(self.rng, shuffles=troubles.shuffles)
        self.inner = MemoryStore()
        self.failures: list[str] = []
        self.lines: list[str] = []
        self.begun: set[str] = set()
        self.winners: dict[str, set[str]] = {}
        self.kills = self.freezes = self.jumps = 0
        self._living: dict[str, asyncio.Task[None]] = {}
        self._stores: dict[str, SimulatedStore] = {}
        self._clocks: dict[str, SimulatedClock] = {}
        self._owners: dict[str, str] = {}
        self._stale: set[str] = set()
        self._born = 0

    def run(self) -> Outcome:
        """Simulate to the end and check."""
        try:
            run_seeded(self._main(), self.loop)
        except NothingLeft as error:
            self.failures.append(str(error))
        return Outcome(
            self.failures,
            hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:16],
            self.kills,
            self.freezes,
            self.jumps,
            len(self.begun),
            _kept(self._read()),
        )

    def begin(self, node: str, payload: Any) -> None:
        """A handler begins: the store must hold its delivery as due, or be another worker's."""
        worker = WORKER.get()
        line = label(node, payload)
        self.note(f"begin {worker} {line}")
        self.begun.add(line)
        if line in self._due() or worker in self._stale:
            return
        row = self._now(self.inner.row("run"))
        if self._owners.get(row.owner or "") == worker:
            self.failures.append(f"{line} began in {worker}, which owns the run; it is not due")

    def note(self, text: str) -> None:
        """Something happened: it becomes part of the trace."""
        self.lines.append(f"{self.loop.time():.9f} {text}")

    def _now(self, call: Any) -> Any:
        """The result of a call to the store inside, which awaits nothing."""
        try:
            call.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("the memory store awaited something")

    def _read(self) -> dict[str, Any]:
        try:
            stored = self._now(self.inner.read("run"))
        except RunNotFound:
            return {}
        return merge(stored.anchor, stored.deltas)

    def _due(self) -> set[str]:
        found = set()
        for name, part in self._read().items():
            if name.startswith("due/"):
                due = msgspec.json.decode(joined(part))
                found.add(label(due["n"], due.get("v")))
        return found

    async def _main(self) -> None:
        for _ in range(self.troubles.workers):
            self._spawn()
        for _ in range(self.troubles.events):
            await asyncio.sleep(self.rng.expovariate(1.0))
            await self._trouble()
        await asyncio.sleep(self.rng.random() * 5)
        self._make_peace()
        deadline = self.loop.time() + PATIENCE_S
        while not self._is_over():
            if self.loop.time() > deadline:
                self.failures.append(f"the run has not ended: {self._state()}")
                break
            await asyncio.sleep(1.0)
        self._check_winners()
        for name in list(self._living):
            self.loop.kill(name)

    def _spawn(self) -> None:
        self._born += 1
        name = f"w{self._born}"
        clock = self._clocks[name] = SimulatedClock(self.loop)
        if self.rng.random() < 0.3:
            clock.offset_s = self.rng.uniform(-1e5, 1e5)
        context = contextvars.copy_context()
        context.run(WORKER.set, name)
        self._living[name] = self.loop.create_task(self._work(name, clock), context=context)

    async def _trouble(self) -> None:
        name = self.rng.choice(list(self._living))
        what = self.rng.choice(("kill", "kill", "freeze", "jump"))
        self.note(f"{what} {name}")
        if what == "kill":
            self.kills += 1
            self.loop.kill(name)
            del self._living[name]
            self._spawn()
        elif what == "freeze":
            self.freezes += 1
            self._stale.add(name)
            self.loop.freeze(name)
            self.loop.call_later(self.rng.choice((1.0, 10.0, 60.0)), self.loop.thaw, name)
        else:
            self.jumps += 1
            self._clocks[name].offset_s += self.rng.choice((-3.15e8, -3600, 3600, 3.15e8))

    def _make_peace(self) -> None:
        """From here on nothing new goes wrong, so that everything must come to its end."""
        self.troubles.weather = Weather()
        for store in self._stores.values():
            store.weather = self.troubles.weather
        for name in self._living:
            self.loop.thaw(name)

    async def _work(self, name: str, clock: SimulatedClock) -> None:
        """A process that is started again whenever it ends."""
        ids = SimulatedIds(name)
        while True:
            store = SimulatedStore(
                self.inner, self.rng, self.troubles.weather, self._is_locked, (clock, ids)
            )
            store.on_enrol = lambda owner: self._owners.__setitem__(owner, name)
            self._stores[name] = store
            try:
                definitions = self.program.definitions(self)
                async with Engine(store, definitions, times=(clock, ids)) as engine:
                    await self._be_client(name, engine, definitions[0])
            except HoldfastError as error:
                self.note(f"{name} ended: {type(error).__name__}")
            for owner in store.enrolled:
                self._owners[owner] = ""
            await asyncio.sleep(self.rng.random())

    def _is_locked(self, owner: str) -> bool:
        name = self._owners.get(owner, "")
        return bool(name) and not self.loop.is_killed(name)

    async def _be_client(self, name: str, engine: Engine, definition: Definition) -> None:
        """Start the run, answer what it asks, retry what is parked, until it has ended."""
        while True:
            try:
                await engine.start(definition, self.program.value, run_id="run")
                while not self._is_over():
                    await asyncio.sleep(self.rng.random())
                    await self._serve(name, engine)
                await asyncio.sleep(PATIENCE_S)
            except HoldfastError as error:
                self.note(f"{name} was told {type(error).__name__}")
                if self.rng.random() < 0.2:
                    raise
                await asyncio.sleep(self.rng.random())

    async def _serve(self, name: str, engine: Engine) -> None:
        for wait in await engine.waits(run_id="run"):
            if self.rng.random() < 0.5:
                request = f"{name}-{wait.wait_id}-{wait.generation}"
                value = self.program.answer(wait.wait_id)
                place = f"{wait.wait_id}/{wait.generation}"
                row = await engine.answer("run", wait.wait_id, value, request_id=request)
                if row.generation == wait.generation:
                    self.winners.setdefault(place, set()).add(request)
                    self.note(f"{request} won {place}")
        if (await engine.store.row("run")).status == "parked":
            await engine.retry("run")

    def _is_over(self) -> bool:
        try:
            return self._now(self.inner.row("run")).status in TERMINAL
        except RunNotFound:
            return False

    def _state(self) -> str:
        try:
            row = self._now(self.inner.row("run"))
        except RunNotFound:
            return "it was never started"
        return f"{row.status}, owner {row.owner}, due {sorted(self._due())}, error {row.error}"

    def _check_winners(self) -> None:
        for place, winners in self.winners.items():
            if len(winners) > 1:
                self.failures.append(f"{place} has the winners {sorted(winners)}")
        rows = self._now(self.inner.waits(run_id="run", status="answered")).items
        kept = {f"{row.wait_id}/{row.generation}": row.request_id for row in rows}
        for place, winners in self.winners.items():
            if kept.get(place) not in winners:
                self.failures.append(
                    f"{place} was won by {winners}; the store has {kept.get(place)}"
                )


def label(node: str, payload: Any) -> str:
    """One handler call, the same text from the handler and from the store."""
    return f"{node}:{json.dumps(payload, sort_keys=True)}"


def _kept(parts: Mapping[str, Any]) -> dict[str, str]:
    """What must be equal at the end: state and outputs, lists in any order."""
    kept = {}
    for name, part in parts.items():
        if name.startswith("state/") or name == "out":
            value = msgspec.json.decode(joined(part))
            kept[name] = str(sorted(map(str, value)) if isinstance(value, list) else value)
    return kept


def simulate(program: Program, seed: int, troubles: Troubles | None = None) -> Outcome:
    """One simulation of a seed, compared with the undisturbed run of the same program."""
    quiet = World(program, 0, Troubles())
    expected = quiet.run()
    drawn = troubles or Troubles.drawn(random.Random(seed))  # noqa: S311 - as above
    world = World(program, seed, drawn)
    found = world.run()
    failures = [f"undisturbed: {text}" for text in expected.failures] + found.failures
    if not failures:
        if found.end != expected.end:
            failures.extend(_differences(found.end, expected.end))
        missing = quiet.begun - world.begun
        if missing:
            failures.append(f"never ran: {sorted(missing)}")
        unknown = world.begun - quiet.begun
        if unknown:
            failures.append(f"ran, but should not have: {sorted(unknown)}")
    found.failures = failures
    return found


def _differences(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    return [
        f"{name} ended as {found.get(name)}, not as {expected.get(name)}"
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]


def failing(programs: Iterable[Program], seeds: Iterable[int]) -> Iterable[tuple[int, str]]:
    """The first failure of each seed that has one."""
    for seed, program in zip(seeds, programs, strict=True):
        outcome = simulate(program, seed)
        if outcome.failures:
            yield seed, outcome.failures[0]
