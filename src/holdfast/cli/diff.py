# SPDX-License-Identifier: Apache-2.0
"""`holdfast diff`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from holdfast.cli import text
from holdfast.cli.opening import opened
from holdfast.cli.settings import debug_option, json_option, store_option
from holdfast.runtime.differing import RunDiff

_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


@click.command("diff")
@click.argument("run", metavar="RUN")
@click.argument("a", type=int)
@click.argument("b", type=int, required=False)
@json_option
@store_option
@debug_option
def command(run: str, a: int, b: int | None, as_json: bool, store: str) -> None:
    """Show what changed in a run from commit A to commit B.

    Without B: to what it is now. A line that begins with + came, with - went, with ~ changed.
    """
    found = asyncio.run(_diff(run, a, b, store))
    if as_json:
        click.echo(text.as_json(_record(found)))
        return
    for line in found.lines():
        click.echo(click.style(text.shown(line), fg=_COLOURS[line[0]]))
    if not found:
        click.echo("no difference", err=True)


async def _diff(run: str, a: int, b: int | None, store: str) -> RunDiff:
    async with opened(store) as engine:
        return await engine.diff(run, a, b, plain=True)


def _record(found: RunDiff) -> dict[str, Any]:
    return {
        "run_id": found.run_id,
        "a": found.a,
        "b": found.b,
        "status": list(found.status),
        "added": found.added,
        "removed": found.removed,
        "changed": {key: list(both) for key, both in found.changed.items()},
        "opened": list(found.opened),
        "settled": found.settled,
        "born": _numbered(found.born),
        "ended": _numbered(found.ended),
    }


def _numbered(work: dict[int, str]) -> list[dict[str, Any]]:
    return [{"number": number, "node": node} for number, node in work.items()]
