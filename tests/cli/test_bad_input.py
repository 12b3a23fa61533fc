# SPDX-License-Identifier: Apache-2.0
"""Bad input on the command line: one clear line, a hint, exit code 2 or 1, nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

TOTAL = "tests.cli.apps:total"

#: words -> exit code, and what the line says.
CASES = [
    (("frobnicate",), 2, "No such command 'frobnicate'"),
    (("runs", "--frobnicate"), 2, "No such option"),
    (("show",), 2, "Missing argument 'RUN'"),
    (("runs", "--status", "odd"), 2, "'odd' is not one of"),
    (("runs", "--limit", "0"), 2, "0 is not in the range"),
    (("run",), 2, "which flow or workflow?"),
    (("run", "no_colon"), 2, "'no_colon' does not name a flow or workflow"),
    (("run", ":x"), 2, "':x' does not name"),
    (("run", "a:b:c"), 2, "'a:b:c' does not name"),
    (("run", "../evil:x"), 2, "does not name"),
    (("run", "no.such.module:flow"), 2, "there is no module 'no.such.module'"),
    (("run", "tests.cli.nothing:flow"), 2, "there is no module 'tests.cli.nothing'"),
    (("run", "tests.cli.apps:nothing"), 2, "there is no 'nothing' in 'tests.cli.apps'"),
    (("run", "tests.cli.apps:a_number"), 2, "is of class int, not a flow or workflow"),
    (("run", TOTAL, "--input", "{oops"), 2, "--input is not JSON: "),
    (("run", TOTAL, "--input", "NaN"), 2, "--input is not JSON: NaN is not JSON"),
    (("run", TOTAL, "--input", "[" * 100_000), 2, "--input is nested too deep"),
    (("run", TOTAL, "--input", "@/no/such/file"), 2, "No such file"),
    (("run", TOTAL, "--run-id", "bad id"), 2, "run id"),
    (("runs", "--store", "nonsense"), 2, "store URL"),
    (("runs", "--store", "postgres://ann:secret@host/x"), 2, "the scheme names no store"),
    (("runs", "--store", "memory://"), 2, "nothing in it to look at"),
    (("show", "nobody"), 1, "run 'nobody' is not in the store"),
    (("show", "bad id"), 2, "run id"),
    (("waits", "--run", "nobody"), 1, "run 'nobody' is not in the store"),
    (("answer", "nobody", "approve", "1"), 1, "run 'nobody' is not in the store"),
    (("answer", "r1", "nothing", "1"), 1, "never opened a wait 'nothing'"),
    (("answer", "r1", "approve", "yes"), 2, "the answer is not JSON: "),
    (("answer", "r1", "approve", "1", "--actor", "a\x1bb"), 2, "actor"),
    (("resume", "nobody", "--app", TOTAL), 1, "run 'nobody' is not in the store"),
    (("resume", "r1"), 2, "which flow or workflow?"),
]


@pytest.mark.parametrize(("words", "code", "text"), CASES, ids=lambda case: str(case)[:60])
def test_bad_input_is_one_line_with_a_hint(asked, listed, words, code, text):
    """The first line says what is wrong, the second what to do; the store is as it was."""
    before = listed("runs")
    refused = asked(*words)
    lines = refused.stderr.splitlines()

    assert refused.exit_code == code, refused.output
    assert lines[0].startswith("error: ")
    assert text in lines[0]
    assert lines[1].startswith("hint: ")
    assert len(lines) == 2
    assert refused.stdout == ""
    assert listed("runs") == before


def test_a_password_is_never_shown(holdfast):
    """The URL of an unknown store is told without its secrets, with --debug too."""
    refused = holdfast("runs", "--store", "postgres://ann:secret@host/x", "--debug")

    assert refused.exit_code == 2
    assert "secret" not in refused.output


def test_unknown_names_are_told_with_the_known_ones(holdfast):
    """The hint lists the flows and workflows of the module."""
    refused = holdfast("run", "tests.cli.apps:nothing")

    assert "there is: approval, busy, fragile, many, review, slow, total" in refused.stderr


def test_a_module_that_fails_to_import_is_told(holdfast, tmp_path: Path, monkeypatch):
    """The user's own exception is named; --debug shows where it was raised."""
    (tmp_path / "failing_app.py").write_text("flow = 1 / 0\n")
    (tmp_path / "lacking_app.py").write_text("import no_such_library\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    failed = holdfast("run", "failing_app:flow")
    lacking = holdfast("run", "lacking_app:flow")

    assert failed.exit_code == lacking.exit_code == 1
    assert "'failing_app' cannot be imported: ZeroDivisionError: division by zero" in failed.stderr
    assert "'lacking_app' cannot be imported: ModuleNotFoundError" in lacking.stderr
    assert "Traceback" not in failed.output
    assert "line 1" in holdfast("run", "failing_app:flow", "--debug").stderr


def test_modules_of_the_current_folder_are_found(holdfast, tmp_path: Path, monkeypatch):
    """As with `python -m`: no installation and no PYTHONPATH is needed."""
    (tmp_path / "local_app.py").write_text(
        "from holdfast import TriggerFlow\n"
        "flow = TriggerFlow(name='local')\n"
        "async def go(data): data.set_state('went', True)\n"
        "flow.to(go)\n"
    )
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    monkeypatch.chdir(tmp_path)

    assert holdfast("run", "local_app:flow").exit_code == 0


def test_a_bug_is_one_line_too(holdfast, monkeypatch):
    """What nobody foresaw says its class, and how to see more."""
    monkeypatch.setattr("holdfast.cli.runs.opened", lambda _url: 1 / 0)
    failed = holdfast("runs")

    assert failed.exit_code == 1
    assert failed.stderr.splitlines() == [
        "error: ZeroDivisionError: division by zero",
        "hint: Add --debug to see where it was raised.",
    ]


def test_a_stop_by_the_user_has_a_code_of_its_own(holdfast, monkeypatch):
    """Ctrl-C is exit code 130, and no failure."""

    def stop(_url):
        raise KeyboardInterrupt

    monkeypatch.setattr("holdfast.cli.runs.opened", stop)
    stopped = holdfast("runs")

    assert stopped.exit_code == 130
    assert stopped.stderr.strip() == "stopped: what had finished is kept"
