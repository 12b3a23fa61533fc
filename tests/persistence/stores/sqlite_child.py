# SPDX-License-Identifier: Apache-2.0
"""What the other processes of the SQLite tests do: `python sqlite_child.py VERB FOLDER NAME`.

They speak over pipes: a line on stdout says how far they are, a line on stdin lets them go on.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys

from holdfast.errors import AlreadyAnswered, HoldfastError, StaleWrite
from holdfast.persistence.store import Claim, Commit, RunHead, Settlement
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.persistence.stores.sqlite_queries import queries


def say(text: object) -> None:
    """Write a line to the parent."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hear() -> str:
    """The next line of the parent; nothing when it has gone."""
    return sys.stdin.readline().strip()


def commit(name: str, **changes: object) -> Commit:
    """A small commit."""
    facts = {"status": "running", "due": True, "at": 1.0, "delta": b"[{},{},[]]", **changes}
    return Commit(commit_id=name, **facts)


async def settle(store: SQLiteStore, name: str) -> None:
    """Answer wait after wait, each when told to."""
    await store.open()
    say("ready")
    while wait_id := hear():
        try:
            row = await store.settle(
                "run-1",
                wait_id,
                Settlement(status="answered", at=1.0, value=name.encode(), actor=name),
            )
            say(f"won {row.actor}")
        except AlreadyAnswered as error:
            say(f"lost {error.facts['actor']}")
        except HoldfastError as error:
            say(f"{type(error).__name__} {error}")


async def append(store: SQLiteStore, name: str) -> None:
    """Append after each seq told, with the one claim that all share."""
    await store.open()
    say("ready")
    claim = Claim(run_id="run-1", owner="ann", epoch=1, seq=1)
    while after := hear():
        try:
            say(f"won {await store.append(claim, commit(f'{name}-{after}'), after=int(after))}")
        except StaleWrite:
            say("lost")
        except HoldfastError as error:
            say(f"{type(error).__name__} {error}")


async def write(store: SQLiteStore, name: str) -> None:
    """Append for ever to several runs, saying each commit that was acknowledged."""

    async def one(run_id: str) -> None:
        head = RunHead(run_id=run_id, definition="d", front="flow", fingerprint="f", created_at=1.0)
        claim = await store.open_run(head, commit("1", anchor=(b"{}",)), name)
        seq = 1
        while True:
            seq = await store.append(claim, commit(str(seq + 1), delta=b"x" * 999), after=seq)
            say(f"{run_id} {seq}")

    await store.enrol(name)
    await asyncio.gather(*(one(f"run-{number}") for number in range(4)))


async def enrol(store: SQLiteStore, name: str) -> None:
    """Be alive."""
    await store.enrol(name)
    say("ready")
    hear()
    await store.close()


async def lock(store: SQLiteStore, _name: str) -> None:
    """Hold the database's write lock, as a backup tool might."""
    con = sqlite3.connect(store.path, isolation_level=None)
    con.execute("BEGIN EXCLUSIVE")
    say("ready")
    hear()
    con.execute("ROLLBACK")
    con.close()


async def leave(store: SQLiteStore, _name: str) -> None:
    """Write, and end without closing anything."""
    head = RunHead(run_id="left", definition="d", front="flow", fingerprint="f", created_at=1.0)
    await store.open_run(head, commit("1", anchor=(b"{}",)), None)
    say("done")


async def powerless(store: SQLiteStore, _name: str) -> None:
    """Use a database that this user may only read."""
    queries()  # the package itself may lie where only the first user can read
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    say(",".join(row.run_id for row in (await store.runs()).items))
    try:
        await store.claim("run-1", "bob", over="ann")
    except HoldfastError as error:
        say(type(error).__name__)
    await store.close()


if __name__ == "__main__":
    verb, path, who = sys.argv[1:]
    asyncio.run(globals()[verb](SQLiteStore(path), who))
