# SPDX-License-Identifier: Apache-2.0
"""Graphs for the behaviour tests: executors made of functions that may do anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

from holdfast import (
    Executor,
    Workflow,
    WorkflowBuilder,
    WorkflowCheckpoint,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.errors import WorkflowCheckpointException
from holdfast.workflow import WorkflowEvent

Context = WorkflowContext[Any, Any]
Work = Callable[[Any, Context], Awaitable[None]]


class Do(Executor):
    """Calls a function with each message; `seen` lists the messages of this instance."""

    def __init__(self, id: str, work: Work, answered: Any = None) -> None:
        super().__init__(id)
        self.work = work
        self.answered = answered
        self.seen: list[Any] = []

    @handler
    async def take(self, message: Any, ctx: Context) -> None:
        self.seen.append(message)
        await self.work(message, ctx)

    @response_handler
    async def hear(self, request: Any, response: Any, ctx: Context) -> None:
        if self.answered is not None:
            await self.answered(request, response, ctx)


class Remembers(Do):
    """The same, with what it has seen in every checkpoint."""

    checkpoint_fields = ("seen",)


async def forward(message: Any, ctx: Context) -> None:
    """Send the message on."""
    await ctx.send_message(message)


async def give(message: Any, ctx: Context) -> None:
    """Yield the message."""
    await ctx.yield_output(message)


async def ignore(message: Any, ctx: Context) -> None:
    """Do nothing."""


def sends(*messages: Any) -> Work:
    """Send these, whatever came."""

    async def send(_message: Any, ctx: Context) -> None:
        for message in messages:
            await ctx.send_message(message)

    return send


def pairs(edges: str) -> list[tuple[str, str]]:
    """Edges from "a>b b>c"."""
    found = [edge.split(">") for edge in edges.split()]
    return [(source, target) for source, target in found if target]


def builder(
    edges: str, works: dict[str, Any], *, kind: type[Do] = Do, instances: bool = False, **how: Any
) -> WorkflowBuilder:
    """A builder of "a>b a>c"; the first name is the start, "a>" is a graph of one.

    works: a function for each executor, or (function, function for answers).
    """
    names = dict.fromkeys(name for edge in edges.split() for name in edge.split(">") if name)
    made: dict[str, Any] = {}
    new = WorkflowBuilder(**how)
    for name in names:
        work = works.get(name, forward)
        parts = work if isinstance(work, tuple) else (work,)
        if instances:
            made[name] = kind(name, *parts)
        else:
            new.register(name, lambda name=name, parts=parts: kind(name, *parts))
            made[name] = name
    new.set_start_executor(next(iter(made.values())))
    for source, target in pairs(edges):
        new.add_edge(made[source], made[target])
    return new


def build(edges: str, works: dict[str, Any] | None = None, **how: Any) -> Workflow:
    """The workflow of `builder`, with executors from factories unless instances=True."""
    return builder(edges, works or {}, **how).build()


def words(events: Iterable[WorkflowEvent]) -> list[str]:
    """Events as short lines: type, whose, what."""
    lines = []
    for event in events:
        if event.type == "status":
            lines.append(f"status {event.state}")
        elif event.type in ("superstep_started", "superstep_completed"):
            lines.append(f"{event.type} {event.iteration}")
        elif event.type == "request_info":
            lines.append(f"request_info {event.request_id}")
        elif event.type == "executor_failed":
            lines.append(f"executor_failed {event.executor_id}")
        elif event.executor_id is not None:
            lines.append(f"{event.type} {event.executor_id} {event.data!r}")
        else:
            lines.append(event.type if event.data is None else f"{event.type} {event.data}")
    return lines


async def events_of(workflow: Workflow, *message: Any, **how: Any) -> list[WorkflowEvent]:
    """Every event of a streamed run call."""
    return [event async for event in workflow.run(*message, stream=True, **how)]


def warnings_of(events: Iterable[WorkflowEvent]) -> list[str]:
    """The texts of warning events."""
    return [event.data for event in events if event.type == "warning"]


class Gate:
    """Lets handlers say that they are there, and holds them until the test lets them go."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.opened = asyncio.Event()

    async def wait(self) -> None:
        """Arrive, and wait to be let go."""
        self.arrived.set()
        await self.opened.wait()


class OwnStorage:
    """A checkpoint storage that a user wrote: no base class, ids of its own."""

    def __init__(self) -> None:
        self.kept: dict[str, WorkflowCheckpoint] = {}

    async def save(self, checkpoint: WorkflowCheckpoint) -> str:
        name = f"own-{len(self.kept) + 1}"
        self.kept[name] = replace(checkpoint, checkpoint_id=name)
        return name

    async def load(self, checkpoint_id: str) -> WorkflowCheckpoint:
        if checkpoint_id not in self.kept:
            raise WorkflowCheckpointException(f"no checkpoint {checkpoint_id!r}")
        return self.kept[checkpoint_id]

    async def list_checkpoints(self, workflow_name: str | None = None) -> list[WorkflowCheckpoint]:
        return list(self.kept.values())

    async def list_checkpoint_ids(self, workflow_name: str | None = None) -> list[str]:
        return list(self.kept)

    async def delete(self, checkpoint_id: str) -> bool:
        return self.kept.pop(checkpoint_id, None) is not None

    async def get_latest(self, workflow_name: str | None = None) -> WorkflowCheckpoint | None:
        return next(reversed(self.kept.values()), None)
