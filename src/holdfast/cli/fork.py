# SPDX-License-Identifier: Apache-2.0
"""`holdfast fork`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from holdfast import DELETE
from holdfast.cli.finding import read_value
from holdfast.cli.opening import opened
from holdfast.cli.problems import WrongUse
from holdfast.cli.settings import debug_option, store_given, store_option
from holdfast.cli.text import shown
from holdfast.persistence.store import TERMINAL, RunRow


@click.command("fork")
@click.argument("run", metavar="RUN")
@click.option("--at", type=int, metavar="N", help="From this commit.  [default: now]")
@click.option(
    "--set",
    "settings",
    metavar="KEY=JSON",
    multiple=True,
    help="Change its state before it goes on; JSON, or @FILE with JSON.",
)
@click.option("--unset", metavar="KEY", multiple=True, help="Take a key out of its state.")
@click.option("--run-id", metavar="ID", help="The id of the new run.")
@store_option
@debug_option
def command(
    run: str,
    at: int | None,
    settings: Sequence[str],
    unset: Sequence[str],
    run_id: str | None,
    store: str,
) -> None:
    """Begin a new run from where a run was; the old one does not change.

    Questions that were open then are open in the new run too. Prints the id of the new run.
    """
    changes = {**_changes(settings), **dict.fromkeys(unset, DELETE)}
    row = asyncio.run(_fork(run, at, changes, run_id, store))
    given = store_given(click.get_current_context())
    click.echo(shown(row.run_id))
    click.echo(f"a fork of {shown(row.head.parent or '')}: {row.status}", err=True)
    if row.open_waits:
        click.echo(f"its questions: holdfast waits --run {row.run_id}{given}", err=True)
    if row.status not in TERMINAL:
        click.echo(f"go on with: holdfast resume {row.run_id} --app MODULE:NAME{given}", err=True)


def _changes(settings: Sequence[str]) -> dict[str, Any]:
    found = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign or not key:
            raise WrongUse(f"--set {setting!r} is not KEY=JSON", "For instance: --set limit=5.")
        found[key] = read_value(value, f"the value of {key}")
    return found


async def _fork(
    run: str, at: int | None, changes: dict[str, Any], run_id: str | None, store: str
) -> RunRow:
    async with opened(store) as engine:
        fork = await engine.fork(run, at, changes=changes, new_run_id=run_id)
        return await fork.row()
