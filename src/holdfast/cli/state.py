# SPDX-License-Identifier: Apache-2.0
"""`holdfast state`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from holdfast.cli import text
from holdfast.cli.opening import opened
from holdfast.cli.settings import debug_option, json_option, store_option
from holdfast.runtime.past import RunState, Work


@click.command("state")
@click.argument("run", metavar="RUN")
@click.option("--at", type=int, metavar="N", help="As of this commit.  [default: now]")
@json_option
@store_option
@debug_option
def command(run: str, at: int | None, as_json: bool, store: str) -> None:
    """Show the state of a run as it was after a commit.

    With it: what was asked, and the work that was not finished.
    """
    record = _record(asyncio.run(_state(run, at, store)))
    if as_json:
        click.echo(text.as_json(record))
        return
    head = (record.pop(name) for name in ("run_id", "at", "status", "when"))
    name, seq, status, when = head
    click.echo(f"run {text.shown(name)} after commit {seq}: {status}, {when}")
    if record["error"]:
        click.echo(f"error: {text.shown(record.pop('error'))}")
    _print("state", record["state"])
    for title, values in record["inside"].items():
        _print(f"state of {title}", values)
    _print("executors", record["executors"])
    _print("questions", record["questions"])
    _print("work", {f"{one['node']} ({one['number']})": _of(one) for one in record["work"]})


def _print(title: str, values: dict[str, Any]) -> None:
    if values:
        click.echo(f"{text.shown(title)}:")
        click.echo(text.for_people(values, "  "))


def _of(work: dict[str, Any]) -> str:
    payload = text.in_line(work["payload"])
    return f"{payload}, failed: {work['error']}" if work["is_parked"] else payload


async def _state(run: str, at: int | None, store: str) -> RunState:
    async with opened(store) as engine:
        return await engine.state(run, at, plain=True)


def _record(found: RunState) -> dict[str, Any]:
    return {
        "run_id": found.run_id,
        "at": found.seq,
        "when": text.moment(found.at),
        "definition": found.definition,
        "status": found.status,
        "error": found.error,
        "state": found.state,
        "inside": found.inside,
        "executors": found.executors,
        "questions": found.waits,
        "work": [_work(work) for work in found.work],
    }


def _work(work: Work) -> dict[str, Any]:
    return {
        "number": work.number,
        "node": work.node,
        "payload": work.payload,
        "is_parked": work.is_parked,
        "error": work.error,
    }
