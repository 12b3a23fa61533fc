# SPDX-License-Identifier: Apache-2.0
"""`holdfast run`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from holdfast.cli.carrying import Carrier, Definition
from holdfast.cli.finding import find_definition, read_value
from holdfast.cli.opening import opened
from holdfast.cli.settings import debug_option, store_option


@click.command("run")
@click.argument("app", metavar="MODULE:NAME", envvar="HOLDFAST_APP", required=False)
@click.option(
    "--input",
    "text",
    metavar="JSON",
    default="null",
    help="What the run starts with: JSON, or @FILE with JSON. Without it: null.",
)
@click.option(
    "--run-id",
    metavar="ID",
    help="The id of the run; the same id with the same input is the same run.",
)
@store_option
@debug_option
@click.pass_context
def command(ctx: click.Context, app: str | None, text: str, run_id: str | None, store: str) -> None:
    """Start a run and carry it until it ends or only waits for answers.

    MODULE:NAME is a flow or workflow, such as my_app.flows:refund; the variable HOLDFAST_APP
    stands in for it. The result is printed as JSON, everything else goes to stderr. Questions are
    printed with the command that answers them. Kill it at any time: what had finished is kept,
    and `holdfast resume` goes on.
    """
    value = read_value(text, "--input")
    definition = find_definition(app)
    asyncio.run(_run(ctx, definition, value, run_id, store))


async def _run(
    ctx: click.Context, definition: Definition, value: Any, run_id: str | None, store: str
) -> None:
    async with opened(store, definition, new=True) as engine:
        handle = await engine.start(definition, value, run_id=run_id)
        click.echo(f"run {handle.run_id} of {definition.name}", err=True)
        await Carrier(ctx, engine, definition, ctx.params["app"]).carry(handle)
