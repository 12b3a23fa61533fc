# SPDX-License-Identifier: Apache-2.0
"""`holdfast close`."""

from __future__ import annotations

import click

from holdfast.cli.deciding import actor_option, post, request_option
from holdfast.cli.settings import debug_option, store_option


@click.command("close")
@click.argument("run", metavar="RUN")
@click.option(
    "--cancel-questions",
    is_flag=True,
    help="Take open questions back; the run is then cancelled. Else they refuse the close.",
)
@click.option("--reason", metavar="TEXT", default="closed from outside", help="Kept with the run.")
@request_option
@actor_option
@store_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    run: str,
    *,
    cancel_questions: bool,
    reason: str,
    request_id: str | None,
    actor: str | None,
    store: str,
) -> None:
    """End a run of a flow in order: accepted work ends first.

    It is kept at once, whoever carries the run: a process that does hears of it, and
    `holdfast resume` does otherwise.
    """
    # Many parameters because: click hands over each option as one.
    pending = "cancel" if cancel_questions else "error"
    post(
        ctx,
        (run, store),
        "close",
        lambda engine: engine.close_run(
            run, pending_interrupts=pending, reason=reason, request_id=request_id, actor=actor
        ),
    )
