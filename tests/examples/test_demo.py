# SPDX-License-Identifier: Apache-2.0
"""The demo, on planted distributions: every claim it makes holds, and a wrong one is told."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from examples.licence_audit.demo import main
from examples.licence_audit.given import answer_of, job_of
from examples.licence_audit.records import Answer
from examples.licence_audit.stage import Stage
from tests.examples.planted import APACHE, GPL_3, MIT, ODD, plant

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Twelve distributions, four of them doubtful for four reasons."""
    folder = tmp_path / "site-packages"
    for number in range(8):
        headers = ("License-Expression: MIT",)
        plant(folder, f"clear{number}", headers=headers, files={"LICENSE": MIT})
    plant(folder, "contrary", headers=("License-Expression: MIT",), files={"LICENSE": APACHE})
    plant(folder, "left", headers=("License-Expression: GPL-3.0",), files={"LICENSE": GPL_3})
    plant(folder, "odd", files={"LICENSE": ODD})
    plant(folder, "silent", headers=("License: MIT",))
    return folder


@pytest.mark.parametrize("front", ["flow", "workflow"])
def test_the_demo_keeps_every_claim(site: Path, tmp_path: Path, front: str) -> None:
    """Killed half way, resumed in a new process, asked, answered, finished: exit code 0."""
    output = tmp_path / "out"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "examples.licence_audit.demo"),
            *("--path", str(site), "--output", str(output), "--front", front),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = ended.stdout

    assert ended.returncode == 0, told + ended.stderr
    assert "  NO  " not in told
    assert "killed by SIGKILL when audit 10 of 12 began" in told
    kept = int(re.search(r"none of the (\d+) finished audits ran again", told)[1])
    assert 6 <= kept < 12
    assert "one open question for each of the 4 doubtful distributions" in told
    assert "4 questions answered by the policy file" in told
    assert "byte for byte the one made straight through" in told
    report = (output / front / "licences.md").read_text("utf-8")
    assert "12 distributions, 4 questions." in report
    assert "policy rule" in report


def test_nothing_to_audit_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without distributions is a mistake, not an empty success."""
    assert main(["--path", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "error: no distributions there: nothing to audit\n"


def test_a_folder_of_somebody_else_is_left_alone(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo removes only what a demo made."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")

    assert main(["--path", str(site), "--output", str(mine)]) == 2
    assert "remove it first" in capsys.readouterr().err
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_a_policy_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything begins."""
    assert main(["--policy", str(tmp_path / "none.json"), "--output", str(tmp_path / "o")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "o").exists()


def test_a_claim_that_does_not_hold_is_kept_and_shown() -> None:
    """The demo fails by it; what was found is said."""
    stage = Stage(Console(file=io.StringIO(), width=80))
    stage.claim(holds=True, text="this holds", because="-")
    stage.claim(holds=False, text="this does not", because="found [otherwise]")

    assert stage.failed == ["this does not"]
    written = stage.console.file.getvalue()
    assert "  ok  this holds\n  NO  this does not\n      found [otherwise]\n" in written


def test_the_input_of_a_run_is_checked() -> None:
    """Both parts may be left out; anything else is refused."""
    assert job_of(None).paths is None
    assert Path(job_of({"report": "x"}).report).is_absolute()
    assert job_of({"paths": ["/a"]}).paths == ("/a",)
    for wrong in (5, [], {"path": []}, {"paths": "/a"}, {"paths": [1]}, {"report": ""}):
        with pytest.raises(ValueError, match=r"is an? "):
            job_of(wrong)


def test_what_is_no_answer_is_not_taken_for_one() -> None:
    """Only an object with a true or false "accept"; a note and a name if somebody likes."""
    assert answer_of({"accept": True, "by": "ann"}) == Answer(accept=True, by="ann")
    for wrong in (None, True, "yes", {}, {"accept": 1}, {"accept": True, "note": 5}, {"x": 1}):
        assert answer_of(wrong) is None
