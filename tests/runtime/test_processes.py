# SPDX-License-Identifier: Apache-2.0
"""Processes on one store: one that is frozen and thaws, and a crowd of them that all write."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from holdfast import SQLiteStore
from tests.runtime import crowding

ROOT = Path(__file__).resolve().parents[2]


def child(module: str, *words: str) -> subprocess.Popen[str]:
    """A process of the module."""
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.runtime.{module}", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_there(file: Path, text: str | None = None) -> None:
    """Wait until a file is there, with this text if one is given."""
    deadline = time.monotonic() + 60
    while not file.exists() or (text is not None and file.read_text() != text):
        assert time.monotonic() < deadline, file.read_text() if file.exists() else "no file"
        time.sleep(0.005)


async def test_a_frozen_process_that_thaws_writes_nothing_and_stops_its_handler(
    tmp_path: Path,
) -> None:
    """Its lock is held all the time: only its counter stands still. Both give the one result."""
    path, noted = tmp_path / "runs.db", tmp_path / "noted"
    first = child("freezing", str(path))
    children = [first]
    store = SQLiteStore(path)
    try:
        until_there(noted, "b")
        first.send_signal(signal.SIGSTOP)
        second = child("freezing", str(path))
        children.append(second)
        until_there(noted, "bb")
        before = await store.row("r")
        first.send_signal(signal.SIGCONT)
        until_there(noted, "bbc")
        assert await store.row("r") == before
        (tmp_path / "go").touch()
        told = [one.communicate(timeout=60) for one in children]
        assert [out for out, _ in told] == ["{'end': 'x'}"] * 2, told
        assert noted.read_text() == "bbce"
    finally:
        await store.close()
        for one in children:
            if one.poll() is None:
                one.kill()
                one.communicate()


async def test_eight_processes_at_once_never_hear_of_the_lock_of_the_database(
    tmp_path: Path,
) -> None:
    """Each starts runs, answers those of another one, and gets the results of its own."""
    path = str(tmp_path / "runs.db")
    children = [child("crowding", path, str(n)) for n in range(crowding.PROCESSES)]
    told = [one.communicate(timeout=120) for one in children]
    assert [out for out, _ in told] == ["done"] * crowding.PROCESSES, told
    assert not any("locked" in err for _, err in told)
    store = SQLiteStore(path)
    try:
        assert await store.owners() == ()
        rows = (await store.runs(status="completed", limit=1000)).items
        assert len(rows) == crowding.PROCESSES * crowding.RUNS
        assert {row.owner for row in rows} == {None}
    finally:
        await store.close()
    assert list((tmp_path / "runs.db.owners").iterdir()) == []
