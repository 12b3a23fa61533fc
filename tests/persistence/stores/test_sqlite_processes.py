# SPDX-License-Identifier: Apache-2.0
"""Real processes share one SQLite store: they race, lock, die, and lack rights."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import StoreLocked
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.testing.suite_hooks import begin, commit, wait

CHILD = Path(__file__).with_name("sqlite_child.py")
SOURCE = str(Path(holdfast.__file__).parents[1])


class Child:
    """Another process, spoken to line by line."""

    def __init__(self, verb: str, path: Path, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), verb, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": SOURCE},
        )

    def tell(self, line: object) -> None:
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def modes_in(folder: Path) -> list[int]:
    """The rights on a folder and on each file in it."""
    return [stat.S_IMODE(one.stat().st_mode) for one in (folder, *folder.iterdir())]


@contextmanager
def children(verb: str, path: Path, *names: str):
    """Processes for the length of a test, all past their first word."""
    found = [Child(verb, path, name) for name in names]
    try:
        yield found
    finally:
        for child in found:
            child.process.stdin.close()
            if child.process.poll() is None and verb == "write":
                child.kill()
            child.process.wait(timeout=10)
            child.process.stdout.close()


async def test_one_of_several_processes_settles_each_wait(tmp_path):
    """Thirty rounds: one winner each; the others hear who it was; nobody hears of locks."""
    path = tmp_path / "runs.db"
    store = SQLiteStore(path)
    await begin(store, waits=tuple(wait(f"w{turn}") for turn in range(30)))
    with children("settle", path, "ann", "bob", "cid") as found:
        assert [child.hear() for child in found] == ["ready"] * 3
        for turn in range(30):
            for child in found:
                child.tell(f"w{turn}")
            told = sorted(child.hear() for child in found)
            winner = told[-1].removeprefix("won ")
            assert told == [f"lost {winner}"] * 2 + [f"won {winner}"]
    assert len(await store.inbox("run-1")) == 30
    assert (await store.row("run-1")).open_waits == 0
    await store.close()


async def test_one_of_several_processes_appends_each_commit(tmp_path):
    """One claim in many hands: seqs without holes, and each commit from one process."""
    path = tmp_path / "runs.db"
    store = SQLiteStore(path)
    await begin(store)
    with children("append", path, "ann", "bob", "cid") as found:
        assert [child.hear() for child in found] == ["ready"] * 3
        for after in range(1, 31):
            for child in found:
                child.tell(after)
            told = sorted(child.hear() for child in found)
            assert told == ["lost", "lost", f"won {after + 1}"]
    assert (await store.read("run-1")).seq == 31
    await store.close()


@pytest.mark.parametrize("lines", [1, 25, 400])
async def test_a_killed_process_loses_nothing_it_was_told(tmp_path, lines):
    """Every acknowledged commit is there, the file is sound, its owner's lock is free."""
    path = tmp_path / "runs.db"
    told: dict[str, int] = {}
    with children("write", path, "ann") as (child,):
        for _ in range(lines):
            run_id, seq = child.hear().split()
            told[run_id] = int(seq)
        child.kill()
        for line in child.process.stdout:
            if line.endswith("\n"):
                run_id, seq = line.split()
                told[run_id] = int(seq)
    store = SQLiteStore(path)
    for run_id, seq in told.items():
        stored = await store.read(run_id)
        assert stored.seq >= seq
        assert stored.deltas == (b"x" * 999,) * (stored.seq - 1)
    assert [(row.owner, row.locked) for row in await store.owners()] == [("ann", False)]
    run_id = next(iter(told))
    claim = await store.claim(run_id, "bob", over="ann")
    await store.append(claim, commit("next"), after=claim.seq)
    await store.close()
    con = sqlite3.connect(path)
    assert con.execute("PRAGMA quick_check").fetchone() == ("ok",)
    con.close()


async def test_a_lock_tells_who_lives(tmp_path):
    """Held by a living process, free the moment it is killed, swept by the next one."""
    path = tmp_path / "runs.db"
    store = SQLiteStore(path)
    hostile = "../\u2603 " + "x" * 250
    with children("enrol", path, "ann", hostile) as found:
        assert [child.hear() for child in found] == ["ready"] * 2
        await store.enrol("me")
        alive = {row.owner: row.locked for row in await store.owners()}
        assert alive == {"ann": True, hostile: True, "me": True}
        with pytest.raises(StoreLocked):
            await store.enrol("ann")
        claim = await begin(store, owner="ann")
        found[0].kill()
        found[1].kill()
        alive = {row.owner: row.locked for row in await store.owners()}
        assert alive == {"ann": False, hostile: False, "me": True}
    other = SQLiteStore(path)
    await other.enrol("other")
    assert {row.owner for row in await store.owners()} == {"ann", "me", "other"}
    assert modes_in(Path(f"{path}.owners")) == [0o700, 0o600, 0o600]
    assert (await store.claim("run-1", "me", over="ann")).epoch == claim.epoch + 1
    await store.retire("ann")
    await other.close()
    await store.close()
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["runs.db"]


async def test_a_database_locked_by_another_process_is_told_after_the_timeout(tmp_path):
    """A typed error, and only after the time given; reading goes on; then writing too."""
    path = tmp_path / "runs.db"
    store = SQLiteStore(path, busy_timeout_s=0.05)
    claim = await begin(store)
    with children("lock", path, "backup") as (child,):
        assert child.hear() == "ready"
        with pytest.raises(StoreLocked):
            await store.append(claim, commit("c2"), after=1)
        assert (await store.read("run-1")).seq == 1
        child.tell("go on")
    assert await store.append(claim, commit("c2"), after=1) == 2
    await store.close()


async def test_a_process_that_ends_without_closing_ends_and_has_written(tmp_path):
    """Its threads keep nobody alive; what it was told is there."""
    path = tmp_path / "runs.db"
    with children("leave", path, "ann") as (child,):
        assert child.hear() == "done"
        assert child.process.wait(timeout=10) == 0
    store = SQLiteStore(path)
    assert (await store.row("left")).seq == 1
    await store.close()


@pytest.fixture
def folder():
    """A folder that other users can reach; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("folder_mode", [0o555, 0o777])
async def test_a_database_that_may_only_be_read_is_listed(folder, folder_mode):
    """Reading works without any right to write; writing is refused by name."""
    path = folder / "runs.db"
    store = SQLiteStore(path)
    await begin(store)
    await store.close()
    path.chmod(0o444)
    folder.chmod(folder_mode)
    with children("powerless", path, "eve") as (child,):
        told = await asyncio.to_thread(lambda: [child.hear(), child.hear()])
    folder.chmod(0o755)
    assert told == ["run-1", "StoreReadOnly"]
