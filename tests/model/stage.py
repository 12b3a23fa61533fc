# SPDX-License-Identifier: Apache-2.0
"""Where handlers wait for what a test tells them to do, and what they were told.

Each call of a handler has a label of its own. What it was told is its script; a repeat does the
same from its top, as a handler does whose code is the same, and then waits for more. So however
often a run is killed, it has to come to where it would have come undisturbed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

Op = tuple[Any, ...]

#: What ends a handler's call.
ENDS = frozenset({"end", "ask", "fail"})


class Told(ConnectionError):
    """A handler fails because it was told to."""


class Stage:
    """The calls of one run over all workers that carried it.

    scripts: what each call was told, by its label. playing: the calls under way in the worker of
    today, with the future that each waits at, or None while it is busy with something. wrong: what
    no test may ever see.
    """

    def __init__(self) -> None:
        self.scripts: dict[str, list[Op]] = {}
        self.begun: Counter[str] = Counter()
        self.playing: dict[str, asyncio.Future[Op] | None] = {}
        self.outcomes: dict[tuple[str, int], Any] = {}
        self.stepped: Counter[str] = Counter()
        self.may_begin_again: set[str] = set()
        self.wrong: list[str] = []
        self.worker: Any = None

    def enter(self, worker: Any) -> None:
        """Another worker carries the run from here on."""
        self.worker = worker
        self.playing = {}

    async def play(
        self, worker: Any, label: str, act: Callable[[Op], Awaitable[Any]]
    ) -> tuple[str, Any]:
        """A handler's call: do what its script says, then what it is told. The last op, its value.

        Raises: Told, what an op raises.
        """
        if worker.is_dead or worker is not self.worker:
            await asyncio.Future()
        self._begin(label)
        script = self.scripts.setdefault(label, [])
        number = 0
        try:
            while True:
                if number == len(script):
                    gate = self.playing[label] = asyncio.get_running_loop().create_future()
                    await gate
                    self.playing[label] = None
                op = script[number]
                if op[0] == "fail":
                    raise Told(label)
                value = await act(op)
                if worker.is_dead:
                    await asyncio.Future()
                self._same_as_before(label, number, op, value)
                number += 1
                if op[0] in ENDS:
                    return op[0], value
        finally:
            if worker is self.worker:
                self.playing.pop(label, None)

    def _begin(self, label: str) -> None:
        if label in self.playing:
            self.wrong.append(f"{label} runs twice at once")
        if self.begun[label]:
            if label not in self.may_begin_again:
                self.wrong.append(f"{label} began again although nothing had stopped it")
            self.may_begin_again.discard(label)
        self.begun[label] += 1
        self.playing[label] = None

    def _same_as_before(self, label: str, number: int, op: Op, value: Any) -> None:
        if op[0] in ("emit", "read", "step"):
            before = self.outcomes.setdefault((label, number), value)
            if before != value:
                self.wrong.append(f"{label}: {op} gave {before}, and its repeat {value}")

    async def step(self, face: Any, key: str, value: Any) -> Any:
        """A durable step of a call, whose function counts how often it is called."""
        worker = self.worker

        async def work() -> Any:
            if worker.is_dead:
                await asyncio.Future()
            self.stepped[key] += 1
            return value

        return await face.async_step("work", work, key=key)

    def tell(self, label: str, op: Op) -> None:
        """Let a call do something; it is remembered before it is done."""
        self.scripts[label].append(op)
        gate = self.playing[label]
        assert gate is not None
        gate.set_result(op)

    @property
    def waiting(self) -> set[str]:
        """The calls that wait to be told something."""
        return {label for label, gate in self.playing.items() if gate is not None}
