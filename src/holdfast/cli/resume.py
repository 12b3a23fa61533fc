# SPDX-License-Identifier: Apache-2.0
"""`holdfast resume`."""

from __future__ import annotations

import asyncio

import click

from holdfast.cli.carrying import Carrier, Definition
from holdfast.cli.finding import find_definition
from holdfast.cli.opening import opened
from holdfast.cli.settings import debug_option, store_option


@click.command("resume")
@click.argument("run", metavar="RUN")
@click.option(
    "--app",
    metavar="MODULE:NAME",
    envvar="HOLDFAST_APP",
    show_envvar=True,
    help="The flow or workflow of the run.",
)
@store_option
@debug_option
@click.pass_context
def command(ctx: click.Context, run: str, app: str | None, store: str) -> None:
    """Carry on a run that was stopped, has failed, or got its answers.

    What had finished does not run again. A step that failed is tried again. A run that another
    process carries is left alone.
    """
    asyncio.run(_resume(ctx, run, find_definition(app), store))


async def _resume(ctx: click.Context, run: str, definition: Definition, store: str) -> None:
    async with opened(store, definition) as engine:
        handle = await engine.resume(run)
        await Carrier(ctx, engine, definition, ctx.params["app"]).carry(handle)
