# SPDX-License-Identifier: Apache-2.0
"""What the commands have in common that post a decision into the inbox of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import click

from holdfast import Engine
from holdfast.cli.opening import opened
from holdfast.cli.settings import store_given
from holdfast.cli.text import shown
from holdfast.persistence.store import TERMINAL, InboxItem, RunRow

request_option = click.option(
    "--request-id",
    metavar="ID",
    help="Makes it safe to send again: the same id with the same decision is one.",
)

actor_option = click.option("--actor", metavar="NAME", help="Who decides; kept with the decision.")


def post(
    ctx: click.Context,
    place: tuple[str, str],
    what: str,
    decide: Callable[[Engine], Awaitable[InboxItem]],
) -> None:
    """Post a decision, and say who will hear of it. place: the run and its store."""
    run, store = place
    row = asyncio.run(_post(run, store, decide))
    click.echo(f"posted: {what} of run {shown(run)}")
    if row.owner is None and row.status not in TERMINAL:
        given = store_given(ctx)
        click.echo(f"go on with: holdfast resume {run} --app MODULE:NAME{given}", err=True)


async def _post(run: str, store: str, decide: Callable[[Engine], Awaitable[InboxItem]]) -> RunRow:
    async with opened(store) as engine:
        await decide(engine)
        return await engine.store.row(run)
