# SPDX-License-Identifier: Apache-2.0
"""Help: every command has it, it is quick, and the documentation shows it as it is."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cli.md"


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_the_documentation_shows_the_help_as_it_is(holdfast, words):
    """docs/cli.md holds the output of every --help, letter by letter."""
    asked = holdfast(*words, "--help")
    command = " ".join(("holdfast", *words, "--help"))
    text = asked.stdout.strip()

    assert asked.exit_code == 0
    assert f"```text\n$ {command}\n{text}\n```" in PAGE.read_text("utf-8")


def test_no_command_at_all_shows_the_help(holdfast):
    """It is no success: a script that forgot the command must notice."""
    nothing = holdfast()

    assert (nothing.exit_code, nothing.stdout) == (2, "")
    assert nothing.stderr == holdfast("--help").stdout


def test_the_documentation_names_every_exit_code():
    """0, 1, 2, 130 and 143, each with its meaning."""
    assert set(re.findall(r"^\| `(\d+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)) == {
        "0",
        "1",
        "2",
        "130",
        "143",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_of_itself_what_the_list_says(name):
    """The first line of a command's help stands in the list too, which imports no command."""
    command = importlib.import_module(f"holdfast.cli.{name}").command

    assert (command.help or "").partition("\n")[0] == COMMANDS[name]
    assert command.name == name


def imported_by(program: str) -> set[str]:
    """The modules that a program loads."""
    listing = f"{program}\nimport sys; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True
    )
    return set(ended.stdout.split())


def test_importing_the_command_line_imports_no_extra():
    """`holdfast.cli` can be imported without click and rich."""
    loaded = imported_by("import holdfast.cli")

    assert not {"click", "rich"} & loaded


def test_the_list_of_commands_imports_none_of_them():
    """Help is quick: neither the commands nor rich are loaded for it."""
    loaded = imported_by(
        "from holdfast.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )

    assert "click" in loaded
    assert not {"rich", "holdfast.cli.run", "holdfast.cli.waits"} & loaded
