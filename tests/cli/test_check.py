# SPDX-License-Identifier: Apache-2.0
"""`holdfast check`: before a deploy, which open runs can go on with the new code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast import TriggerFlow, WorkflowBuilder
from tests.cli import apps
from tests.cli.conftest import Type

BEFORE = """
from holdfast import TriggerFlow, WorkflowBuilder

async def ask(data):
    return await data.async_pause_for(payload="?", interrupt_id="q")

async def note(data):
    data.set_state("answer", data.value)

async def audit(data):
    return data.value

flow = TriggerFlow(name="orders")
flow.to(ask).to(note)
"""


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Type `holdfast` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "holdfast.cli", *words],
        cwd=folder,
        env={**os.environ, "HOLDFAST_STORE": "sqlite:///runs.db", "HOLDFAST_APP": "orders:flow"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_check_says_in_a_new_process_is_what_resume_does(tmp_path: Path) -> None:
    """The module changes between the processes: the same, compatible, and without the chunk."""
    module = tmp_path / "orders.py"
    module.write_text(BEFORE)
    assert typed(tmp_path, "run", "--run-id", "r1").returncode == 0
    assert typed(tmp_path, "run", "--run-id", "r2").returncode == 0
    checked = typed(tmp_path, "check")
    assert checked.returncode == 0, checked.stderr
    assert "2 go on by themselves, 0 by resume, 0 cannot" in checked.stderr

    module.write_text(BEFORE.replace(".to(note)", ".to(audit).to(note)"))
    checked = typed(tmp_path, "check", "--json")
    assert checked.returncode == 0, checked.stderr
    assert [row["verdict"] for row in json.loads(checked.stdout)] == ["changed", "changed"]
    assert typed(tmp_path, "answer", "r1", "q", '"yes"').returncode == 0
    resumed = typed(tmp_path, "resume", "r1")
    assert resumed.returncode == 0, resumed.stderr
    assert "warning: the definition has changed" in resumed.stderr
    assert json.loads(resumed.stdout) == {"answer": "yes"}

    module.write_text(BEFORE.replace(".to(ask)", ".to(ask, name='inquire')"))
    checked = typed(tmp_path, "check")
    assert checked.returncode == 1
    assert re.match(
        r"r2 +waiting +no +it stands at what the definition has no more: ask$",
        checked.stdout.splitlines()[1],
    )
    resumed = typed(tmp_path, "resume", "r2")
    assert resumed.returncode == 1
    assert re.match("error: .*ask", resumed.stderr)


def changed(monkeypatch: pytest.MonkeyPatch, *chunks: Any) -> None:
    """The flow "approval" is of these chunks from now on."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="approval")
    cursor: Any = flow.register_type(apps.Claim)
    for chunk in chunks:
        cursor = cursor.to(chunk)
    monkeypatch.setattr(apps, "approval", flow)


def test_runs_that_go_on_by_themselves_exit_with_0(asked: Type) -> None:
    """Nothing is wrong: one row, and the count."""
    result = asked("check", "tests.cli.apps:approval")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[:3] == ["r1", "waiting", "yes"]
    assert result.stderr == "1 go on by themselves, 0 by resume, 0 cannot\n"


def test_a_run_that_goes_on_by_resume_says_how(
    asked: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It exits with 0, and the hint names the command."""
    changed(monkeypatch, apps.ask, apps.note, apps.add)
    result = asked("check", "tests.cli.apps:approval")
    assert result.exit_code == 0
    assert "by resume" in result.stdout
    assert "`holdfast resume r1`" in result.stderr


def test_a_run_that_cannot_go_on_exits_with_1(asked: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names of what is missing, as data too."""
    changed(monkeypatch, apps.note)
    result = asked("check", "tests.cli.apps:approval", "--run", "r1", "--json")
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert (row["can_go_on"], row["missing"]) == (False, ["ask"])
    assert row["hint"].startswith("Keep what is named")


def test_a_type_that_is_not_registered_is_named(
    asked: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question of the run holds one."""
    changed(monkeypatch, apps.ask, apps.note)
    apps.approval.types = apps.total.types
    result = asked("check", "tests.cli.apps:approval", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["types"] == ["Claim"]


def test_no_open_runs_are_fine(asked: Type) -> None:
    """Runs of other definitions are not looked at."""
    result = asked("check", "tests.cli.apps:review")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no open runs of review\n"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("check",), 2, "none was named"),
        (("check", "tests.cli.apps:nothing"), 2, "there is no 'nothing'"),
        (("check", "tests.cli.apps:approval", "--run", "r9"), 1, "r9"),
    ],
)
def test_what_is_not_there_is_told(
    asked: Type, words: tuple[str, ...], code: int, text: str
) -> None:
    """In one line, with the exit code of all commands."""
    result = asked(*words)
    assert result.exit_code == code
    assert text in result.stderr


def test_a_definition_without_a_name_of_its_own_is_told_why_it_has_no_runs(
    asked: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is another one in each process, or in each structure."""
    unnamed: TriggerFlow[Any, Any, Any] = TriggerFlow()
    unnamed.to(apps.note)
    builder = WorkflowBuilder().register("reviewer", lambda: apps.Reviewer("reviewer"))
    for made in (unnamed, builder.set_start_executor("reviewer").build()):
        monkeypatch.setattr(apps, "total", made)
        result = asked("check", "tests.cli.apps:total")
        assert result.exit_code == 0
        assert "hint: it has no name of its own" in result.stderr
    assert "hint" not in asked("check", "tests.cli.apps:review").stderr
