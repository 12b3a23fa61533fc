# SPDX-License-Identifier: Apache-2.0
"""The two threads of the SQLite store, each the only user of its connection, and group commit.

The writer takes whatever is queued into one transaction: every member under a savepoint of its
own, with its own verdict; one COMMIT, so one fsync, for all; then the callers hear. A lone member
needs no savepoint: rolling it back is rolling the transaction back.

A COMMIT that fails fails every member. Nobody hears of success before their bytes are down.
"""

from __future__ import annotations

import asyncio
import copy
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

from holdfast.errors import HoldfastError, StoreError, StoreUnavailable
from holdfast.persistence.stores import rules
from holdfast.persistence.stores.sqlite_database import Database, begin_write, translate

#: What one transaction takes at most; more waits for the next, so that no fsync grows too long.
BATCH_BYTES = 8 * 1024 * 1024

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Job:
    """A call on its way: what to do, and the future of whoever waits, on their own loop."""

    __slots__ = ("args", "error", "future", "loop", "size", "value", "work")

    def __init__(
        self,
        work: Callable[..., Any],
        args: tuple[Any, ...],
        size: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.work = work
        self.args = args
        self.size = size
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.value: object = None
        self.error: BaseException | None = None


class Lane:
    """A thread with a connection and a queue. Both begin with the first call."""

    def __init__(self, name: str, connect: Callable[[], Database]) -> None:
        self._name = name
        self._connect = connect
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._closed = False
        self._db: Database | None = None

    async def call(self, work: Callable[[Database, *Args], T], *args: *Args, size: int = 0) -> T:
        """Do the work in the thread and return its result."""
        job = Job(work, args, size, asyncio.get_running_loop())
        with self._guard:
            if self._closed:
                raise rules.store_closed()
            if self._thread is None:
                self._start()
            elif self._pid != os.getpid():
                raise StoreUnavailable(
                    "the store was in use before this process was forked",
                    hint="Open a store of its own in every process.",
                )
            self._queue.put(job)
        result: T = await job.future
        return result

    def _start(self) -> None:
        self._pid = os.getpid()
        # A daemon: a program that ends without close() must not hang, and what its callers were
        # told is on disk already.
        self._thread = threading.Thread(target=self._main, name=self._name, daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Do what is queued, close the connection and end the thread."""
        with self._guard:
            first, self._closed = not self._closed, True
            thread = self._thread
            if first and thread is not None:
                self._queue.put(None)
        if thread is not None and self._pid == os.getpid():
            await asyncio.to_thread(thread.join)

    def _main(self) -> None:
        carried: list[Job] = []
        while True:
            batch, carried, stop = self._gather(carried)
            if batch:
                self._serve(batch)
                tell(batch)
            if stop:
                break
            del batch
        if self._db is not None:
            self._db.con.close()

    def _gather(self, carried: list[Job]) -> tuple[list[Job], list[Job], bool]:
        """The next batch, what has to wait for the one after it, and whether this is the end."""
        first = carried[0] if carried else self._queue.get()
        return ([], [], True) if first is None else ([first], [], False)

    def _serve(self, batch: list[Job]) -> None:
        try:
            if self._db is None:
                self._db = self._connect()
            self._perform(self._db, batch)
        except BaseException as error:  # noqa: BLE001 - the callers get it
            for job in batch:
                job.error = self._translated(error)
        if self._db is not None and not self._db.usable:
            self._db = None

    def _perform(self, db: Database, batch: list[Job]) -> None:
        """Give every job of the batch its value or its error."""
        raise NotImplementedError

    def _translated(self, error: BaseException) -> BaseException:
        """The error to tell one caller: a new object for each, as each will be raised."""
        ours: BaseException
        if isinstance(error, sqlite3.Error):
            ours = translate(error, self._db.path if self._db is not None else "")
        elif isinstance(error, HoldfastError):
            ours = copy.copy(error)
            ours.__cause__ = error.__cause__
            return ours
        elif isinstance(error, (UnicodeError, OverflowError)):
            ours = StoreError(f"a value of the call cannot be stored: {error}")
        else:
            return error
        ours.__cause__ = error
        return ours


class Reader(Lane):
    """Runs one job after another, each on one snapshot of the database."""

    def _perform(self, db: Database, batch: list[Job]) -> None:
        job = batch[0]
        try:
            db.con.execute("BEGIN")
            job.value = job.work(db, *job.args)
            db.check_place()
        finally:
            _undo(db)


class Writer(Lane):
    """Runs what is queued in one transaction."""

    def __init__(self, name: str, connect: Callable[[], Database], busy_timeout_s: float) -> None:
        super().__init__(name, connect)
        self._busy_timeout_s = busy_timeout_s

    def _gather(self, carried: list[Job]) -> tuple[list[Job], list[Job], bool]:
        batch, carried, stop = super()._gather(carried)
        if stop:
            return batch, carried, stop
        size = batch[0].size
        for _ in range(self._queue.qsize()):
            job = self._queue.get_nowait()
            if job is None:
                return batch, [], True
            size += job.size
            if size > BATCH_BYTES:
                return batch, [job], False
            batch.append(job)
        return batch, [], False

    def _perform(self, db: Database, batch: list[Job]) -> None:
        try:
            begin_write(db, self._busy_timeout_s)
            if len(batch) == 1:
                batch[0].value = batch[0].work(db, *batch[0].args)
            else:
                for job in batch:
                    self._member(db, job)
            db.check_place()
            db.con.execute("COMMIT")
        except BaseException:
            _undo(db)
            raise

    def _member(self, db: Database, job: Job) -> None:
        db.con.execute("SAVEPOINT member")
        try:
            job.value = job.work(db, *job.args)
        except BaseException as error:
            if not db.con.in_transaction:
                raise  # SQLite gave up the whole transaction: nobody's bytes are there
            db.con.execute("ROLLBACK TO member")
            db.forget_keys()
            job.error = self._translated(error)
        db.con.execute("RELEASE member")


def _undo(db: Database) -> None:
    """Roll back; a connection that cannot even do that is given up, and the next call opens one."""
    db.forget_keys()
    try:
        if db.con.in_transaction:
            db.con.execute("ROLLBACK")
    except sqlite3.Error:
        db.usable = False
        db.con.close()


def tell(batch: list[Job]) -> None:
    """Let every caller hear of its outcome: one call into each event loop."""
    loop = batch[0].loop
    if any(job.loop is not loop for job in batch):
        for one in {job.loop for job in batch}:
            tell([job for job in batch if job.loop is one])
        return
    try:
        loop.call_soon_threadsafe(_resolve, batch)
    except RuntimeError:
        return  # the loop was closed: nobody waits there any more


def _resolve(batch: list[Job]) -> None:
    for job in batch:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.value)
        else:
            job.future.set_exception(job.error)
