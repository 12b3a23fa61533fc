# SPDX-License-Identifier: Apache-2.0
"""Flows drawn from a seed: chunks with habits, in shapes that nest and follow each other."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from holdfast import Engine, Retry, TriggerFlow
from holdfast.testing.invariants import label
from holdfast.testing.simulation import RUN_ID, World
from tests.simulation.drawn import LAPSES, Drawn, number

#: What a chunk does; a chunk has one to three.
HABITS = (
    *("write", "sleep", "append", "emit", "nowait", "ask", "again", "fail", "both", "pair"),
    *("step", "rest"),
)
#: Those that need a signal of their own, so they have no place where a chunk runs several times.
SIGNALLING = ("emit", "nowait", "both", "pair", "lapse")
SHAPES = ("chain", "chain", "loop", "side", "batch", "match", "sub", "collect", "doubt", "skip")


class DrawnFlow(Drawn):
    """A flow."""

    name = "flow"

    def drawn(self, rng: random.Random, world: World) -> Any:
        """The flow of this seed."""
        return _Drawer(rng, world).flow()

    async def decide(self, engine: Engine, world: World) -> None:
        """Parked work is tried again; what would return its number and one more may be skipped."""
        parked = world.parked()
        for delivery, node, payload in parked:
            if node.startswith("skip") and world.rng.random() < 0.5:
                await engine.skip(RUN_ID, delivery, number(payload) + 1)
                return
        await engine.retry(RUN_ID)


class _Drawer:
    """Draws one flow; the same draws give the same flow."""

    def __init__(self, rng: random.Random, world: World) -> None:
        self.rng = rng
        self.world = world
        self.count = 0
        self.events = [f"E{i}" for i in range(rng.randint(0, 3))]

    def flow(self) -> Any:
        """Some shapes behind each other, and listeners to every event, which emit later ones."""
        rng = self.rng
        flow: Any = TriggerFlow(name="flow")
        cursor: Any = flow
        for _ in range(rng.randint(1, 3)):
            cursor = getattr(self, rng.choice(SHAPES))(cursor)
        for depth, event in enumerate(self.events):
            for _ in range(rng.randint(1, 2)):
                branch: Any = flow.when(event)
                for _ in range(rng.randint(1, 2)):
                    branch = branch.to(self.chunk(depth + 1))
        flow.when(["Left", "Right"]).to(("met", keep(self.world, "met")))
        flow.when("Late").to(("late", keep(self.world, "late")))
        return flow

    def chunk(self, depth: int = 0, *, unique: bool = True, path: str = "") -> Any:
        """A chunk; not unique: it may run several times in one execution, or in a sub-flow."""
        self.count += 1
        rng, name = self.rng, f"n{self.count}"
        habits = rng.sample(HABITS, rng.randint(1, 3))
        if unique and rng.random() < 0.05:
            habits = ["lapse"]
        if not unique:
            habits = [h for h in habits if h not in SIGNALLING]
        to_come = self.events[depth:]
        event = rng.choice(to_come) if to_come and unique else None
        deadline = rng.choice((None, None, 2, 10))
        made = _Chunk(self.world, (path, name), habits, event, rng.random(), deadline)
        return name, made.run

    def chain(self, cursor: Any) -> Any:
        """One after the other, perhaps one that is called again when it fails."""
        wait_s = self.rng.choice((0.0, 2.0))
        retry = Retry(3, backoff=wait_s) if self.rng.random() < 0.3 else None
        return cursor.to(self.chunk(), retry=retry)

    def side(self, cursor: Any) -> Any:
        """One beside the chain."""
        cursor = cursor.to(self.chunk())
        cursor.to(self.chunk(), side_branch=True)
        return cursor

    def loop(self, cursor: Any) -> Any:
        """A list of items, and the list of what became of them."""
        rng, name = self.rng, f"spread{self.count}"
        size, cap = rng.randint(1, 4), rng.choice((None, 1, 2))
        cursor = cursor.to((name, _spread(self.world, name, size))).for_each(concurrency=cap)
        for _ in range(rng.randint(1, 2)):
            cursor = cursor.to(self.chunk(unique=False))
        total = f"sum{self.count}"
        return cursor.end_for_each().to((total, keep(self.world, total)))

    def batch(self, cursor: Any) -> Any:
        """Several at once."""
        branches = [self.chunk(unique=False) for _ in range(self.rng.randint(1, 3))]
        return cursor.batch(*branches, concurrency=self.rng.choice((None, 1)))

    def match(self, cursor: Any) -> Any:
        """Where the number leads."""
        rng = self.rng
        cursor = cursor.match(mode=rng.choice(("hit_first", "hit_all")))
        for divisor in range(1, rng.randint(2, 4)):
            cursor = cursor.case(_divides(divisor)).to(self.chunk(unique=False))
        return cursor.end_match()

    def doubt(self, cursor: Any) -> Any:
        """A condition that fails once, whoever asks it."""
        place = f"doubt{self.count}"
        cursor = cursor.match().case(_doubtful(self.world, place)).to(self.chunk(unique=False))
        return cursor.case_else().to(self.chunk(unique=False)).end_match()

    def sub(self, cursor: Any) -> Any:
        """A flow in the flow, with listeners, questions and permits of its own."""
        rng, name = self.rng, f"sub{self.count}"
        path = f"sub_flow:{name}/"
        inner: Any = TriggerFlow(name=name)
        step: Any = inner
        for _ in range(rng.randint(1, 2)):
            step = step.to(self.chunk(unique=False, path=path))
        tells = f"tells{self.count}"
        step.to((tells, _tells(self.world, path + tells)))
        inner.when("Told").to(self.chunk(unique=False, path=path))
        inner.when("Told").to(self.chunk(unique=False, path=path))
        total = f"after{self.count}"
        cursor = cursor.to_sub_flow(inner, concurrency=rng.choice((None, None, 1)))
        return cursor.to((total, keep(self.world, total)))

    def collect(self, cursor: Any) -> Any:
        """Two branches of one root meet in a collection."""
        name = f"all{self.count}"
        cursor.to(self.chunk()).collect(name, "beside")
        return cursor.to(self.chunk()).collect(name, "ahead")

    def skip(self, cursor: Any) -> Any:
        """A service that is down at first; somebody may say what it would have said."""
        name = f"skip{self.count}"
        self.count += 1
        return cursor.to((name, _down_at_first))


def keep(world: World, name: str) -> Any:
    """A handler that keeps what it was given, and goes on with a number of it."""

    async def run(data: Any) -> int:
        world.begin(name, data.input)
        await data.async_set_state(f"{name}-{number(data.input)}", data.input)
        return number(data.input) % 1000

    return run


def _tells(world: World, path: str) -> Any:
    async def run(data: Any) -> int:
        payload = number(data.input)
        world.begin(path, data.input)
        results = await data.async_emit("Told", payload * 7)
        await data.async_set_state("told", number(results))
        return payload

    return run


def _spread(world: World, name: str, size: int) -> Any:
    async def run(data: Any) -> list[int]:
        world.begin(name, data.input)
        first = number(data.input) % 1000
        return [first * 10 + i for i in range(size)]

    return run


async def _down_at_first(data: Any) -> int:
    """Begins unseen: who is skipped may never have begun."""
    if data.attempt == 0:
        raise ConnectionError("drawn")
    return number(data.input) + 1


def _divides(divisor: int) -> Any:
    async def judge(data: Any) -> bool:
        await asyncio.sleep(0.1)
        return number(data.input) % divisor == 0

    return judge


def _doubtful(world: World, name: str) -> Any:
    async def judge(data: Any) -> bool:
        await asyncio.sleep(0.1)
        if not world.failed[label(name, data.input)]:
            world.fails(name, data.input)
            raise ConnectionError("drawn")
        return number(data.input) % 2 == 0

    return judge


class _Chunk:
    """One chunk. where: the path of its flow, and its name."""

    def __init__(
        self,
        world: World,
        where: tuple[str, str],
        habits: list[str],
        event: str | None,
        pause: float,
        deadline: int | None,
    ) -> None:
        # Many parameters because: each was drawn by itself.
        self.world = world
        self.path, self.name = where
        self.habits = habits
        self.event = event
        self.pause = pause
        self.deadline = deadline

    async def run(self, data: Any) -> Any:
        """Do all of it, in the order of this function."""
        payload, habits = number(data.input), self.habits
        own = f"{self.name}-{payload}"
        if data.is_resume and str(data.resume.interrupt_id).endswith(own):
            return payload + 1
        self.world.begin(self.path + self.name, data.input)
        if "sleep" in habits:
            await asyncio.sleep(self.pause * 3)
        if "rest" in habits:
            await data.sleep(self.pause * 6)
        if "step" in habits:
            await data.async_set_state(f"paid-{own}", await self._pay(data, own))
        if "write" in habits:
            await data.async_set_state(own, payload)
        if "append" in habits:
            await data.async_append_state(f"log-{own}", 1)
        if "fail" in habits and data.attempt == 0 and self.pause < 0.3:
            self.world.fails(self.path + self.name, data.input)
            raise ConnectionError("drawn")
        await self._signal(data, payload, own)
        return await self._ask(data, payload, own)

    async def _pay(self, data: Any, own: str) -> int:
        """A step that nobody calls again once it has returned."""
        kept = f"step {self.path}{own}"

        async def pay() -> int:
            self.world.calls_once(kept)
            await asyncio.sleep(self.pause)
            return len(own)

        paid: int = await data.step("pay", pay)
        self.world.kept.add(kept)
        return paid

    async def _signal(self, data: Any, payload: int, own: str) -> None:
        event, habits = self.event, self.habits
        fresh = payload * 1000 + int(self.name[1:]) * 10
        if "pair" in habits:
            await data.async_emit_nowait("Left", fresh + 4)
            await data.async_emit_nowait("Right", fresh + 5)
        if event is None:
            return
        if "emit" in habits:
            results = await data.async_emit(event, fresh + 1)
            await data.async_set_state(f"heard-{own}", number(results))
        if "nowait" in habits:
            await data.async_emit_nowait(event, fresh + 2)
        if "both" in habits:
            await data.async_emit(event, fresh + 3)

    async def _ask(self, data: Any, payload: int, own: str) -> Any:
        habits = self.habits
        terms: dict[str, Any] = {"interrupt_id": own}
        if self.deadline is not None:
            terms.update(deadline=self.deadline, default=payload + 1)
        if "again" in habits:
            return await data.async_pause_for(**terms, resume_to="self")
        if "ask" in habits:
            return await data.async_pause_for(**terms)
        if "lapse" in habits:
            return await data.async_pause_for(
                payload=payload, interrupt_id=LAPSES + own, deadline=1, timeout_event="Late"
            )
        return payload + 1
