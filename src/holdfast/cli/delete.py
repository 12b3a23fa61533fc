# SPDX-License-Identifier: Apache-2.0
"""`holdfast delete`."""

from __future__ import annotations

import asyncio

import click

from holdfast.cli.opening import opened
from holdfast.cli.settings import debug_option, store_option
from holdfast.cli.text import shown
from holdfast.persistence.store import RunRow


@click.command("delete")
@click.argument("run", metavar="RUN")
@store_option
@debug_option
def command(run: str, store: str) -> None:
    """Delete a run; a line with its id, status and result stays.

    Its record, its history, its questions and what was posted for it are gone at once. A run that
    had not ended counts as cancelled. One that a process carries is left alone.
    """
    row = asyncio.run(_delete(run, store))
    click.echo(f"deleted run {shown(run)}, which was {row.status}")


async def _delete(run: str, store: str) -> RunRow:
    async with opened(store) as engine:
        return await engine.delete(run)
