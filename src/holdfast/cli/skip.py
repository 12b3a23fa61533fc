# SPDX-License-Identifier: Apache-2.0
"""`holdfast skip`."""

from __future__ import annotations

import click

from holdfast.cli.deciding import actor_option, post, request_option
from holdfast.cli.finding import read_value
from holdfast.cli.settings import debug_option, store_option


@click.command("skip")
@click.argument("run", metavar="RUN")
@click.argument("delivery", metavar="N", type=int)
@click.argument("value", metavar="[JSON]", default="null")
@request_option
@actor_option
@store_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    run: str,
    *,
    delivery: int,
    value: str,
    request_id: str | None,
    actor: str | None,
    store: str,
) -> None:
    """Let a parked step count as done, with a value.

    N is its number, as `holdfast show` lists it. JSON is the value that a flow goes on with,
    or @FILE with JSON; without it: null.

    It is kept at once, whoever carries the run: a process that does hears of it, and
    `holdfast resume` does otherwise.
    """
    # Many parameters because: click hands over each option as one.
    given = read_value(value, "the value")
    post(
        ctx,
        (run, store),
        f"skip of {delivery}",
        lambda engine: engine.skip(run, delivery, given, request_id=request_id, actor=actor),
    )
