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
from holdfast.cli.terminating import carried, grace_option


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
@grace_option
@store_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    app: str | None,
    text: str,
    run_id: str | None,
    grace_s: float,
    store: str,
) -> int:
    """Start a run and carry it until it ends or only waits for answers.

    MODULE:NAME is a flow or workflow, such as my_app.flows:refund; the variable HOLDFAST_APP
    stands in for it. The result is printed as JSON, everything else goes to stderr. Questions are
    printed with the command that answers them. Kill it at any time: what had finished is kept,
    and `holdfast resume` goes on. SIGTERM lets the steps under way end first.
    """
    # Many parameters because: click hands over each option as one.
    value = read_value(text, "--input")
    definition = find_definition(app)
    return asyncio.run(_run(ctx, definition, (value, run_id), store, grace_s))


async def _run(
    ctx: click.Context,
    definition: Definition,
    start: tuple[Any, str | None],
    store: str,
    grace_s: float,
) -> int:
    async with opened(store, definition, new=True) as engine:

        async def work() -> None:
            handle = await engine.start(definition, start[0], run_id=start[1])
            click.echo(f"run {handle.run_id} of {definition.name}", err=True)
            await Carrier(ctx, engine, definition, ctx.params["app"]).carry(handle)

        return await carried(engine, work(), grace_s)
