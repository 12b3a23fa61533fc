# SPDX-License-Identifier: Apache-2.0
"""`holdfast show`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import click

from holdfast.cli import text
from holdfast.cli.opening import opened
from holdfast.cli.printing import print_question
from holdfast.cli.records import run_record, wait_record
from holdfast.cli.settings import debug_option, json_option, store_given, store_option


@click.command("show")
@click.argument("run", metavar="RUN")
@json_option
@store_option
@debug_option
@click.pass_context
def command(ctx: click.Context, run: str, as_json: bool, store: str) -> None:
    """Show one run, its parked steps and its questions."""
    record = asyncio.run(_show(run, store))
    if as_json:
        click.echo(text.as_json(record))
        return
    questions, parked = record.pop("questions"), record.pop("parked")
    width = max(len(name) for name in record)
    for name, value in record.items():
        if value is not None:
            click.echo(f"{name.ljust(width)}  {text.for_people(value)}")
    for one in parked:
        click.echo()
        click.echo(f"parked {one['delivery']}: {text.shown(one['node'])}")
        click.echo(f"    {text.shown(one['error'])}")
    for question in questions:
        click.echo()
        print_question(question, store_given(ctx))


async def _show(run: str, store: str) -> dict[str, Any]:
    async with opened(store) as engine:
        found = await engine.show(run)
        row, parked = found["row"], await engine.parked(run)
        # What is left of a deleted run is not to be read anywhere else.
        result = await engine.result(run, plain=True) if row.pruned else None
        left = {"ended_as": row.status, "result": result} if row.pruned else {}
    return {
        **run_record(row),
        **left,
        "parked": [asdict(one) for one in parked],
        "questions": [wait_record(row) for row in found["waits"]],
    }
