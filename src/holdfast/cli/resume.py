# SPDX-License-Identifier: Apache-2.0
"""`holdfast resume`."""

from __future__ import annotations

import asyncio

import click

from holdfast.cli.carrying import Carrier, Definition
from holdfast.cli.finding import find_definition
from holdfast.cli.opening import opened
from holdfast.cli.settings import debug_option, store_option
from holdfast.cli.terminating import carried, grace_option


@click.command("resume")
@click.argument("run", metavar="RUN")
@click.option(
    "--app",
    metavar="MODULE:NAME",
    envvar="HOLDFAST_APP",
    show_envvar=True,
    help="The flow or workflow of the run.",
)
@grace_option
@store_option
@debug_option
@click.pass_context
def command(ctx: click.Context, run: str, app: str | None, grace_s: float, store: str) -> int:
    """Carry on a run that was stopped, has failed, or got its answers.

    What had finished does not run again. A step that failed is tried again. A run that another
    process carries is left alone. SIGTERM lets the steps under way end first.
    """
    return asyncio.run(_resume(ctx, run, find_definition(app), store, grace_s))


async def _resume(
    ctx: click.Context, run: str, definition: Definition, store: str, grace_s: float
) -> int:
    async with opened(store, definition) as engine:

        async def work() -> None:
            handle = await engine.resume(run)
            await Carrier(ctx, engine, definition, ctx.params["app"]).carry(handle)

        return await carried(engine, work(), grace_s)
