# SPDX-License-Identifier: Apache-2.0
"""`holdfast check`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import click

from holdfast import TriggerFlow
from holdfast.cli import text
from holdfast.cli.carrying import Definition
from holdfast.cli.finding import find_definition
from holdfast.cli.opening import opened
from holdfast.cli.printing import print_table
from holdfast.cli.problems import FAILED
from holdfast.cli.settings import debug_option, json_option, store_option
from holdfast.cli.text import shown
from holdfast.runtime.checking import RunCheck

#: The digits of the fingerprint in the name of a workflow that nobody named.
NAME_DIGITS = 12

_TITLES = ("RUN", "STATUS", "GOES ON", "WHY")
_WORDS = {"same": "yes", "changed": "by resume", "migrates": "by resume", "cannot": "no"}


@click.command("check")
@click.argument("app", metavar="MODULE:NAME", envvar="HOLDFAST_APP", required=False)
@click.option("--run", "run", metavar="ID", help="Only this run.")
@json_option
@store_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context, app: str | None, run: str | None, as_json: bool, store: str
) -> None:
    """Say which open runs can go on with the definition of today.

    Each open run of MODULE:NAME is compared with the flow or workflow as it is now: "yes", the
    same structure; "by resume", another one that still has all that the run needs, so that
    `holdfast resume` goes on with it; "no", with the names of what is missing. Nothing is changed
    or called but the import of the module. Exits with 1 if some run cannot go on.
    """
    # Many parameters because: each one is an option that people type.
    definition = find_definition(app)
    rows = asyncio.run(_check(definition, run, store))
    if as_json:
        click.echo(text.as_json([_record(row) for row in rows]))
    else:
        _print(rows, definition)
    if not all(row.can_go_on for row in rows):
        ctx.exit(FAILED)


async def _check(definition: Definition, run: str | None, store: str) -> tuple[RunCheck, ...]:
    async with opened(store, definition) as engine:
        return await engine.check(definition, run_id=run)


def _record(row: RunCheck) -> dict[str, Any]:
    return {**asdict(row), "can_go_on": row.can_go_on}


def _print(rows: tuple[RunCheck, ...], definition: Definition) -> None:
    if not rows:
        click.echo(f"no open runs of {shown(definition.name)}", err=True)
        if not _is_named(definition):
            text = (
                "it has no name of its own, and runs are found by it: pass name= to what makes it"
            )
            click.echo(f"hint: {text}", err=True)
        return
    reasons = [(*row.problems, *row.notes) or ("the same structure",) for row in rows]
    print_table(
        _TITLES,
        (
            (row.run_id, row.status, _WORDS[row.verdict], _why(row, told))
            for row, told in zip(rows, reasons, strict=True)
        ),
        ids=1,
    )
    for hint in {row.verdict: row.hint for row in reversed(rows) if row.hint}.values():
        click.echo(f"hint: {shown(hint)}", err=True)
    counts = {word: sum(row.verdict == word for row in rows) for word in _WORDS}
    resumed = counts["changed"] + counts["migrates"]
    text = f"{counts['same']} go on by themselves, {resumed} by resume, {counts['cannot']} cannot"
    click.echo(text, err=True)


def _why(row: RunCheck, told: tuple[str, ...]) -> str:
    if row.verdict == "changed" and not row.notes:
        return "another structure that has all it needs"
    return "; ".join(told)


def _is_named(definition: Definition) -> bool:
    if isinstance(definition, TriggerFlow):
        return definition.as_child().is_named
    return definition.fingerprint.partition(":")[2][:NAME_DIGITS] not in definition.name
