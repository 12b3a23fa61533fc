# SPDX-License-Identifier: Apache-2.0
"""The licence audit as a workflow: executors, typed messages, one request per question.

Every handler that ends is saved, and every superstep is a checkpoint. ``flow_style`` is the same
audit as an event flow, and says how to try either from a shell.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Never

from holdfast import (
    Executor,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)

from .audit import audit, question_of
from .collect import find_distributions
from .given import job_of
from .records import Answer, Found, Question, Row
from .report import write_report

AUDITORS = ("auditor-1", "auditor-2", "auditor-3", "auditor-4")


@dataclass(frozen=True)
class Expected:
    """How many distributions the collector has to wait for, and where the report goes."""

    count: int
    report: str


@dataclass(frozen=True)
class Settled:
    """Nothing more has to be done about this distribution; its row is in the shared state."""

    key: str


class Finder(Executor):
    """Lists what is installed and deals it out."""

    @handler
    async def find(
        self, message: dict[str, Any] | None, ctx: WorkflowContext[Found | Expected]
    ) -> None:
        """Send the auditors a distribution each, in turn, and the collector their number."""
        job = job_of(message)
        found = await asyncio.to_thread(find_distributions, job.folders())
        await ctx.send_message(Expected(len(found), job.report))
        for number, one in enumerate(found):
            await ctx.send_message(one, AUDITORS[number % len(AUDITORS)])


class Auditor(Executor):
    """Audits one distribution at a time, and asks about the doubtful ones."""

    def __init__(self, id: str, audited: Callable[[Found], Row]) -> None:
        super().__init__(id)
        self._audited = audited

    @handler
    async def judge(self, message: Found, ctx: WorkflowContext[Settled]) -> None:
        """Keep the row; settle a clear one, and ask about a doubtful one."""
        row = await asyncio.to_thread(self._audited, message)
        ctx.set_state(f"row {row.key}", row)
        question = question_of(row)
        if question is None:
            await ctx.send_message(Settled(row.key))
        else:
            await ctx.request_info(question, Answer, request_id=row.key)

    @response_handler
    async def take(
        self, original_request: Question, response: Answer, ctx: WorkflowContext[Settled]
    ) -> None:
        """Keep the answer beside the row."""
        ctx.set_state(f"answer {original_request.key}", response)
        await ctx.send_message(Settled(original_request.key))


class Collector(Executor):
    """Counts what is settled, and writes the report when nothing is left."""

    checkpoint_fields = ("left", "report")

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.left = 0
        self.report = ""

    @handler
    async def expect(self, message: Expected, ctx: WorkflowContext[Never, list[str]]) -> None:
        """Learn how much there is to wait for."""
        self.left, self.report = message.count, message.report
        await self._finish(ctx)

    @handler
    async def count(self, message: Settled, ctx: WorkflowContext[Never, list[str]]) -> None:
        """Count one down."""
        self.left -= 1
        await self._finish(ctx)

    async def _finish(self, ctx: WorkflowContext[Never, list[str]]) -> None:
        if self.left:
            return
        kept = {tuple(name.split(" ", 1)): value for name, value in ctx.export_state().items()}
        rows = [value for (kind, _), value in kept.items() if kind == "row"]
        answers = {key: value for (kind, key), value in kept.items() if kind == "answer"}
        written = await asyncio.to_thread(write_report, Path(self.report), rows, answers)
        await ctx.yield_output([str(path) for path in written])


def build(audited: Callable[[Found], Row] = audit) -> Workflow:
    """Build the workflow. Executors come from factories, so it serves any number of runs."""
    builder = WorkflowBuilder(name="licence-audit-workflow", start_executor="finder")
    builder.register("finder", partial(Finder, "finder"))
    builder.register("collector", partial(Collector, "collector"))
    builder.add_edge("finder", "collector")
    for name in AUDITORS:
        builder.register(name, partial(Auditor, name, audited))
        builder.add_chain(["finder", name, "collector"])
    workflow = builder.build()
    return workflow.register_type(Row)


workflow = build()
