# SPDX-License-Identifier: Apache-2.0
"""Kills a process at every store operation of a journey, and compares the end with a quiet run.

A journey is an async function `journey(store, log)` that starts a run or goes on with it, brings
it to its end, and returns a JSON-friendly end state. Its handlers call `log.begin(node, payload)`
first, the functions of its durable steps `log.step(current_step().key)`. For every k, and before as
well as after the k-th store call, a process is ended by a real SIGKILL; a fresh process then runs
the same journey. Checked each time:

- the end state equals that of the undisturbed run;
- nothing that the store held as finished at the kill begins again: no handler, and no step;
- what repeats was in flight at the kill, and repeats once.

Run it as `python -m holdfast.testing.crash MODULE:NAME FOLDER`; it prints one JSON line.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

from holdfast.errors import RunNotFound
from holdfast.persistence.parts import merge
from holdfast.persistence.store import Store
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.testing.faults import FaultPlan, FaultyStore
from holdfast.testing.invariants import due_in, label, steps_done_in

Journey = Callable[[Store, "Log"], Awaitable[Any]]

#: No journey has more store calls than this; a run that never ends is stopped here.
MOST_CALLS = 400
#: Seconds after which a process that hangs is ended and reported.
PATIENCE_S = 30


class Log:
    """Lines in a file that survive a kill: one appended, unbuffered write each."""

    first_at: float | None = None
    """When this process wrote its first line, on the monotonic clock."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def begin(self, node: str, payload: Any) -> None:
        """A handler begins."""
        self._write(label(node, payload))

    def step(self, key: str) -> None:
        """The function of a durable step begins."""
        self._write(f"={key}")

    def end(self, node: str, payload: Any) -> None:
        """A handler is about to return; nothing of it is committed yet."""
        self.note(f"end {label(node, payload)}")

    def note(self, text: str) -> None:
        """A line that is counted, but stands for no delivery the store could name."""
        self._write(f"~{text}")

    def _write(self, text: str) -> None:
        if self.first_at is None:
            self.first_at = time.monotonic()
        os.write(self._file, text.encode() + b"\n")


def _kill() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def _child(journey: Journey, folder: Path, plan: FaultPlan, out: Path) -> None:
    """Run the journey in a forked process; its end state is left in *out*."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(PATIENCE_S)
        code = 1
        try:
            out.write_text(json.dumps(asyncio.run(_travel(journey, folder, plan)), sort_keys=True))
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    out.with_suffix(".status").write_text(str(os.waitstatus_to_exitcode(status)))


async def _travel(journey: Journey, folder: Path, plan: FaultPlan) -> Any:
    store = FaultyStore(SQLiteStore(folder / "runs.db", durability="relaxed"), plan)
    try:
        end = await journey(store, Log(folder / "log"))
    finally:
        plan.disarm()
        await store.close()
    return [end, plan.calls]


def _held_in(folder: Path) -> tuple[set[str], set[str]] | None:
    """What the store holds: labels of unfinished deliveries, and their steps that are done.

    None if no run is there.
    """

    async def look() -> tuple[list[str], list[str]] | None:
        store = SQLiteStore(folder / "runs.db")
        try:
            stored = await store.read("run")
        except RunNotFound:
            return None
        finally:
            await store.close()
        parts = merge(stored.anchor, stored.deltas)
        return sorted(due_in(parts)), sorted(steps_done_in(parts))

    # In a process of its own: this one must have no threads when it forks.
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        found = asyncio.run(look())
        os.write(write, json.dumps(found).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return None if answer is None else (set(answer[0]), set(answer[1]))


def _lines(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().splitlines() if path.exists() else []


def explore(journey: Journey, folder: Path) -> dict[str, Any]:
    """Kill at every store operation, before and after it; returns counts and every failure."""
    quiet = folder / "quiet"
    quiet.mkdir(parents=True)
    _child(journey, quiet, FaultPlan(), quiet / "end")
    if not (quiet / "end").exists():
        return {"kills": 0, "failures": ["the undisturbed run did not end"]}
    expected, calls = json.loads((quiet / "end").read_text())
    once = Counter(_lines(quiet))
    failures: list[str] = []
    kills = repeats = 0
    for k in range(1, min(calls, MOST_CALLS) + 1):
        for when in ("before", "after"):
            place = folder / f"{k}-{when}"
            place.mkdir()
            found = _one(journey, place, k, when, (expected, once))
            kills += found["killed"]
            repeats += found["repeats"]
            failures.extend(f"call {k} {when}: {text}" for text in found["failures"])
            shutil.rmtree(place)
    return {"calls": calls, "kills": kills, "repeats": repeats, "failures": failures}


def _one(
    journey: Journey, place: Path, k: int, when: Any, quiet: tuple[Any, Counter[str]]
) -> dict[str, Any]:
    _child(journey, place, FaultPlan(at=k, when=when, error=_kill), place / "first")
    killed = (place / "first.status").read_text() == str(-signal.SIGKILL)
    before = _lines(place)
    held = _held_in(place) if (place / "runs.db").exists() else None
    finished = set()
    if held is not None:
        finished = {line for line in before if line[0] != "="} - held[0] | held[1]
    _child(journey, place, FaultPlan(), place / "second")
    failures: list[str] = []
    if not (place / "second").exists():
        status = (place / "second.status").read_text()
        return {"killed": killed, "repeats": 0, "failures": [f"recovery ended with {status}"]}
    end, _ = json.loads((place / "second").read_text())
    expected, once = quiet
    if end != expected:
        failures.append(f"ended as {end}, not {expected}")
    after = _lines(place)[len(before) :]
    again = {line for line in finished & set(after) if not line.startswith("~")}
    if again:
        failures.append(f"finished work began again: {sorted(again)}")
    extra = Counter(_lines(place)) - once
    if any(count > 1 for count in extra.values()):
        failures.append(f"repeated more than once: {extra}")
    missing = once.keys() - set(_lines(place))
    if missing:
        failures.append(f"never ran: {sorted(missing)}")
    return {"killed": killed, "repeats": sum(extra.values()), "failures": failures}


def main(arguments: list[str]) -> int:
    """Explore a journey named on the command line; 1 if anything failed."""
    module, _, name = arguments[0].partition(":")
    journey: Journey = getattr(importlib.import_module(module), name)
    found = explore(journey, Path(arguments[1]))
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
