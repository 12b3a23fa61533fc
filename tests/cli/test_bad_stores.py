# SPDX-License-Identifier: Apache-2.0
"""Stores that cannot be used: each is told in one line, with exit code 1, and left as it is."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

TOTAL = "tests.cli.apps:total"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store of the other fixtures is."""
    return tmp_path / "runs.db"


def refused(result) -> str:
    """The line of a refusal, after a look at its form."""
    lines = result.stderr.splitlines()
    assert result.exit_code == 1, result.output
    assert [line.partition(":")[0] for line in lines] == ["error", "hint"]
    return lines[0]


@pytest.mark.parametrize(
    "words",
    [("runs",), ("show", "r1"), ("waits",), ("answer", "r1", "w", "1"), ("resume", "r1")],
    ids=lambda words: words[0],
)
def test_a_store_that_is_not_there_is_not_made(holdfast, path, words):
    """A wrong path must not look like an empty store; only `run` begins one."""
    line = refused(holdfast(*words, HOLDFAST_APP=TOTAL))

    assert "there is no store at" in line
    assert not path.exists()


def test_a_folder_that_is_missing(holdfast):
    """The folder is named."""
    line = refused(holdfast("run", TOTAL, "--store", "sqlite:////no/such/folder/x.db"))

    assert "'/no/such/folder' does not exist" in line


def test_a_locked_store(asked, path):
    """Another process holds the lock for longer than the busy timeout."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    url = f"sqlite:///{path}?busy_timeout_s=0.01"
    line = refused(asked("answer", "r1", "approve", "1", "--store", url))
    holder.close()

    assert "another process holds its lock" in line
    assert asked("answer", "r1", "approve", "1").exit_code == 0


def test_a_read_only_store_can_be_looked_at_but_not_answered(asked, path, monkeypatch):
    """Reading needs no right to write."""
    access = os.access
    monkeypatch.setattr("os.access", lambda name, mode: mode != os.W_OK and access(name, mode))

    assert "may not be written" in refused(asked("answer", "r1", "approve", "1"))
    assert asked("waits").exit_code == 0


def test_a_damaged_store(asked, path):
    """A file that is no database any more is told as damaged."""
    path.write_bytes(b"not a database " * 1000)
    before = path.read_bytes()

    assert "no SQLite database" in refused(asked("runs"))
    assert path.read_bytes() == before


def test_a_damaged_record(asked, path):
    """One run's record is damaged: lists still work, and the run is refused by name."""
    with sqlite3.connect(path) as con:
        con.execute("UPDATE anchors SET body = substr(body, 2)")
    con.close()
    refused(asked("resume", "r1", HOLDFAST_APP="tests.cli.apps:approval"))

    assert asked("runs").exit_code == 0


def test_a_store_of_a_newer_format(asked, path):
    """The formats are named, found and supported."""
    with sqlite3.connect(path) as con:
        con.execute("PRAGMA user_version = 99")
    con.close()

    assert "has format 99; this release reads up to" in refused(asked("runs"))


def test_a_database_of_another_program(holdfast, path):
    """Nothing is written into it."""
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE theirs (a)")
    con.close()

    assert "another program" in refused(holdfast("run", TOTAL))


def test_a_run_that_another_process_carries_is_left_alone(asked, path):
    """Two processes never carry one run: the owner is alive, so resume is refused."""
    import asyncio

    from holdfast import SQLiteStore

    async def with_owner() -> str:
        store = SQLiteStore(path)
        await store.enrol("somebody")
        await store.claim("r1", "somebody")
        refusal = await asyncio.to_thread(asked, "resume", "r1", "--app", "tests.cli.apps:approval")
        await store.close()
        return refused(refusal)

    assert "owned by a live process" in asyncio.run(with_owner())
