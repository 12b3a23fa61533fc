# SPDX-License-Identifier: Apache-2.0
"""The command line in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
