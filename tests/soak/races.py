# SPDX-License-Identifier: Apache-2.0
"""Two to eight processes settle one question at once, or take one run over.

Each round is a run of its own in one store that all rounds share. Whatever the kind of the round:
one winner, one effect, each loser its own typed error, and nobody hears of locks.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast import Engine, TriggerFlow
from holdfast.persistence.store import TERMINAL
from holdfast.testing.crash import Log
from holdfast.testing.places import PlaceName
from holdfast.testing.processes import Child, Children
from tests.soak.found import Found
from tests.soak.stations import Verb, at_once, one, opened, station

#: As many processes as may meet in a round.
MOST = 8

#: What a loser may be told.
LOST = {"AlreadyAnswered", "WaitClosed", "RunClosed"}


def definitions(log: Log) -> list[Any]:
    """A flow that asks, and one that fails until somebody decides."""

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="ok")

    async def use(data: Any) -> None:
        log.begin(data.execution_id, data.input)
        await asyncio.sleep(0.001)
        await data.async_set_state("used", data.input)

    asking: Any = TriggerFlow(name="asking")
    asking.to(ask).to(use)

    async def fail(data: Any) -> Any:
        if data.attempt == 0:
            raise ConnectionError("the first time")
        return "retried"

    failing: Any = TriggerFlow(name="failing")
    failing.to(fail).to(("use", use))
    return [asking, failing]


def abandoned(log: Log) -> list[Any]:
    """The flow that asks, in a process that is about to die: it holds still instead."""

    async def ask(data: Any) -> Any:
        log.note("held")
        await asyncio.Event().wait()

    async def use(data: Any) -> None:
        raise AssertionError("its process is dead")

    asking: Any = TriggerFlow(name="asking")
    asking.to(ask).to(use)
    return [asking]


def verbs(engine: Engine) -> dict[str, Verb]:
    """What a station of the races can do."""

    async def start(run_id: str, flow: str, *, rest: bool = True) -> str:
        run = await engine.start(engine._definitions[flow], run_id, run_id=run_id)
        return (await run.until_idle()).status if rest else "running"

    async def hold(run_id: str) -> str:
        await engine.start(engine._definitions["asking"], run_id, run_id=run_id)
        return "started"

    async def answer(run_id: str, value: Any, request_id: str) -> Any:
        return await engine.answer(run_id, "ok", value, request_id=request_id)

    async def post(run_id: str, kind: str, request_id: str, **terms: Any) -> Any:
        return await getattr(engine, kind)(run_id, request_id=request_id, **terms)

    async def take(run_id: str) -> Any:
        await engine.driven(run_id)
        return "mine"

    async def end(run_id: str) -> Any:
        """Wait until the run has ended, or rests at a question."""
        for _ in range(2000):
            row = await engine.store.row(run_id)
            if row.status in TERMINAL or (row.status == "waiting" and not row.inbox):
                break
            if row.owner is None or row.inbox:
                await engine.look()
            await asyncio.sleep(0.003)
        waits = await engine.waits(run_id=run_id, status=None)
        return {"row": row, "waits": waits}

    found: dict[str, Verb] = {"start": start, "hold": hold, "answer": answer, "post": post}
    return {**found, "take": take, "end": end}


class Races:
    """The rounds."""

    def __init__(self, where: PlaceName, folder: Path, seed: int) -> None:
        self._where = where
        self._folder = folder
        self._seed = seed
        self.failures: list[str] = []
        self.counts: dict[str, int] = {}
        self._log_read = 0

    def run(self, rounds: int, first: int = 0) -> None:
        """All rounds, with the same processes."""
        with Children(600) as children:
            work = station(self._where, self._folder, definitions, verbs)
            found = opened(children, MOST, work)
            for number in range(first, first + rounds):
                rng = random.Random(f"{self._seed}/{number}")
                kind = rng.choice(KINDS)
                self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1
                racers = rng.sample(found, rng.randint(2, MOST))
                try:
                    problems = kind(self, f"r{number}", racers, rng)
                except AssertionError as error:
                    problems = [f"{error}"]
                self.failures += [f"round {number} ({kind.__name__}): {p}" for p in problems]

    def effects(self, run_id: str) -> list[str]:
        """What the handlers behind the question began."""
        with (self._folder / "log").open() as file:
            file.seek(self._log_read)
            lines = file.read().splitlines()
        return [line for line in lines if line.startswith(f"{run_id}:")]

    def next_round(self) -> None:
        """Read only what comes from here on."""
        path = self._folder / "log"
        self._log_read = path.stat().st_size if path.exists() else 0

    def begun(self, run_id: str, station: Child, flow: str = "asking") -> str:
        """Start the run of the round; the status it rests in."""
        self.next_round()
        return str(one(station, "start", run_id=run_id, flow=flow))

    def ended(self, run_id: str, station: Child) -> dict[str, Any]:
        """How the run of the round ended."""
        found: dict[str, Any] = one(station, "end", run_id=run_id)
        return found

    def orphaned(self, run_id: str) -> None:
        """Start the run in a process that dies in its first handler."""
        self.next_round()
        with Children() as children:
            work = station(self._where, self._folder, abandoned, verbs)
            (victim,) = opened(children, 1, work)
            one(victim, "hold", run_id=run_id)
            victim.kill()


def _answers(said: list[list[Any]], allowed: set[str]) -> tuple[list[Any], list[str]]:
    """The rows that winners got, and every word that no loser may hear."""
    rows = [word[1] for word in said if word[0] == "got"]
    return rows, [str(word) for word in said if word[0] == "told" and word[1] not in allowed]


def _judge(end: dict[str, Any], effects: list[str], values: list[Any], run_id: str) -> list[str]:
    """One effect, of the value that the store holds as the answer."""
    problems = []
    row, waits = end["row"], end["waits"]
    if row["status"] != "completed":
        problems.append(f"the run is {row['status']}")
    (wait,) = waits
    if wait["status"] != "answered":
        problems.append(f"the question is {wait['status']}")
    if len(values) != 1 or effects != [f"{run_id}:{_json(values[0])}"]:
        problems.append(f"winners {values}, effects {effects}")
    return problems


def _json(value: Any) -> str:
    return f'"{value}"'


def different(races: Races, run_id: str, racers: list[Child], rng: random.Random) -> list[str]:
    """Each with a request id and a value of its own."""
    races.begun(run_id, rng.choice(racers))
    words = [
        {"do": "answer", "run_id": run_id, "value": f"v{i}", "request_id": f"q{i}"}
        for i in range(len(racers))
    ]
    said = at_once(list(zip(racers, words, strict=True)))
    rows, problems = _answers(said, LOST)
    end = races.ended(run_id, racers[0])
    values = [words[i]["value"] for i, word in enumerate(said) if word[0] == "got"]
    if len(values) != 1:
        return [*problems, f"the winners are {values}"]
    again = one(
        racers[-1], "answer", run_id=run_id, value=values[0], request_id=f"q{values[0][1:]}"
    )
    if [again] != rows:
        problems.append(f"the same request later got {again}, not {rows}")
    return problems + _judge(end, races.effects(run_id), values, run_id)


def same(races: Races, run_id: str, racers: list[Child], rng: random.Random) -> list[str]:
    """All with the same request id and value: a delivery that is repeated."""
    races.begun(run_id, rng.choice(racers))
    word = {"do": "answer", "run_id": run_id, "value": "v", "request_id": "q"}
    said = at_once([(racer, word) for racer in racers])
    rows, problems = _answers(said, set())
    if len(rows) != len(racers) or any(row != rows[0] for row in rows):
        problems.append(f"the same request got {rows}")
    end = races.ended(run_id, racers[0])
    return problems + _judge(end, races.effects(run_id), ["v"], run_id)


def conflicting(races: Races, run_id: str, racers: list[Child], rng: random.Random) -> list[str]:
    """The same request id with values of their own: only one of them can be meant."""
    races.begun(run_id, rng.choice(racers))
    words = [
        {"do": "answer", "run_id": run_id, "value": f"v{i}", "request_id": "q"}
        for i in range(len(racers))
    ]
    said = at_once(list(zip(racers, words, strict=True)))
    _, problems = _answers(said, {"AnswerConflict"})
    end = races.ended(run_id, racers[0])
    values = [words[i]["value"] for i, word in enumerate(said) if word[0] == "got"]
    return problems + _judge(end, races.effects(run_id), values, run_id)


def cancelled(races: Races, run_id: str, racers: list[Child], rng: random.Random) -> list[str]:
    """Some answer while others cancel, all of these under one request id."""
    races.begun(run_id, rng.choice(racers))
    words: list[dict[str, Any]] = [
        {"do": "answer", "run_id": run_id, "value": f"v{i}", "request_id": f"q{i}"}
        if i % 2
        else {"do": "post", "run_id": run_id, "kind": "cancel", "request_id": "stop"}
        for i in range(len(racers))
    ]
    said = at_once(list(zip(racers, words, strict=True)))
    _, problems = _answers(said, LOST)
    posts = [word[1] for i, word in enumerate(said) if i % 2 == 0 and word[0] == "got"]
    if any(post != posts[0] for post in posts):
        problems.append(f"one cancellation is {posts}")
    values = [words[i]["value"] for i, word in enumerate(said) if i % 2 and word[0] == "got"]
    end, effects = races.ended(run_id, racers[0]), races.effects(run_id)
    (wait,) = end["waits"]
    if (wait["status"] == "answered") != (len(values) == 1):
        problems.append(f"the question is {wait['status']}, its winners {values}")
    if end["row"]["status"] not in ("completed", "cancelled"):
        problems.append(f"the run is {end['row']['status']}")
    if len(effects) > len(values) or (end["row"]["status"] == "completed" and not effects):
        problems.append(f"{end['row']['status']}: winners {values}, effects {effects}")
    return problems


def decided(races: Races, run_id: str, racers: list[Child], rng: random.Random) -> list[str]:
    """A failed chunk that several retry and skip: it goes on once."""
    status = races.begun(run_id, rng.choice(racers), "failing")
    if status != "parked":
        return [f"the failed run is {status}"]
    post = {"do": "post", "run_id": run_id}
    skip = {**post, "kind": "skip", "request_id": "skip", "delivery": 1, "value": "skipped"}
    words = [
        {**post, "kind": "retry", "request_id": f"r{i % 3}"} if i % 2 else skip
        for i in range(len(racers))
    ]
    said = at_once(list(zip(racers, words, strict=True)))
    _, problems = _answers(said, LOST | {"NotParked", "DeliveryNotFound"})
    end, effects = races.ended(run_id, racers[0]), races.effects(run_id)
    if end["row"]["status"] != "completed" or len(effects) != 1:
        problems.append(f"{end['row']['status']} with the effects {effects}")
    return problems


def taken(races: Races, run_id: str, racers: list[Child], rng: random.Random) -> list[str]:
    """The owner is dead: engines take its run over at once, and one has it."""
    races.orphaned(run_id)
    said = at_once([(racer, {"do": "take", "run_id": run_id}) for racer in racers])
    # All may lose: a process that is not among them looks for such runs by itself.
    _, problems = _answers(said, {"RunOwned", "OwnershipLost"})
    end = races.ended(run_id, racers[0])
    if [wait["status"] for wait in end["waits"]] != ["open"]:
        problems.append(f"the questions are {end['waits']}")
    one(racers[0], "answer", run_id=run_id, value="v", request_id="q")
    end = races.ended(run_id, racers[0])
    return problems + _judge(end, races.effects(run_id), ["v"], run_id)


Kind = Callable[[Races, str, list[Child], random.Random], list[str]]
KINDS: tuple[Kind, ...] = (different, different, same, conflicting, cancelled, decided, taken)


def races(where: PlaceName, amount: int, seed: int, folder: Path) -> Found:
    """So many rounds, all kinds mixed."""
    rounds = Races(where, folder, seed)
    rounds.run(amount)
    return Found(amount, rounds.failures, {})
