# SPDX-License-Identifier: Apache-2.0
"""`holdfast emit`."""

from __future__ import annotations

import click

from holdfast.cli.deciding import actor_option, post, request_option
from holdfast.cli.finding import read_value
from holdfast.cli.settings import debug_option, store_option
from holdfast.cli.text import shown


@click.command("emit")
@click.argument("run", metavar="RUN")
@click.argument("event", metavar="EVENT")
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
    event: str,
    value: str,
    request_id: str | None,
    actor: str | None,
    store: str,
) -> None:
    """Send a signal to a run of a flow.

    JSON is what comes with it, or @FILE with JSON; without it: null. Pauses that wait for
    EVENT are answered by it.

    It is kept at once, whoever carries the run: a process that does hears of it, and
    `holdfast resume` does otherwise.
    """
    # Many parameters because: click hands over each option as one.
    given = read_value(value, "the value")
    post(
        ctx,
        (run, store),
        f"signal {shown(event)}",
        lambda engine: engine.emit(run, event, given, request_id=request_id, actor=actor),
    )
