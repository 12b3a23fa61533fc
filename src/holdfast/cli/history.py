# SPDX-License-Identifier: Apache-2.0
"""`holdfast history`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from holdfast.cli import text
from holdfast.cli.opening import opened
from holdfast.cli.printing import print_table
from holdfast.cli.settings import debug_option, json_option, store_option
from holdfast.persistence.store import Page
from holdfast.runtime.chronicle import Moment

_TITLES = ("AT", "WHAT", "STATUS", "WHEN", "BYTES", "CHECKPOINT")


@click.command("history")
@click.argument("run", metavar="RUN")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="At most so many.",
)
@click.option("--after", metavar="AT", help="Go on after this one.")
@click.option("--newest-first", is_flag=True, help="Begin at the end.")
@json_option
@store_option
@debug_option
def command(
    run: str, limit: int, after: str | None, newest_first: bool, as_json: bool, store: str
) -> None:
    """List what a run did, commit by commit, oldest first.

    The first column is what --at of the other commands takes. `state`, `diff` read any of them;
    `fork` and `rewind` take those that are checkpoints.
    """
    page = asyncio.run(_history(run, (after, limit, newest_first), store))
    if as_json:
        click.echo(text.as_json([_record(moment) for moment in page.items]))
        return
    if page.items:
        print_table(_TITLES, (_row(moment) for moment in page.items), ids=2)
    else:
        click.echo("nothing there", err=True)
    if page.next is not None:
        click.echo(f"there are more: --after {page.next}", err=True)


async def _history(run: str, window: tuple[str | None, int, bool], store: str) -> Page[Moment]:
    after, limit, newest_first = window
    async with opened(store) as engine:
        return await engine.history(run, cursor=after, limit=limit, newest_first=newest_first)


def _row(moment: Moment) -> tuple[Any, ...]:
    when = text.moment(moment.at)
    mark = "yes" if moment.is_checkpoint else None
    return (moment.seq, moment.label, moment.status, when, moment.size_bytes, mark)


def _record(moment: Moment) -> dict[str, Any]:
    return {
        "at": moment.seq,
        "what": moment.label,
        "status": moment.status,
        "when": text.moment(moment.at),
        "size_bytes": moment.size_bytes,
        "is_checkpoint": moment.is_checkpoint,
    }
