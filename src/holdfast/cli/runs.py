# SPDX-License-Identifier: Apache-2.0
"""`holdfast runs`."""

from __future__ import annotations

import asyncio

import click

from holdfast.cli import text
from holdfast.cli.opening import opened
from holdfast.cli.printing import print_table
from holdfast.cli.records import run_record
from holdfast.cli.settings import debug_option, json_option, store_option
from holdfast.persistence.store import Page, RunRow

STATUSES = ("running", "waiting", "parked", "idle", "completed", "failed", "cancelled")
_TITLES = ("RUN", "DEFINITION", "STATUS", "STEPS", "QUESTIONS", "UPDATED")
_SHOWN = ("run_id", "definition", "status", "steps", "open_questions", "updated_at")


@click.command("runs")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs of this status.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="At most so many.",
)
@json_option
@store_option
@debug_option
def command(status: str | None, limit: int, as_json: bool, store: str) -> None:
    """List the runs of a store, newest first.

    A run is running; waiting for answers; parked because a step failed; idle; or it has ended:
    completed, failed, cancelled.
    """
    page = asyncio.run(_runs(status, limit, store))
    _print(page, as_json=as_json)


async def _runs(status: str | None, limit: int, store: str) -> Page[RunRow]:
    async with opened(store) as engine:
        return await engine.store.runs(status=status, limit=limit, newest_first=True)


def _print(page: Page[RunRow], *, as_json: bool) -> None:
    records = [run_record(row) for row in page.items]
    if as_json:
        click.echo(text.as_json(records))
        return
    if records:
        print_table(_TITLES, ([record[name] for name in _SHOWN] for record in records), ids=1)
    else:
        click.echo("no runs", err=True)
    if page.next is not None:
        click.echo("there are more: raise --limit", err=True)
