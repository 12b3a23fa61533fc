# SPDX-License-Identifier: Apache-2.0
"""Workflows in workflows for the tests: executors that ask, and those that take what is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from holdfast import Executor, Workflow, WorkflowBuilder, WorkflowContext, handler, response_handler
from holdfast.workflow import (
    SubWorkflowRequestMessage,
    SubWorkflowResponseMessage,
    WorkflowExecutor,
)
from tests.workflow.graphs import Do, Remembers, Work, builder, forward


@dataclass
class Verdict:
    """An answer that is not a built-in type."""

    ok: bool
    n: float = 0.0


class Asks(Executor):
    """Asks whether its message is right, and yields what it hears."""

    checkpoint_fields = ("asked",)

    def __init__(self, id: str = "ask", form: Any = bool, request_id: str | None = "q") -> None:
        super().__init__(id)
        self.form = form
        self.request_id = request_id
        self.asked = 0

    @handler
    async def start(self, message: str, ctx: WorkflowContext[None, str]) -> None:
        self.asked += 1
        await ctx.request_info({"about": message}, self.form, request_id=self.request_id)

    @response_handler
    async def on_bool(
        self, request: dict[str, str], answer: bool, ctx: WorkflowContext[None, str]
    ) -> None:
        await ctx.yield_output(f"{request['about']}: {answer} ({self.asked})")

    @response_handler
    async def on_verdict(
        self, request: dict[str, str], answer: Verdict, ctx: WorkflowContext[None, str]
    ) -> None:
        await ctx.yield_output(f"{request['about']}: {answer}")


class Answers(Executor):
    """Takes requests of sub-workflows, and does with them what a function says."""

    def __init__(self, id: str = "boss", work: Any = None) -> None:
        super().__init__(id)
        self.work = work
        self.requests: list[SubWorkflowRequestMessage] = []

    @handler
    async def take(
        self,
        request: SubWorkflowRequestMessage,
        ctx: WorkflowContext[SubWorkflowResponseMessage, str],
    ) -> None:
        self.requests.append(request)
        if self.work is not None:
            await self.work(request, ctx)


async def agree(
    request: SubWorkflowRequestMessage, ctx: WorkflowContext[SubWorkflowResponseMessage, str]
) -> None:
    """Answer yes."""
    await ctx.send_message(request.create_response(True), target_id=request.executor_id)


class Shows(Executor):
    """Yields each text that it takes."""

    def __init__(self, id: str = "show") -> None:
        super().__init__(id)

    @handler
    async def take(self, text: str, ctx: WorkflowContext[None, str]) -> None:
        await ctx.yield_output(text)


class Passes(Executor):
    """Sends each text on."""

    def __init__(self, id: str) -> None:
        super().__init__(id)

    @handler
    async def take(self, text: str, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(text)


def asking(name: str = "inner", **how: Any) -> Workflow:
    """An inner workflow of one executor that asks."""
    made = WorkflowBuilder(name=name).register("ask", lambda: Asks(**how))
    return made.set_start_executor("ask").build()


def inner(edges: str, works: dict[str, Any] | None = None, **how: Any) -> Callable[[], Workflow]:
    """A factory of an inner workflow; its executors are instances, made anew at each call."""

    def make() -> Workflow:
        kind: type[Do] = how.get("kind", Remembers)
        rest = {key: value for key, value in how.items() if key != "kind"}
        return builder(edges, works or {}, kind=kind, instances=True, **rest).build()

    return make


def outer(edges: str, parts: dict[str, Any], *, instances: bool = False, **how: Any) -> Workflow:
    """A workflow of "a>s s>b".

    parts: for each name a function of an executor, an executor, a workflow, or a factory of
    workflows; the last two with what binds them: (workflow, {"propagate_request": True}).
    """
    made = WorkflowBuilder(**how)
    names = dict.fromkeys(name for edge in edges.split() for name in edge.split(">") if name)
    given = {
        name: _given(made, name, parts.get(name, forward), instances=instances) for name in names
    }
    made.set_start_executor(next(iter(given.values())))
    for edge in edges.split():
        source, _, target = edge.partition(">")
        if target:
            made.add_edge(given[source], given[target])
    return made.build()


def _given(made: WorkflowBuilder, name: str, part: Any, *, instances: bool) -> Executor | str:
    """What edges of the builder name: an executor, or the id of a factory."""
    part, bound = part if isinstance(part, tuple) else (part, {})
    if isinstance(part, Workflow) or _is_factory(part):
        return WorkflowExecutor(part, name, **bound)
    if isinstance(part, Executor):
        return part
    if isinstance(part, type):
        made.register(name, lambda: part(name))
        return name
    work: Work = part
    if instances:
        return Do(name, work)
    made.register(name, lambda: Do(name, work))
    return name


def _is_factory(part: Any) -> bool:
    return callable(part) and getattr(part, "__qualname__", "").startswith("inner.")
