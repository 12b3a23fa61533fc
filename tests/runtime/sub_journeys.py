# SPDX-License-Identifier: Apache-2.0
"""A run with workflows in workflows, for the crash tests to kill at every store operation."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import (
    Engine,
    Executor,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.persistence.store import Store
from holdfast.testing.crash import Log
from holdfast.workflow import (
    SubWorkflowRequestMessage,
    SubWorkflowResponseMessage,
    WorkflowExecutor,
)
from tests.runtime.journeys import to_the_end


class Step(Executor):
    """Counts what it did, in state and in a field that its checkpoint holds, and sends on."""

    checkpoint_fields = ("count",)

    def __init__(self, path: str, log: Log) -> None:
        super().__init__(path.rpartition("/")[2])
        self.path = path
        self.log = log
        self.count = 0

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        self.log.begin(self.path, message)
        await asyncio.sleep(0)
        self.count += 1
        ctx.set_state("count", ctx.get_state("count", 0) + self.count)
        await self.give(message + self.count, ctx)

    async def give(self, value: int, ctx: WorkflowContext[int, int]) -> None:
        """Send it on."""
        await ctx.send_message(value)


class Yields(Step):
    """Gives its result out of its workflow."""

    async def give(self, value: int, ctx: WorkflowContext[int, int]) -> None:
        """Yield it."""
        await ctx.yield_output(value)


class AsksAround(Step):
    """Asks whether to go on before it yields."""

    async def give(self, value: int, ctx: WorkflowContext[int, int]) -> None:
        """Ask, under an id that is made of the value."""
        await ctx.request_info({"value": value}, bool, request_id=f"{self.id}-{value}")

    @response_handler
    async def heard(
        self, request: dict[str, int], answer: bool, ctx: WorkflowContext[int, int]
    ) -> None:
        self.log.begin(self.path, answer)
        ctx.append_state("answers", answer)
        await ctx.yield_output(request["value"] * (10 if answer else -10))


class Boss(Executor):
    """Answers what sub-workflows ask, and remembers how often."""

    checkpoint_fields = ("asked",)

    def __init__(self, log: Log) -> None:
        super().__init__("boss")
        self.log = log
        self.asked = 0

    @handler
    async def take(
        self, request: SubWorkflowRequestMessage, ctx: WorkflowContext[SubWorkflowResponseMessage]
    ) -> None:
        self.log.note(f"boss {request.source_event.request_id}")
        self.asked += 1
        ctx.append_state("boss", [self.asked, request.source_event.data])
        await ctx.send_message(request.create_response(True), target_id=request.executor_id)


def made(log: Log) -> Workflow:
    """Three deep: one that asks the graph around, one that asks the outside, work beside them."""

    def lowest() -> Workflow:
        x, y = Step("mid/low/x", log), AsksAround("mid/low/y", log)
        return WorkflowBuilder(start_executor=x).add_edge(x, y).build()

    def middle() -> Workflow:
        low = WorkflowExecutor(lowest, "low")
        first, last = Step("mid/first", log), AsksAround("mid/last", log)
        built = WorkflowBuilder(start_executor=first).add_edge(first, low).add_edge(low, last)
        return built.build()

    def outside() -> Workflow:
        return WorkflowBuilder(start_executor=AsksAround("out/ask", log)).build()

    mid = WorkflowExecutor(middle, "mid")
    out = WorkflowExecutor(outside, "out", propagate_request=True, allow_direct_output=True)
    built = WorkflowBuilder(name="subs").register("boss", lambda: Boss(log))
    built.register("begin", lambda: Step("begin", log)).set_start_executor("begin")
    built.register("end", lambda: Yields("end", log))
    built.add_edge("begin", mid).add_edge("begin", out)
    built.add_edge(mid, "boss").add_edge("boss", mid).add_edge(mid, "end")
    return built.build()


async def subs(store: Store, log: Log) -> Any:
    """Inner state, hooks, half-done inner supersteps, questions answered inside and outside."""
    workflow = made(log)
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, 1, run_id="run")
        outputs = await to_the_end(engine, run, {"ask-3": False})
        driven = await engine.driven("run")
        frames = driven.live.run.frames
        state = {
            number: {key: cell.value for key, cell in sorted(frames[number].state.items())}
            for number in sorted(frames)
        }
        return [sorted(outputs), state]
