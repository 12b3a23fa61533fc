# SPDX-License-Identifier: Apache-2.0
"""A workflow in a workflow: it asks the graph around it, and a person only when that does not know.

Run it::

    python examples/sub_workflow.py

Each order is checked by a workflow of its own. What the check is unsure about goes to the desk,
which decides about small sums by itself and asks a person about large ones. Everything is one run
with one id: it is saved as one, and a person may answer in another process, days later.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from holdfast import (
    Engine,
    Executor,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    handler,
    response_handler,
)
from holdfast.workflow import SubWorkflowRequestMessage, SubWorkflowResponseMessage

SMALL = 100


@dataclass
class Order:
    """What somebody wants to buy."""

    item: str
    price: int


class Rules(Executor):
    """Passes what is plainly fine, and asks about the rest."""

    @handler
    async def check(self, order: Order, ctx: WorkflowContext[None, str]) -> None:
        """Take an order."""
        if order.price <= 10:
            await ctx.yield_output(f"{order.item}: fine")
        else:
            await ctx.request_info(order, bool)

    @response_handler
    async def decided(self, order: Order, approved: bool, ctx: WorkflowContext[None, str]) -> None:
        """Hear what was decided, by the desk or by a person."""
        await ctx.yield_output(f"{order.item}: {'approved' if approved else 'refused'}")


class Desk(Executor):
    """Answers for small sums; for large ones somebody has to decide."""

    @handler
    async def take(
        self, request: SubWorkflowRequestMessage, ctx: WorkflowContext[SubWorkflowResponseMessage]
    ) -> None:
        """Hear what the check is unsure about."""
        order = request.source_event.data
        if order.price <= SMALL:
            yes = request.create_response(data=True)
            await ctx.send_message(yes, target_id=request.executor_id)
        else:
            await ctx.request_info(request, bool, request_id=f"person-{order.item}")

    @response_handler
    async def heard(
        self,
        request: SubWorkflowRequestMessage,
        approved: bool,
        ctx: WorkflowContext[SubWorkflowResponseMessage],
    ) -> None:
        """Pass on what the person said."""
        await ctx.send_message(request.create_response(approved), target_id=request.executor_id)


class Report(Executor):
    """Gives out what was decided."""

    @handler
    async def tell(self, line: str, ctx: WorkflowContext[None, str]) -> None:
        """Take a line."""
        await ctx.yield_output(line)


def make_check() -> Workflow:
    """The inner workflow; each run gets executors of its own."""
    return WorkflowBuilder(start_executor=Rules("rules")).build()


def make_shop() -> Workflow:
    """The outer one, with the check as one of its nodes."""
    check = WorkflowExecutor(make_check, "check")
    return (
        WorkflowBuilder(name="shop")
        .register("desk", lambda: Desk("desk"))
        .register("report", lambda: Report("report"))
        .set_start_executor(check)
        .add_edge(check, "desk")
        .add_edge("desk", check)
        .add_edge(check, "report")
        .build()
    )


async def main() -> list[list[str]]:
    """Three orders: one that is fine, one for the desk, one for a person."""
    shop = make_shop()
    found = []
    async with Engine("memory://", [shop]) as engine:
        for order in (Order("pen", 3), Order("chair", 80), Order("car", 20_000)):
            run = await engine.start(shop, order, run_id=order.item)
            await run.until_idle()
            for wait in await run.waits():
                print(f"somebody is asked {wait.wait_id!r}")
                await run.answer(wait.wait_id, value=False)
            outputs = await run.result()
            print(outputs)
            found.append(outputs)
    return found


if __name__ == "__main__":
    asyncio.run(main())
