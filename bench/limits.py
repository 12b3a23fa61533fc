# SPDX-License-Identifier: Apache-2.0
"""What the interpreter and the disk allow here: the floor under every figure of ours."""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.harness import Bench, Workload

_ROW = os.urandom(1000)

Timed = Callable[[int], Awaitable[None]]


async def _plus(number: int) -> int:
    return number + 1


def _limit(timed: Timed) -> Workload:
    async def measured(bench: Bench) -> None:
        async def once(_: Path) -> None:
            bench.start()
            await timed(bench.n)
            bench.stop()

        await bench.repeat(once)

    return measured


async def _await(n: int) -> None:
    number = 0
    for _ in range(n):
        number = await _plus(number)
    assert number == n


async def _task(n: int) -> None:
    number = 0
    for _ in range(n):
        number = await asyncio.create_task(_plus(number))
    assert number == n


async def _child(n: int) -> None:
    for _ in range(n // 1000):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_plus(number)) for number in range(1000)]
        assert sum(task.result() for task in tasks) == 500_500


class Writer:
    """One thread that commits whatever has been put since its last commit, in one transaction."""

    def __init__(self, path: Path, synchronous: str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("pragma journal_mode=wal")
        self._database.execute(f"pragma synchronous={synchronous}")
        self._database.execute("create table t(run text, seq integer, body blob)")
        self._database.execute("create unique index t_place on t(run, seq)")
        self._queue: queue.SimpleQueue[asyncio.Future[None] | None] = queue.SimpleQueue()
        self._number = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self) -> asyncio.Future[None]:
        """A future that ends when a row of 1 KB is committed."""
        future = asyncio.get_running_loop().create_future()
        self._queue.put(future)
        return future

    def close(self) -> None:
        """End the thread and let the file go."""
        self._queue.put(None)
        self._thread.join()
        self._database.close()

    def _work(self) -> None:
        while True:
            waiting = [self._queue.get()]
            while not self._queue.empty():
                waiting.append(self._queue.get())
            due = [future for future in waiting if future is not None]
            if due:
                self._commit(len(due))
                due[0].get_loop().call_soon_threadsafe(_end, due)
            if len(due) < len(waiting):
                return

    def _commit(self, count: int) -> None:
        rows = [("w", self._number + one, _ROW) for one in range(count)]
        self._number += count
        self._database.execute("begin immediate")
        self._database.executemany("insert into t values(?,?,?)", rows)
        self._database.execute("commit")


def _end(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _commits(synchronous: str) -> Workload:
    async def measured(bench: Bench) -> None:
        async def once(folder: Path) -> None:
            writer = Writer(folder / "limit.db", synchronous)
            await writer.put()
            bench.start()
            for _ in range(bench.n):
                await writer.put()
            bench.stop()
            writer.close()

        await bench.repeat(once)

    return measured


WORKLOADS: dict[str, Workload] = {
    "await": _limit(_await),
    "task": _limit(_task),
    "child": _limit(_child),
    "commit FULL": _commits("FULL"),
    "commit NORMAL": _commits("NORMAL"),
}

#: name -> (how many, what it is)
LIMITS: dict[str, tuple[int, str]] = {
    "await": (200_000, "await a coroutine"),
    "task": (20_000, "create_task and await it"),
    "child": (10_000, "a child of a TaskGroup of 1,000"),
    "commit FULL": (300, "a 1 KB row through one writer thread, WAL, synchronous=FULL"),
    "commit NORMAL": (500, "a 1 KB row through one writer thread, WAL, synchronous=NORMAL"),
}
