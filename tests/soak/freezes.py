# SPDX-License-Identifier: Apache-2.0
"""An owner is frozen by SIGSTOP, its run taken over and carried to its end, and it is thawed.

The observer's monotonic clock runs fast, so fifteen seconds of silence pass in an eighth of one;
the owner really stands still. Each handler writes a state key of its own with the name of the
process: so the end tells who wrote what, and a write of the thawed owner could not hide.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast import Engine, SQLiteStore, TriggerFlow
from holdfast.errors import HoldfastError, StoreError
from holdfast.persistence.store import TERMINAL
from holdfast.runtime.clock import IDS
from holdfast.testing.crash import Log
from holdfast.testing.invariants import label
from holdfast.testing.places import SQLitePlace
from holdfast.testing.processes import Child, Children, Line
from holdfast.testing.shifted_clock import ShiftedClock
from tests.soak.found import Found
from tests.soak.journeys import STEP_S

#: How fast the observer's clock runs.
RATE = 120.0
#: How long one handler of the owner takes, and all others stand; a process looks more often.
LONG_S = 2.0
#: The work of a run takes about so long after its start was told.
WORK_S = 0.06
#: An owner that was frozen inside a commit holds the database's lock: then nobody can take over.
PATIENT_S = 2.0
ITEMS = list(range(6))
LABELS = {
    *("first:0", "second:0", "long:0", label("total", ITEMS)),
    *(f"item:{n}" for n in ITEMS),
    *(f"seen:{n}" for n in ITEMS),
}


def flow_of(name: str, log: Log) -> Any:
    """Two steps, items three at a time that emit, a sum; beside them one that may be long."""

    async def work(data: Any, node: str) -> None:
        called = label(node, data.input)
        log.begin(node, data.input)
        try:
            await asyncio.sleep(STEP_S)
            await data.async_set_state(called, name)
            if node == "long" and name == "owner":
                await asyncio.sleep(LONG_S)
            if node == "item":
                await data.async_emit("Seen", data.input)
        except BaseException as error:
            log.note(f"{type(error).__name__} {called}")
            raise
        log.end(node, data.input)

    async def first(data: Any) -> int:
        await work(data, "first")
        return 0

    async def second(data: Any) -> list[int]:
        await work(data, "second")
        return ITEMS

    async def item(data: Any) -> int:
        await work(data, "item")
        return int(data.input)

    async def seen(data: Any) -> None:
        await work(data, "seen")

    async def total(data: Any) -> None:
        await work(data, "total")

    async def long(data: Any) -> None:
        await work(data, "long")

    flow: Any = TriggerFlow(name="frozen")
    flow.to(first).to(second).for_each(concurrency=3).to(item).end_for_each().to(total)
    flow.to(long)
    flow.when("Seen").to(seen)
    return flow


@dataclass
class Round:
    """One round, and what went wrong in it."""

    folder: Path
    rng: random.Random
    in_commit: int = 0
    cancelled: int = 0
    repeats: int = 0

    def run(self) -> list[str]:
        """Freeze, take over, thaw, compare."""
        with Children() as children:
            owner = children.fork(lambda line: asyncio.run(self._own(line)))
            observer = children.fork(lambda line: asyncio.run(self._observe(line)))
            owner.hear()
            observer.hear()
            time.sleep(self.rng.random() * WORK_S)
            if not owner.freeze():
                return [f"the owner ended with {owner.wait()}"]
            observer.tell("look")
            self._wait_for_take_over(owner, observer)
            kept, begun = self._kept(children), self._lines("owner")
            is_early = self.rng.random() < 0.5
            observer.tell("go on")
            if observer.hear() != "took":
                return ["the observer did not take the run"]
            if is_early:
                owner.thaw()
            end = observer.hear()
            owner.thaw()
            told = owner.hear()
            status = (observer.wait(), owner.wait())
        return self._judge(kept, begun, end, told) + (
            [f"the processes ended with {status}"] if status != (0, 0) else []
        )

    def _wait_for_take_over(self, owner: Child, observer: Child) -> None:
        """Until the observer sees that the owner is gone, and could write."""
        while observer.hear() != "gone":
            self.in_commit += 1
            owner.thaw()
            time.sleep(0.005)
            if not owner.freeze():
                raise AssertionError("the owner ended while it was frozen")

    def _kept(self, children: Children) -> set[str]:
        """The labels that are finished in the store while the owner stands still."""

        async def look() -> list[str]:
            held = await SQLitePlace(self.folder, "relaxed").held()
            assert held is not None
            return sorted(held.due)

        reader = children.fork(lambda line: line.say(asyncio.run(look())))
        due = set(reader.hear())
        begun = {line for line in self._lines("owner") if line[0] != "~"}
        return begun - due

    async def _own(self, line: Line) -> None:
        store = SQLiteStore(self.folder / "runs.db", durability="relaxed")
        log = Log(self.folder / "owner")
        flow = flow_of("owner", log)
        try:
            async with Engine(store, [flow], times=(ShiftedClock(rate=RATE), IDS)) as engine:
                await engine.start(flow, 0, run_id="run")
                live = (await engine.driven("run")).live
                line.say("started")
                with contextlib.suppress(HoldfastError):
                    await live.until_quiet()
                await live.settled()
                line.say(type(live.dead).__name__)
        finally:
            await store.close()

    async def _observe(self, line: Line) -> None:
        store = SQLiteStore(self.folder / "runs.db", durability="relaxed", busy_timeout_s=0.3)
        flow = flow_of("observer", Log(self.folder / "observer"))
        times = (ShiftedClock(rate=RATE), IDS)
        line.say("ready")
        await asyncio.to_thread(line.hear)
        engine = Engine(store, [flow], times=times)
        while not await self._is_free(store, engine):
            line.say("not yet")
        line.say("gone")
        await asyncio.to_thread(line.hear)
        async with engine:
            line.say("took" if (await store.row("run")).owner == engine._owner.id else "nothing")
            while (row := await store.row("run")).status not in TERMINAL:
                await engine.look()
                await asyncio.sleep(0.005)
            live = (await engine.driven("run")).live
            state = {key: cell.value for key, cell in live.run.frames[0].state.items()}
            line.say([row.status, state])
        await store.close()

    async def _is_free(self, store: SQLiteStore, engine: Engine) -> bool:
        """Whether the owner counts as gone, and the lock of the database can be had."""
        deadline = time.monotonic() + PATIENT_S
        while time.monotonic() < deadline:
            row = await store.row("run")
            if row.owner is not None and await engine._owner.is_gone(row.owner):
                try:
                    await engine._owner.enrol()
                except StoreError:
                    return False
                return True
            await asyncio.sleep(0.005)
        raise AssertionError(f"the frozen owner counts as alive: {await store.owners()}")

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def _judge(self, kept: set[str], begun: list[str], end: Any, told: Any) -> list[str]:
        problems = []
        status, state = end
        if status != "completed" or set(state) != LABELS:
            problems.append(f"{status} without {sorted(LABELS - set(state))}")
        if stale := {key for key, by in state.items() if by == "owner" and key not in kept}:
            problems.append(f"written by the thawed owner: {sorted(stale)}")
        theirs = [line for line in self._lines("observer") if line[0] != "~"]
        if len(theirs) != len(set(theirs)) or set(theirs) & kept:
            problems.append(f"finished work began again: {sorted(set(theirs) & kept)}")
        mine = self._lines("owner")
        late = {line for line in mine[len(begun) :] if line[0] != "~"}
        if late & kept or len(late) > 4:
            problems.append(f"began after the thaw: {sorted(late)}")
        if told != "OwnershipLost":
            problems.append(f"the owner was told {told}")
        ended = {line.partition(" ")[2] for line in mine if line[0] == "~"}
        if left := {line for line in mine if line[0] != "~"} - ended:
            problems.append(f"handlers of the owner go on: {sorted(left)}")
        self.cancelled = sum(line.startswith("~CancelledError") for line in mine)
        self.repeats = len(set(theirs) & {line for line in mine if line[0] != "~"})
        return problems


def freezes(amount: int, seed: int, folder: Path) -> Found:
    """So many rounds."""
    found = Found(facts={"handlers cancelled": 0, "repeats": 0, "frozen inside a commit": 0})
    for number in range(amount):
        here = folder / str(number)
        here.mkdir(parents=True)
        one = Round(here, random.Random(f"{seed}/{number}"))
        problems = one.run()
        found.add(
            Found(
                1,
                [f"round {number}: {text} [{here}]" for text in problems],
                {
                    "handlers cancelled": one.cancelled,
                    "repeats": one.repeats,
                    "frozen inside a commit": one.in_commit,
                },
            )
        )
    return found
