# SPDX-License-Identifier: Apache-2.0
"""How the demo speaks: headings, commands, claims with a tick, a bar, a table of questions.

It reads well without colour, and away from a terminal.
"""

import subprocess
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

LOOK_EVERY_S = 0.05
QUESTIONS_SHOWN = 12
_COLUMNS = {
    "name": "distribution",
    "version": "version",
    "licence": "licence",
    "reason": "asked because",
}


class Stage:
    """Where the demo is played. ``failed`` holds the claims that turned out to be wrong."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.failed: list[str] = []

    def title(self, text: str) -> None:
        """Begin a part."""
        self.console.print()
        self.console.print(Text(text, style="bold"))

    def say(self, text: str) -> None:
        """Tell what is done."""
        self.console.print(Text(f"  {text}"), soft_wrap=True)

    def typed(self, *words: str) -> None:
        """Show a command as a user would type it."""
        self.console.print(Text(f"  $ holdfast {' '.join(words)}", style="cyan"), soft_wrap=True)

    def claim(self, holds: bool, text: str, *, because: str = "") -> None:
        """Say that something holds, after it was checked; because: what was found if not."""
        mark = ("  ok  ", "green") if holds else ("  NO  ", "bold red")
        self.console.print(Text.assemble(mark, text), soft_wrap=True)
        if not holds:
            self.failed.append(text)
            self.console.print(Text(f"      {because}", style="red"), soft_wrap=True)

    def bar(
        self, process: subprocess.Popen[str], total: int, done: Callable[[], int], text: str
    ) -> None:
        """Show how much is done until the process has ended."""
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(text, total=total)
            while process.poll() is None:
                progress.update(task, completed=done())
                time.sleep(LOOK_EVERY_S)
            progress.update(task, completed=done())

    def questions(self, asked: list[dict[str, Any]]) -> None:
        """Show questions in a table."""
        table = Table(box=None, padding=(0, 2), header_style="bold")
        for heading in _COLUMNS.values():
            table.add_column(heading)
        for question in asked[:QUESTIONS_SHOWN]:
            table.add_row(*(Text(str(question[name] or "none found")) for name in _COLUMNS))
        self.console.print(table)
        if len(asked) > QUESTIONS_SHOWN:
            self.say(f"and {len(asked) - QUESTIONS_SHOWN} more")
