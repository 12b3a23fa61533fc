# SPDX-License-Identifier: Apache-2.0
"""`holdfast audit`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from holdfast.cli import text
from holdfast.cli.opening import opened
from holdfast.cli.printing import print_table
from holdfast.cli.settings import debug_option, json_option, store_option
from holdfast.runtime.auditing import Audit, Entry

_TITLES = ("AT", "WHAT", "WHO", "QUESTION", "WHEN", "TAKEN", "VALUE")
#: A value is cut here, in the table.
_LONGEST = 40


@click.command("audit")
@click.argument("run", metavar="RUN")
@json_option
@store_option
@debug_option
def command(run: str, as_json: bool, store: str) -> None:
    """List who decided what about a run: questions, answers, signals, cancellations.

    AT is the commit that was the newest when it came, TAKEN the one that took it in. Nothing is
    dropped from this list until the run is deleted.
    """
    found = asyncio.run(_audit(run, store))
    if as_json:
        entries = [_record(entry) for entry in found.entries]
        record = {"run_id": found.run_id, "owner": found.owner, "epoch": found.epoch}
        click.echo(text.as_json({**record, "entries": entries}))
    elif found.entries:
        print_table(_TITLES, (_row(entry) for entry in found.entries), ids=2)
    else:
        click.echo("nobody decided anything about this run", err=True)


async def _audit(run: str, store: str) -> Audit:
    async with opened(store) as engine:
        return await engine.audit(run, plain=True)


def _row(entry: Entry) -> tuple[Any, ...]:
    value = "" if entry.value is None else text.in_line(entry.value)
    if len(value) > _LONGEST:
        value = f"{value[:_LONGEST]}..."
    when = text.moment(entry.at)
    return (entry.seq, entry.what, entry.actor, entry.wait_id, when, entry.taken, value)


def _record(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.seq,
        "what": entry.what,
        "actor": entry.actor,
        "request_id": entry.request_id,
        "wait_id": entry.wait_id,
        "generation": entry.generation,
        "value": entry.value,
        "when": text.moment(entry.at),
        "taken": entry.taken,
    }
