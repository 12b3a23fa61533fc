# SPDX-License-Identifier: Apache-2.0
"""Kills a process at random moments of a journey, and compares the end with a quiet run.

The journeys are those of `holdfast.testing.crash`, which kills at every store operation; here the
moment is anywhere: inside a handler, inside a commit, while the process starts or ends, and again
while a fresh process recovers (no more than that: a run whose owners die in a row is set aside).
`log.end(node, payload)` as the last thing of a handler tells how many repeats had reached their end
and were not committed yet. Checked after each kill:

- what is kept can be read, and SQLite finds its file sound;
- nothing that is kept as finished begins again;
- a delivery in flight begins again at most once in each fresh process;
- the end state equals that of the undisturbed run, and nothing is left lying about.

Run it as `python -m holdfast.testing.kills MODULE:NAME FOLDER --kills 100`; it prints one JSON
line. The folder of each trial that failed is kept, and the command that repeats it is printed: the
same moments again, as far as the machine is as fast as before.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import random
import shutil
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from holdfast.testing.crash import Log
from holdfast.testing.places import PLACES, Place, PlaceName, place
from holdfast.testing.processes import Child, ChildLost, Children, Line

Journey = Callable[[Any, Log], Awaitable[Any]]

#: How often the process that recovers is killed too, and how often at most in one trial.
AGAIN = 0.25
MOST_KILLS = 2
#: Undisturbed runs that are timed before the first kill.
TIMED = 5


@dataclass
class Found:
    """What the kills showed.

    early, late: processes that were killed before their run was kept, and after its end was told.
    redone: finished work that began again. repeats: deliveries in flight that did, and of those
    `ended` had reached the end of their handler. recovery_ms: from the start of a fresh process to
    its first handler, or to the end of the run. failures: texts, with the command to repeat each.
    """

    kills: int = 0
    early: int = 0
    late: int = 0
    redone: int = 0
    repeats: int = 0
    ended: int = 0
    recovery_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Counts, and the recoveries as median and longest."""
        facts = asdict(self)
        times = facts.pop("recovery_ms")
        facts["recovery_ms_median"] = round(statistics.median(times), 1) if times else None
        facts["recovery_ms_longest"] = round(max(times), 1) if times else None
        return facts


@dataclass(frozen=True)
class Quiet:
    """The undisturbed run: its end, how often each handler began, and how long it took."""

    end: Any
    begun: Counter[str]
    seconds: float


