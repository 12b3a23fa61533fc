# SPDX-License-Identifier: Apache-2.0
"""Carrying one run in this process until it ends or only waits, and saying what came of it."""

from __future__ import annotations

import asyncio
import shlex
from typing import Any, Final

import click
from rich.console import Console
from rich.status import Status

from holdfast import Engine, TriggerFlow, Workflow
from holdfast.cli.printing import print_question
from holdfast.cli.records import wait_record
from holdfast.cli.settings import store_given
from holdfast.cli.text import as_json, plain
from holdfast.errors import RunCancelled, RunFailed, StoreError
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import TERMINAL, RunRow
from holdfast.runtime.engine import RunHandle

#: How often the store is asked whether the run rests, and whether somebody posted for it.
LOOK_EVERY_S: Final = 0.1
#: So many looks later, a failure that the store does not show is raised as it is.
PATIENCE: Final = 20
#: So many open questions are printed after a run; the others are counted.
QUESTIONS_SHOWN: Final = 3

_AT_REST: Final = TERMINAL | {"waiting", "parked"}

Definition = TriggerFlow[Any, Any, Any] | Workflow


class Carrier:
    """Carries runs of one definition in one engine. app: the MODULE:NAME that was given."""

    def __init__(
        self, ctx: click.Context, engine: Engine, definition: Definition, app: str
    ) -> None:
        self._engine = engine
        self._codec = Codec(definition.types)
        self._store = store_given(ctx)
        self._app = app

    async def carry(self, handle: RunHandle) -> None:
        """Carry the run to where it rests, and print its result or its open questions.

        Raises: RunFailed, RunCancelled, and what the store raises.
        """
        run_id = handle.run_id
        ending = asyncio.ensure_future(handle.result())
        try:
            with Console(stderr=True, highlight=False).status("starting") as status:
                row = await self._rested(handle, ending, status)
        except asyncio.CancelledError:
            click.echo(f"go on with: {self._again(run_id)}", err=True)
            raise
        finally:
            ending.cancel()
            await asyncio.wait({ending})
        match row.status:
            case "completed":
                click.echo(f"run {run_id} is completed after {row.seq} steps", err=True)
                click.echo(as_json(plain(self._codec.encode(ending.result(), "result"))))
            case "waiting":
                await self._tell_questions(row)
            case "cancelled":
                raise RunCancelled(f"run {run_id!r} was cancelled", run_id=run_id)
            case _:
                raise await self._failure(row)

    def _again(self, run_id: str) -> str:
        return f"holdfast resume {run_id} --app {shlex.quote(self._app)}{self._store}"

    async def _rested(
        self, handle: RunHandle, ending: asyncio.Future[Any], status: Status
    ) -> RunRow:
        """The run's row once nothing of it is under way any more."""
        late = 0
        while True:
            await asyncio.wait({ending}, timeout=LOOK_EVERY_S)
            error = ending.exception() if ending.done() else None
            if isinstance(error, StoreError):
                raise error
            row = await handle.row()
            status.update(f"{row.seq} steps kept, {row.open_waits} questions open")
            if row.inbox and not ending.done():
                await (await self._engine.driven(row.run_id)).hear()
            elif row.status in _AT_REST and not row.due and not _is_to_move(row):
                if row.status != "completed" or ending.done():
                    return row
            elif ending.done():
                # The store may hear of the end a moment after those who wait for it in here.
                late += 1
                if error is not None and late > PATIENCE:
                    raise error
                await asyncio.sleep(LOOK_EVERY_S)

    async def _tell_questions(self, row: RunRow) -> None:
        questions = await self._engine.waits(run_id=row.run_id)
        count = "1 question is" if len(questions) == 1 else f"{len(questions)} questions are"
        click.echo(f"run {row.run_id} waits after {row.seq} steps: {count} open", err=True)
        for question in questions[:QUESTIONS_SHOWN]:
            print_question(wait_record(question), self._store)
            click.echo()
        more = len(questions) - QUESTIONS_SHOWN
        if more > 0:
            click.echo(f"and {more} more: holdfast waits --run {row.run_id}{self._store}", err=True)
        click.echo(f"when they are answered: {self._again(row.run_id)}", err=True)

    async def _failure(self, row: RunRow) -> RunFailed:
        failed = RunFailed(
            f"run {row.run_id!r} stands with a failed step: {row.error}",
            hint=f"Mend the cause, then: {self._again(row.run_id)}",
            run_id=row.run_id,
        )
        driven = await self._engine.driven(row.run_id)
        failed.__cause__ = next(iter((driven.live.errors or {}).values()), None)
        return failed


def _is_to_move(row: RunRow) -> bool:
    """Whether a post is about to move a run that only waits."""
    return row.status == "waiting" and row.inbox > 0
