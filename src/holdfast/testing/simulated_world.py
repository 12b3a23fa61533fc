# SPDX-License-Identifier: Apache-2.0
"""What the workers of a simulation share, what a program is, and what was seen."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import msgspec

from holdfast.errors import RunNotFound
from holdfast.machine.run import DUE
from holdfast.persistence.parts import joined, merge
from holdfast.persistence.store import TERMINAL, Stored
from holdfast.runtime.driven import Definition
from holdfast.runtime.engine import Engine
from holdfast.testing.invariants import Witness, due_in, label, problems_now, problems_of
from holdfast.testing.seeded_loop import WORKER, SeededLoop
from holdfast.testing.simulated_clock import SimulatedClock
from holdfast.testing.simulated_store import Disk

#: The id of the one run of a simulation.
RUN_ID = "run"


class _Unanswered:
    """The type of `UNANSWERED`."""


#: What a program answers with to leave a question to its deadline, or to a signal.
UNANSWERED = _Unanswered()


class Program:
    """What is simulated: inherit, and give it definitions.

    value: the input of its one run. signals: what outsiders post, each under a request id that is
    its name, by anybody and any number of times, before any question is answered. compares:
    whether the end has to be that of the undisturbed run; it may not depend on who does what when.
    """

    name: str = "program"
    value: Any = None
    signals: tuple[tuple[str, Any], ...] = ()
    compares: bool = True

    def definitions(self, world: World) -> list[Definition]:
        """Its definitions, made anew for every worker; the first one is started."""
        raise NotImplementedError

    def answer(self, wait_id: str) -> Any:
        """What a question is answered with, whoever answers it; UNANSWERED for not at all."""
        return UNANSWERED

    async def decide(self, engine: Engine, _world: World) -> None:
        """The run is parked: what somebody decides, who may have no definition at hand."""
        await engine.retry(RUN_ID)

    async def visit(self, engine: Engine, _world: World) -> bool:
        """What else somebody does, before anything is answered; False to answer nothing yet."""
        return True


class World:
    """The loop, the store that all share, the clocks, and what was seen.

    begun: how often each handler call began, by the epoch in which it did. failed: calls that
    said they would fail, and so may begin again.
    """

    def __init__(self, seed: int, *, shuffles: bool = False) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - it is meant to be predictable
        self.loop = SeededLoop(self.rng, shuffles=shuffles)
        self.inner = Witness()
        self.disk = Disk()
        self.failures: list[str] = []
        self.lines: list[str] = []
        self.begun: Counter[tuple[str, int]] = Counter()
        self.failed: Counter[str] = Counter()
        self.kept: set[str] = set()
        self.retries = 0
        self.winners: dict[str, set[str]] = {}
        self.results: set[str] = set()
        self.owners: dict[str, str] = {}
        self.clocks: dict[str, SimulatedClock] = {}
        self.stale: set[str] = set()

    def begin(self, node: str, payload: Any) -> None:
        """A handler begins: the store must hold its delivery as due, or be another worker's."""
        worker = WORKER.get()
        line = label(node, payload)
        self.note(f"begin {worker} {line}")
        row = self.now(self.inner.row(RUN_ID))
        is_owner = self.owners.get(row.owner or "") == worker and worker not in self.stale
        self.begun[line, row.epoch if is_owner else -1] += 1
        if is_owner and line not in due_in(self.record()):
            self.fail(f"{line} began in {worker}, which owns the run; it is not due")

    def fails(self, node: str, payload: Any) -> None:
        """A handler is about to fail, and may begin once more for it."""
        self.failed[label(node, payload)] += 1

    def calls_once(self, name: str) -> None:
        """A call begins that nobody makes again once its name is among the `kept`."""
        self.note(f"call {WORKER.get()} {name}")
        if name in self.kept and WORKER.get() not in self.stale:
            self.fail(f"{name} was called again, and its result had been given")

    def note(self, text: str) -> None:
        """Something happened: it becomes part of the trace."""
        self.lines.append(f"{self.loop.time():.9f} {text}")

    def fail(self, text: str) -> None:
        """Something cannot be."""
        if text not in self.failures:
            self.note(f"FAILURE {text}")
            self.failures.append(text)

    def now(self, call: Any) -> Any:
        """The result of a call to the store inside, which awaits nothing."""
        try:
            call.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("the memory store awaited something")

    def stored(self) -> Stored | None:
        """The run as the store has it now; None before it is there."""
        try:
            found: Stored = self.now(self.inner.read(RUN_ID))
        except RunNotFound:
            return None
        return found

    def record(self) -> dict[str, Any]:
        """The parts of the run as the store has it now."""
        stored = self.stored()
        return {} if stored is None else merge(stored.anchor, stored.deltas)

    def parked(self) -> list[tuple[int, str, Any]]:
        """What waits for a decision: the number of each delivery, its node and its payload."""
        found = []
        for name, part in self.record().items():
            if name.startswith("due/"):
                due = msgspec.json.decode(joined(part))
                if due.get("p", DUE) != DUE:
                    found.append((int(name.removeprefix("due/")), due["n"], due.get("v")))
        return found

    def is_over(self) -> bool:
        """Whether the store holds the run as ended."""
        return self.word() in TERMINAL

    def word(self) -> str:
        """The status of the run; empty before it is there."""
        try:
            return str(self.now(self.inner.row(RUN_ID)).status)
        except RunNotFound:
            return ""

    def status(self) -> str:
        """The run in a line."""
        stored = self.stored()
        if stored is None:
            return "it was never started"
        row = stored.row
        due = sorted(due_in(merge(stored.anchor, stored.deltas)))
        waits = [w.wait_id for w in self._waits() if w.status == "open"]
        return f"{row.status}, owner {row.owner}, due {due}, open {waits}, error {row.error}"

    def _waits(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self.now(self.inner.waits(run_id=RUN_ID, limit=10_000)).items
        return found

    def check_now(self) -> None:
        """What must hold at any moment."""
        stored = self.stored()
        if stored is not None:
            for text in problems_now(stored, self._waits()):
                self.fail(text)

    def check_end(self) -> None:
        """What must hold when all has been said and done."""
        if self.stored() is not None:
            for text in self.now(problems_of(self.inner, RUN_ID)):
                self.fail(text)
        for text in self.inner.problems:
            self.fail(text)
        if len(self.results) > 1:
            self.fail(f"the run has the results {sorted(self.results)}")
        kept = {
            f"{row.wait_id}/{row.generation}": row.request_id
            for row in self._waits()
            if row.status == "answered"
        }
        for place, winners in self.winners.items():
            if len(winners) > 1:
                self.fail(f"{place} has the winners {sorted(winners)}")
            if kept.get(place) not in winners:
                self.fail(f"{place} was won by {winners}; the store has {kept.get(place)}")

    def is_locked(self, owner: str) -> bool:
        """Whether the process of this owner is there, as an operating system knows."""
        name = self.owners.get(owner, "")
        return bool(name) and not self.loop.is_killed(name)

    async def pause(self, most_s: float = 1.0) -> None:
        """Let a random while pass."""
        await asyncio.sleep(self.rng.random() * most_s)
