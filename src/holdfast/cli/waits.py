# SPDX-License-Identifier: Apache-2.0
"""`holdfast waits`."""

from __future__ import annotations

import asyncio

import click

from holdfast.cli import text
from holdfast.cli.opening import opened
from holdfast.cli.printing import print_question
from holdfast.cli.records import wait_record
from holdfast.cli.settings import debug_option, json_option, store_given, store_option
from holdfast.persistence.store import Page, WaitRow


@click.command("waits")
@click.option("--run", metavar="RUN", help="Only those of this run.")
@click.option("--all", "every", is_flag=True, help="Settled ones too, with their answers.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    help="At most so many.",
)
@json_option
@store_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    run: str | None,
    every: bool,
    limit: int,
    as_json: bool,
    store: str,
) -> None:
    """List the questions that are open, oldest first.

    Each is shown with the command that answers it.
    """
    page = asyncio.run(_waits(run, None if every else "open", limit, store))
    records = [wait_record(row) for row in page.items]
    if as_json:
        click.echo(text.as_json(records))
        return
    for number, record in enumerate(records):
        if number:
            click.echo()
        print_question(record, store_given(ctx))
    if not records:
        click.echo("no questions" if every else "no open questions", err=True)
    if page.next is not None:
        click.echo("there are more: raise --limit", err=True)


async def _waits(run: str | None, status: str | None, limit: int, store: str) -> Page[WaitRow]:
    async with opened(store) as engine:
        if run is not None:
            await engine.open(run)
        return await engine.store.waits(run_id=run, status=status, limit=limit)
