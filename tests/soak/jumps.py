# SPDX-License-Identifier: Apache-2.0
"""Wall clocks that are set wrong in a real process, at every step of a run that waits for times.

The clock jumps as a handler begins, by an hour or ten years, back or forward. In half of the trials
the process is killed there, and a fresh one goes on with the wrong clock. Once nothing moves, the
clock is set right again. Nothing may be lost, repeated or reordered, and every timer fires once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from holdfast import (
    Engine,
    Executor,
    SQLiteStore,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.persistence.store import TERMINAL
from holdfast.runtime.clock import IDS
from holdfast.testing.crash import Log
from holdfast.testing.processes import ChildLost, Children, Line
from holdfast.testing.shifted_clock import ShiftedClock
from tests.soak.found import Found

YEAR_S = 365.25 * 86_400
JUMPS_S = (-3600.0, 3600.0, -10 * YEAR_S, 10 * YEAR_S)
#: Twenty seconds of a deadline pass in a fiftieth of one.
RATE = 1000.0


class JumpingLog(Log):
    """Sets the clock wrong as the k-th handler begins, and may kill the process there."""

    def __init__(self, path: Path, clock: ShiftedClock) -> None:
        super().__init__(path)
        self.clock = clock
        self.at = 0
        self.jump_s = 0.0
        self.is_killed = False
        self._count = itertools.count(1)

    def begin(self, node: str, payload: Any) -> None:
        """A handler begins."""
        super().begin(node, payload)
        if next(self._count) == self.at:
            self.clock.offset_s = self.jump_s
            if self.is_killed:
                os.kill(os.getpid(), signal.SIGKILL)


def flow_of(log: Log) -> Any:
    """Steps, a durable sleep, and two questions that only their deadlines settle."""

    async def first(data: Any) -> int:
        log.begin("first", data.input)
        await data.async_append_state("seen", "first")
        return 1

    async def sleeps(data: Any) -> int:
        log.begin("sleeps", data.input)
        await data.async_sleep(15)
        await data.async_append_state("seen", "sleeps")
        return 2

    async def asks(data: Any) -> Any:
        log.begin("asks", data.input)
        await data.async_append_state("seen", "asks")
        return await data.async_pause_for(interrupt_id="one", deadline=20, default="late")

    async def hears(data: Any) -> list[int]:
        log.begin("hears", data.input)
        await data.async_append_state("seen", data.input)
        return [1, 2, 3]

    async def item(data: Any) -> Any:
        log.begin("item", data.input)
        return await data.async_pause_for(
            interrupt_id=f"item-{data.input}", deadline=10 * data.input, default=data.input
        )

    async def total(data: Any) -> None:
        log.begin("total", data.input)
        await data.async_append_state("seen", data.input)

    flow: Any = TriggerFlow(name="timed")
    chain = flow.to(first).to(sleeps).to(asks).to(hears)
    chain.for_each().to(item).end_for_each().to(total)
    return flow


class Step(Executor):
    """Sends on, or yields at the end."""

    def __init__(self, name: str, log: Log) -> None:
        super().__init__(name)
        self.log = log

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, list[Any]]) -> None:
        """One superstep."""
        self.log.begin(self.id, message)
        ctx.append_state("seen", self.id)
        if self.id == "last":
            await ctx.yield_output([message, ctx.get_state("seen")])
        else:
            await ctx.send_message(message + 1)


class Asks(Step):
    """Asks a question that only its deadline settles."""

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, list[Any]]) -> None:
        """Ask."""
        self.log.begin(self.id, message)
        terms: dict[str, Any] = {"deadline": 20, "default": message + 100}
        await ctx.request_info(message, int, request_id=f"{self.id}-{message}", **terms)

    @response_handler
    async def late(self, asked: int, answer: int, ctx: WorkflowContext[int, list[Any]]) -> None:
        """Nobody answered."""
        self.log.begin(self.id, answer)
        ctx.append_state("seen", answer)
        await ctx.send_message(answer)


def workflow_of(log: Log) -> Any:
    """Supersteps, two of which wait for a deadline."""
    builder = WorkflowBuilder(name="timed", start_executor="s0")
    names = ("s0", "ask1", "s1", "ask2", "last")
    for name in names:
        kind = Asks if name.startswith("ask") else Step
        builder.register(name, lambda name=name, kind=kind: kind(name, log))
    for pair in itertools.pairwise(names):
        builder.add_edge(*pair)
    return builder.build()


PROGRAMS: tuple[Callable[[Log], Any], ...] = (flow_of, workflow_of)


async def travel(program: Callable[[Log], Any], folder: Path, log: JumpingLog) -> Any:
    """Begin or go on; the clock is set right once nothing moves under the wrong one."""
    store = SQLiteStore(folder / "runs.db", durability="relaxed")
    definition = program(log)
    async with Engine(store, [definition], times=(log.clock, IDS)) as engine:
        run = await engine.start(definition, 0, run_id="run")
        still = 0
        while (row := await run.row()).status not in TERMINAL:
            seq = row.seq
            await asyncio.sleep(0.01)
            still = still + 1 if (await run.row()).seq == seq else 0
            if still > 10:
                log.clock.offset_s = 0.0
            await engine.look()
        end = await run.result()
    await store.close()
    return end


def lived(
    program: Callable[[Log], Any], folder: Path, point: tuple[int, float, bool], line: Line
) -> None:
    """One process of a trial."""
    clock = ShiftedClock(rate=RATE)
    log = JumpingLog(folder / "log", clock)
    log.at, log.jump_s, log.is_killed = point
    if not log.at:
        clock.offset_s = log.jump_s
    line.say(asyncio.run(travel(program, folder, log)))


class Trials:
    """The trials of one program."""

    def __init__(self, program: Callable[[Log], Any], folder: Path) -> None:
        self._program = program
        self._folder = folder
        self.end, self._begun = self._lives(folder / "quiet", [(0, 0.0, False)])

    @property
    def steps(self) -> int:
        """How many handlers begin in an undisturbed run."""
        return self._begun.total()

    def _lives(self, folder: Path, points: list[tuple[int, float, bool]]) -> Any:
        folder.mkdir(parents=True)
        for point in points:
            with Children() as children:
                child = children.fork(partial(lived, self._program, folder, point))
                try:
                    said = child.hear()
                except ChildLost as error:
                    said = [str(error)]
                status = child.wait()
            assert status in ((0, -signal.SIGKILL) if point[2] else (0,)), said
        return said, Counter((folder / "log").read_text().splitlines())

    def trial(self, number: int, at: int, jump_s: float, *, is_killed: bool) -> list[str]:
        """What went wrong with a jump there."""
        folder = self._folder / str(number)
        points = [(at, jump_s, is_killed)]
        if is_killed:
            points.append((0, jump_s, False))
        try:
            end, begun = self._lives(folder, points)
        except AssertionError as error:
            return [f"{error} [{folder}]"]
        problems = []
        if end != self.end:
            problems.append(f"ended as {end}, not {self.end}")
        extra = begun - self._begun
        if begun.keys() != self._begun.keys() or extra.total() > is_killed * 3:
            problems.append(f"began {dict(begun)}, not {dict(self._begun)}")
        if any(count > 1 for count in extra.values()):
            problems.append(f"repeated more than once: {dict(extra)}")
        if not problems:
            shutil.rmtree(folder)
        return [f"{text} [{folder}]" for text in problems]


def jumps(amount: int, seed: int, folder: Path) -> Found:
    """So many jumps, over all programs, steps, distances and both kinds."""
    trials = [Trials(program, folder / program.__name__) for program in PROGRAMS]
    rng = random.Random(seed)
    found = Found()
    for number, (trial, at, jump_s, is_killed) in zip(
        range(amount), _points(trials, rng), strict=False
    ):
        problems = trial.trial(number, at, jump_s, is_killed=is_killed)
        where = f"step {at}, {jump_s:+.0f} s, {'killed' if is_killed else 'alive'}"
        found.add(Found(1, [f"{where}: {text}" for text in problems]))
    return found


def _points(trials: list[Trials], rng: random.Random) -> Iterator[tuple[Trials, int, float, bool]]:
    every = [
        (trial, at, jump_s, is_killed)
        for trial in trials
        for at in range(1, trial.steps + 1)
        for jump_s in JUMPS_S
        for is_killed in (False, True)
    ]
    while True:
        yield from rng.sample(every, len(every))
