# SPDX-License-Identifier: Apache-2.0
"""The command line in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def typed(store: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m holdfast.cli` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "holdfast.cli", *words],
        cwd=ROOT,
        env={**os.environ, "HOLDFAST_STORE": store},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_run_is_started_answered_and_ended_by_four_processes(store):
    """Each process knows only the store; the ones that look and answer need no definition."""
    app = "tests.cli.apps:approval"
    started = typed(store, "run", app, "--run-id", "r1", "--input", '"may I?"')
    listed = typed(store, "waits", "--json")
    answered = typed(store, "answer", "r1", json.loads(listed.stdout)[0]["wait_id"], "true")
    ended = typed(store, "resume", "r1", "--app", app)

    assert [p.returncode for p in (started, listed, answered, ended)] == [0, 0, 0, 0]
    assert json.loads(ended.stdout) == {"answer": True}
    assert not any("Traceback" in p.stderr for p in (started, listed, answered, ended))


@contextlib.contextmanager
def begun(store: str, door: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose run has begun to wait for the file; whatever comes, it is gone after."""
    marker = Path(f"{door}.begun")
    before = marker.read_text() if marker.exists() else ""
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli", *words],
        cwd=ROOT,
        env={**os.environ, "HOLDFAST_STORE": store},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not marker.exists() or marker.read_text() == before:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.wait()


def test_sigterm_lets_the_step_end_and_says_how_to_go_on(store, tmp_path):
    """The code is 143; the step that was under way does not run again."""
    door = tmp_path / "door"
    words = ("tests.cli.apps:slow", "--run-id", "r1", "--input", json.dumps(str(door)))
    with begun(store, door, "run", *words, "--grace", "20") as running:
        running.send_signal(signal.SIGTERM)
        door.touch()
        told = running.communicate(timeout=30)[1]
    assert running.returncode == 143
    assert "go on with: holdfast resume r1 --app tests.cli.apps:slow" in told
    assert told.endswith("terminated: what had finished is kept\n")
    resumed = typed(store, "resume", "r1", "--app", "tests.cli.apps:slow")
    assert json.loads(resumed.stdout) == {"answer": str(door)}
    assert Path(f"{door}.begun").read_text() == "b"


def test_sigterm_ends_a_step_that_outlasts_the_grace(store, tmp_path):
    """It runs again when the run is resumed, which may be terminated in turn."""
    door = tmp_path / "door"
    words = ("tests.cli.apps:slow", "--run-id", "r1", "--input", json.dumps(str(door)))
    for command in (("run", *words), ("resume", "r1", "--app", "tests.cli.apps:slow")):
        with begun(store, door, *command, "--grace", "0") as running:
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=30)
        assert running.returncode == 143
    door.touch()
    resumed = typed(store, "resume", "r1", "--app", "tests.cli.apps:slow")
    assert json.loads(resumed.stdout) == {"answer": str(door)}
    assert Path(f"{door}.begun").read_text() == "bbb"


def test_sigint_stops_at_once(store, tmp_path):
    """As Ctrl-C: no time for the step, and code 130."""
    door = tmp_path / "door"
    words = ("tests.cli.apps:slow", "--run-id", "r1", "--input", json.dumps(str(door)))
    with begun(store, door, "run", *words) as running:
        running.send_signal(signal.SIGINT)
        told = running.communicate(timeout=30)[1]
    assert running.returncode == 130
    assert told.endswith("stopped: what had finished is kept\n")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_names_it(missing):
    """No traceback: what to install, and exit code 1."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from holdfast.cli import main; main(['runs'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert 'pip install "holdfast[cli]"' in ended.stderr
