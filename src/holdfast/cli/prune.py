# SPDX-License-Identifier: Apache-2.0
"""`holdfast prune`."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from typing import Final

import click

from holdfast.cli.opening import opened
from holdfast.cli.problems import WrongUse
from holdfast.cli.settings import debug_option, store_option
from holdfast.runtime.keeping_less import Pruned

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command("prune")
@click.argument("run", metavar="[RUN]", required=False)
@click.option(
    "--keep-last", type=click.IntRange(1), metavar="N", help="So many checkpoints stay readable."
)
@click.option("--older-than", metavar="TIME", help="Only what is older: 30d, 12h, 90m, 45s.")
@click.option("--ended", is_flag=True, help="Delete whole runs that have ended; a line stays.")
@store_option
@debug_option
def command(
    run: str | None, keep_last: int | None, older_than: str | None, ended: bool, store: str
) -> None:
    """Drop old history of a run, or of all runs.

    What a run is now is never dropped. With both limits, what either would keep stays. A line with
    id, status and result stays of a run that --ended deletes.
    """
    if keep_last is None and older_than is None:
        raise WrongUse("how much is to go?", "Give --keep-last, --older-than, or both.")
    if ended and (older_than is None or keep_last is not None):
        raise WrongUse("--ended goes by age alone", "Give --older-than, and no --keep-last.")
    age = None if older_than is None else _time(older_than)
    found = asyncio.run(_prune(run, keep_last, age, ended, store))
    if ended:
        click.echo(f"deleted {_count(found.runs, 'run')}")
    else:
        click.echo(f"dropped {_count(found.commits, 'commit')}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _time(text: str) -> dt.timedelta:
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found is None:
        raise WrongUse(f"{text!r} is no time", "Write a number and a unit: 30d, 12h, 90m, 45s.")
    return dt.timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


async def _prune(
    run: str | None, keep_last: int | None, age: dt.timedelta | None, ended: bool, store: str
) -> Pruned:
    async with opened(store) as engine:
        return await engine.prune(run, keep_last=keep_last, older_than=age, ended=ended)
