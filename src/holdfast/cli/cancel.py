# SPDX-License-Identifier: Apache-2.0
"""`holdfast cancel`."""

from __future__ import annotations

import click

from holdfast.cli.deciding import actor_option, post, request_option
from holdfast.cli.settings import debug_option, store_option


@click.command("cancel")
@click.argument("run", metavar="RUN")
@request_option
@actor_option
@store_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    run: str,
    *,
    request_id: str | None,
    actor: str | None,
    store: str,
) -> None:
    """End a run as cancelled; what is under way is stopped.

    It is kept at once, whoever carries the run: a process that does hears of it, and
    `holdfast resume` does otherwise.
    """
    post(
        ctx,
        (run, store),
        "cancel",
        lambda engine: engine.cancel(run, request_id=request_id, actor=actor),
    )
