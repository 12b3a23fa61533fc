# SPDX-License-Identifier: Apache-2.0
"""`holdfast retry`."""

from __future__ import annotations

import click

from holdfast.cli.deciding import actor_option, post, request_option
from holdfast.cli.settings import debug_option, store_option


@click.command("retry")
@click.argument("run", metavar="RUN")
@click.option("--delivery", metavar="N", type=int, help="Only this one; else all.")
@request_option
@actor_option
@store_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    run: str,
    *,
    delivery: int | None,
    request_id: str | None,
    actor: str | None,
    store: str,
) -> None:
    """Run parked steps of a run again.

    `holdfast show` lists what is parked, by number.

    It is kept at once, whoever carries the run: a process that does hears of it, and
    `holdfast resume` does otherwise.
    """
    post(
        ctx,
        (run, store),
        "retry",
        lambda engine: engine.retry(run, delivery, request_id=request_id, actor=actor),
    )
