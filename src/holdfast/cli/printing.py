# SPDX-License-Identifier: Apache-2.0
"""Lists and questions for people: tables in colour on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.cli.settings import quoted
from holdfast.cli.text import for_people, in_line, shown

_STYLES: Final = {
    "running": "cyan",
    "waiting": "yellow",
    "idle": "cyan",
    "parked": "red",
    "completed": "green",
    "failed": "red",
    "open": "yellow",
    "answered": "green",
}
#: Away from a terminal, a row is a line, however long.
_LONG_LINE: Final = 100_000

_EXAMPLES: Final[dict[Any, Any]] = {
    "boolean": True,
    "integer": 1,
    "number": 1.5,
    "string": "...",
    "array": [],
    "null": None,
}


def print_table(titles: Sequence[str], rows: Iterable[Sequence[Any]], *, ids: int) -> None:
    """Print rows under titles. ids: so many columns at the left are ids, and never cut."""
    wide = None if sys.stdout.isatty() else _LONG_LINE
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, title in enumerate(titles):
        table.add_column(title, no_wrap=number < ids, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console = Console(highlight=False, markup=False, emoji=False, width=wide)
    with console.capture() as caught:
        console.print(table)
    for line in caught.get().splitlines():
        click.echo(line.rstrip())


def _cell(value: Any) -> Text:
    text = "" if value is None else shown(str(value))
    return Text(text, style=_STYLES.get(text, ""))


def print_question(record: dict[str, Any], store: str) -> None:
    """Print a question: its ids, what it asks, and how to answer it or how it was answered.

    store: the --store option that the command to answer needs, or "".
    """
    status = click.style(record["status"], fg=_STYLES.get(record["status"]))
    ids = (click.style(shown(record[name]), bold=True) for name in ("run_id", "wait_id"))
    click.echo(f"run {next(ids)}  wait {next(ids)}  {shown(record['type'])}, {status}")
    click.echo(for_people(record["payload"], "    "))
    if record["status"] == "open":
        command = ("holdfast", "answer", record["run_id"], record["wait_id"])
        click.echo(f"    answer: {quoted(*command)} {_example(record['schema'])}{store}")
    elif record["status"] == "answered":
        by = f" by {shown(record['actor'])}" if record["actor"] else ""
        click.echo(f"    answered{by}: {in_line(record['value'])}")


def _example(schema: Any) -> str:
    """An answer of the form that the schema asks for, quoted; JSON if it asks for none."""
    if not schema:
        return "JSON"
    return quoted(json.dumps(_fitting(schema)))


def _fitting(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _fitting(schema["anyOf"][0])
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        return {name: _fitting(fields.get(name, {})) for name in schema.get("required", fields)}
    return _EXAMPLES.get(schema.get("type"))
