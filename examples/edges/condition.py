# SPDX-License-Identifier: Apache-2.0
"""A condition on an edge: large refunds go to a person, small ones are paid.

Run it as `python -m examples.edges.condition`.
"""

from __future__ import annotations

import asyncio

from holdfast import Workflow, WorkflowBuilder, WorkflowContext, executor

LIMIT = 100


@executor
async def receive(amount: int, ctx: WorkflowContext[int]) -> None:
    """Send the refund along every edge whose condition holds."""
    await ctx.send_message(amount)


@executor
async def pay(amount: int, ctx: WorkflowContext[None, str]) -> None:
    """Pay at once."""
    await ctx.yield_output(f"paid {amount}")


@executor
async def queue(amount: int, ctx: WorkflowContext[None, str]) -> None:
    """Leave it to a person."""
    await ctx.yield_output(f"queued {amount}")


def is_small(amount: int) -> bool:
    """A condition sees the message and nothing else."""
    return amount <= LIMIT


async def is_large(amount: int) -> bool:
    """It may be async, to look something up."""
    await asyncio.sleep(0)
    return amount > LIMIT


def make_refunds() -> Workflow:
    """Two edges; the conditions decide for each message."""
    return (
        WorkflowBuilder(name="refunds", start_executor=receive)
        .add_edge(receive, pay, condition=is_small)
        .add_edge(receive, queue, condition=is_large)
        .build()
    )


async def main() -> list[str]:
    """One refund of each kind."""
    refunds = make_refunds()
    outputs: list[str] = []
    for amount in (20, 900):
        outputs += (await refunds.run(amount)).get_outputs()
    print(*outputs, sep="\n")
    return outputs


if __name__ == "__main__":
    asyncio.run(main())