class Hunter:
    """Kills the processes of one journey.

    where: the name of the place. command: what repeats a trial, for the report.
    """

    def __init__(self, journey: Journey, where: PlaceName, seed: int, command: str = "") -> None:
        self._journey = journey
        self._where = where
        self._seed = seed
        self._command = command
        self._quiet: Quiet | None = None
        self.found = Found()

    def hunt(self, folder: Path, kills: int, *, first: int = 0, trials: int | None = None) -> Found:
        """Try until so many processes were killed, or so many trials made."""
        if self._quiet is None:
            self._quiet = self._undisturbed(folder)
        number = first
        wanted = self.found.kills + kills
        while self.found.kills < wanted and (trials is None or number < first + trials):
            self._try(folder, number)
            number += 1
        return self.found

    def _undisturbed(self, folder: Path) -> Quiet:
        seen = []
        for turn in range(TIMED):
            here = folder / f"quiet-{turn}"
            here.mkdir(parents=True)
            began = time.monotonic()
            with Children() as children:
                child = children.fork(self._life(here, look=False))
                said = _said(child)
            seen.append(Quiet(said["end"], _begun(here), time.monotonic() - began))
            shutil.rmtree(here)
        first = seen[0]
        if any((one.end, one.begun) != (first.end, first.begun) for one in seen):
            raise AssertionError("the journey does not end the same way each time")
        return Quiet(first.end, first.begun, statistics.median(one.seconds for one in seen))

    def _life(self, here: Path, *, look: bool) -> Callable[[Line], None]:
        """One process: it says what is kept, then goes on with the journey and says its end."""

        def live(line: Line) -> None:
            asyncio.run(_travel(self._journey, place(self._where, here), here / "log", line, look))

        return live

    def _try(self, folder: Path, number: int) -> None:
        here = folder / str(number)
        here.mkdir(parents=True)
        failures = self._trial(here, random.Random(f"{self._seed}/{number}"))  # noqa: S311 - a seed
        if failures:
            again = f"{self._command} --seed {self._seed} --trial {number}" if self._command else ""
            self.found.failures += [f"trial {number}: {text} [{here}] {again}" for text in failures]
        else:
            shutil.rmtree(here)

    def _trial(self, here: Path, rng: random.Random) -> list[str]:
        """One run, killed once or more, to its end."""
        failures: list[str] = []
        before: list[str] = []
        kills = 0
        while True:
            is_last = kills == MOST_KILLS or (kills > 0 and rng.random() >= AGAIN)
            moment = None if is_last else rng.random()
            with Children() as children:
                child = children.fork(self._life(here, look=kills > 0))
                was_killed, said, problem = self._one_life(child, moment)
            if problem:
                return [*failures, problem]
            after = _lines(here)[len(before) :]
            if "held" in said:
                failures += self._check_life(said, before, after)
            before += after
            if not was_killed:
                return failures + self._check_end(here, said, kills)
            kills += 1
            self.found.kills += 1
            self.found.late += "end" in said

    def _one_life(
        self, child: Child, moment: float | None
    ) -> tuple[bool, dict[str, Any], str | None]:
        """A process to its kill or its end; what it said, and what went wrong."""
        assert self._quiet is not None
        if moment is not None:
            time.sleep(moment * self._quiet.seconds)
            if child.kill():
                return True, _said(child), None
        said = _said(child)
        status = child.wait()
        problem = f"the process ended with {status}" if status else None
        return False, said, "the process hangs" if status == -signal.SIGALRM else problem

    def _check_life(self, said: dict[str, Any], before: list[str], after: list[str]) -> list[str]:
        """What a fresh process did with what it found."""
        assert self._quiet is not None
        failures = []
        held = said["held"]
        known = Counter(line for line in before if not line.startswith("~"))
        finished: set[str] = set()
        if held is not None:
            finished = {line for line in known if line[0] != "="} - set(held[0]) | set(held[1])
        begun = Counter(line for line in after if not line.startswith("~"))
        if again := finished & begun.keys():
            self.found.redone += len(again)
            failures.append(f"finished work began again: {sorted(again)}")
        if twice := {one for one, count in begun.items() if count > self._quiet.begun[one]}:
            failures.append(f"began too often in one process: {sorted(twice)}")
        repeated = known.keys() & begun.keys()
        self.found.repeats += len(repeated)
        self.found.ended += sum(f"~end {line}" in before for line in repeated)
        self.found.early += held is None
        if "recovery_ms" in said:
            self.found.recovery_ms.append(said["recovery_ms"])
        return failures

    def _check_end(self, here: Path, said: dict[str, Any], kills: int) -> list[str]:
        assert self._quiet is not None
        failures = []
        if said["end"] != self._quiet.end:
            failures.append(f"ended as {_short(said['end'])}, not {_short(self._quiet.end)}")
        begun = _begun(here)
        if missing := self._quiet.begun.keys() - begun.keys():
            failures.append(f"never ran: {sorted(missing)}")
        extra = begun - self._quiet.begun
        if often := {one for one, count in extra.items() if count > kills}:
            failures.append(f"repeated more than once a kill: {sorted(often)}")
        if litter := place(self._where, here).litter():
            failures.append(f"left lying about: {litter}")
        return failures


async def _travel(
    journey: Journey,
    where: Place,
    path: Path,
    line: Line,
    look: bool,
) -> None:
    if look:
        held = await where.held()
        line.say({"held": None if held is None else [sorted(held.due), sorted(held.steps)]})
    log = Log(path)
    opened = where.open()
    began = time.monotonic()
    try:
        end = await journey(opened, log)
    finally:
        await where.close(opened)
    first = time.monotonic() if log.first_at is None else log.first_at
    line.say({"end": end, "recovery_ms": (first - began) * 1000})


def _said(child: Child) -> dict[str, Any]:
    """Everything that a process says until it is gone."""
    said: dict[str, Any] = {}
    with suppress(ChildLost):
        while True:
            said.update(child.hear())
    return said


def _lines(here: Path) -> list[str]:
    path = here / "log"
    return path.read_text().splitlines() if path.exists() else []


def _begun(here: Path) -> Counter[str]:
    return Counter(line for line in _lines(here) if not line.startswith("~"))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"


def main(arguments: list[str] | None = None) -> int:
    """Kill the processes of a journey named on the command line; 1 if anything failed."""
    options = _options(arguments)
    module, _, name = options.journey.partition(":")
    journey: Journey = getattr(importlib.import_module(module), name)
    command = f"python -m holdfast.testing.kills {options.journey} FOLDER --place {options.place}"
    hunter = Hunter(journey, options.place, options.seed, command)
    is_one = options.trial is not None
    found = hunter.hunt(
        options.folder,
        options.kills,
        first=options.trial if is_one else 0,
        trials=1 if is_one else None,
    )
    sys.stdout.write(json.dumps(found.as_json()) + "\n")
    return 1 if found.failures else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m holdfast.testing.kills")
    parser.add_argument("journey", help="MODULE:NAME of an async function (store, log)")
    parser.add_argument("folder", type=Path, help="where stores and logs are written")
    parser.add_argument("--kills", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="where the moments come from")
    parser.add_argument("--trial", type=int, help="one trial of that seed again")
    parser.add_argument("--place", choices=PLACES, default="relaxed", help="where it is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
