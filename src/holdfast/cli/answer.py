# SPDX-License-Identifier: Apache-2.0
"""`holdfast answer`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from holdfast.cli.finding import read_value
from holdfast.cli.opening import opened
from holdfast.cli.settings import debug_option, store_given, store_option
from holdfast.cli.text import shown
from holdfast.persistence.store import RunRow


@click.command("answer")
@click.argument("run", metavar="RUN")
@click.argument("wait", metavar="WAIT")
@click.argument("value", metavar="JSON")
@click.option(
    "--request-id",
    metavar="ID",
    help="Makes it safe to send again: the same id with the same answer is one answer.",
)
@click.option("--actor", metavar="NAME", help="Who answers; kept with the answer.")
@store_option
@debug_option
def command(
    run: str,
    wait: str,
    value: str,
    request_id: str | None,
    actor: str | None,
    store: str,
) -> None:
    """Answer a question; the first answer stands.

    JSON is the answer, or @FILE with JSON. It is kept at once, whoever carries the run: a process
    that does hears of it, and `holdfast resume` does otherwise. An answer of the wrong form is
    refused, and the question stays open.
    """
    by = {"request_id": request_id, "actor": actor}
    row = asyncio.run(_answer(run, wait, read_value(value, "the answer"), by, store))
    click.echo(f"answered {shown(wait)} of run {shown(run)}")
    if row.open_waits:
        click.echo(f"open questions of this run: {row.open_waits}", err=True)
    elif row.owner is None:
        given = store_given(click.get_current_context())
        click.echo(f"go on with: holdfast resume {run} --app MODULE:NAME{given}", err=True)


async def _answer(run: str, wait: str, value: Any, by: dict[str, str | None], store: str) -> RunRow:
    async with opened(store) as engine:
        await engine.answer(run, wait, value, **by)
        return await engine.store.row(run)
