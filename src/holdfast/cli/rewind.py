# SPDX-License-Identifier: Apache-2.0
"""`holdfast rewind`."""

from __future__ import annotations

import asyncio

import click

from holdfast.cli.opening import opened
from holdfast.cli.settings import debug_option, store_given, store_option
from holdfast.cli.text import shown
from holdfast.persistence.store import TERMINAL, RunRow


@click.command("rewind")
@click.argument("run", metavar="RUN")
@click.option("--at", type=int, metavar="N", required=True, help="To this commit.")
@store_option
@debug_option
@click.pass_context
def command(ctx: click.Context, run: str, at: int, store: str) -> None:
    """Take a run back to where it was; nothing is deleted.

    Questions that were open then are open again, later ones are withdrawn. A run that has ended is
    open again. A run that another process carries is left alone.
    """
    row = asyncio.run(_rewind(run, at, store))
    click.echo(f"run {shown(run)} is back at commit {at}: {row.status}")
    if row.open_waits:
        click.echo(f"its questions: holdfast waits --run {run}{store_given(ctx)}", err=True)
    if row.status not in TERMINAL:
        given = store_given(ctx)
        click.echo(f"go on with: holdfast resume {run} --app MODULE:NAME{given}", err=True)


async def _rewind(run: str, at: int, store: str) -> RunRow:
    async with opened(store) as engine:
        return await (await engine.rewind(run, at)).row()
