# SPDX-License-Identifier: Apache-2.0
"""The command `holdfast`: finds its sub-commands when they are asked for, and says what failed.

A failure is one line "error: ..." on stderr, with a line "hint: ..." where there is something to
do about it, and an exit code: 1 if it failed, 2 if it was wrongly asked for.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn, TextIO

import click

from holdfast.cli.problems import WRONGLY_ASKED, Problem, problem_of
from holdfast.cli.settings import Settings
from holdfast.cli.text import shown

#: name -> what it does, as its own help says too. The module is of the same name.
COMMANDS: Final = {
    "run": "Start a run and carry it until it ends or only waits for answers.",
    "resume": "Carry on a run that was stopped, has failed, or got its answers.",
    "runs": "List the runs of a store, newest first.",
    "show": "Show one run, its parked steps and its questions.",
    "waits": "List the questions that are open, oldest first.",
    "check": "Say which open runs can go on with the definition of today.",
    "answer": "Answer a question; the first answer stands.",
    "emit": "Send a signal to a run of a flow.",
    "retry": "Run parked steps of a run again.",
    "skip": "Let a parked step count as done, with a value.",
    "cancel": "End a run as cancelled; what is under way is stopped.",
    "close": "End a run of a flow in order: accepted work ends first.",
    "history": "List what a run did, commit by commit, oldest first.",
    "state": "Show the state of a run as it was after a commit.",
    "diff": "Show what changed in a run from commit A to commit B.",
    "audit": "List who decided what about a run: questions, answers, signals, cancellations.",
    "fork": "Begin a new run from where a run was; the old one does not change.",
    "rewind": "Take a run back to where it was; nothing is deleted.",
    "prune": "Drop old history of a run, or of all runs.",
    "delete": "Delete a run; a line with its id, status and result stays.",
}

STOPPED: Final = 130
#: Of help texts, whatever the terminal: they are read in the documentation too.
WIDTH: Final = 80


class App(click.Group):
    """The group of all commands. A sub-command's module is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"holdfast.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> NoReturn:
        """Run a command and exit with its code; a failure is told in one line."""
        settings = Settings()
        named |= {"standalone_mode": False, "obj": settings}
        for stream in (sys.stdout, sys.stderr):
            _escape_what_does_not_fit(stream)
        with _plain_warnings():
            try:
                code = super().main(args, *rest, **named)
            except (KeyboardInterrupt, click.Abort):
                click.echo("stopped: what had finished is kept", err=True)
                sys.exit(STOPPED)
            except click.exceptions.NoArgsIsHelpError as error:
                click.echo(error.format_message(), err=True)
                sys.exit(WRONGLY_ASKED)
            except Exception as error:  # noqa: BLE001 - whatever failed is told in one line
                if settings.debug:
                    traceback.print_exception(error)
                _tell(problem_of(error))
        sys.exit(code if isinstance(code, int) else 0)


def _tell(problem: Problem) -> NoReturn:
    click.echo(f"error: {shown(problem.message)}", err=True)
    if problem.hint:
        click.echo(f"hint: {shown(problem.hint)}", err=True)
    sys.exit(problem.code)


def _escape_what_does_not_fit(stream: TextIO) -> None:
    """A character that the terminal's encoding lacks is shown as its escape."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """A warning is one line for people, without a place in our code."""

    def show(message: Warning | str, *_place: Any, **_more: Any) -> None:
        click.echo(f"warning: {shown(str(message))}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@click.group(
    cls=App, context_settings={"help_option_names": ["-h", "--help"], "terminal_width": WIDTH}
)
@click.version_option(package_name="holdfast", prog_name="holdfast")
def app() -> None:
    """Start durable runs, look at them, answer their questions, carry them on.

    A store keeps the runs: --store URL, or the variable HOLDFAST_STORE. Definitions are named
    MODULE:NAME and found from the current folder.
    """
