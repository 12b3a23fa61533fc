# SPDX-License-Identifier: Apache-2.0
"""A loop on itself: an executor sends to itself until it is content, or the limit stops it.

Run it as `python -m examples.edges.self_loop`.
"""

from __future__ import annotations

import asyncio

from holdfast import Workflow, WorkflowBuilder, WorkflowContext, executor
from holdfast.errors import WorkflowConvergenceException


@executor
async def halve(number: int, ctx: WorkflowContext[int, int]) -> None:
    """Halve an even number again; give an odd one out."""
    if number % 2:
        await ctx.yield_output(number)
    else:
        await ctx.send_message(number // 2)


def make_halving() -> Workflow:
    """One node with an edge to itself; the limit is for what never becomes odd."""
    return (
        WorkflowBuilder(name="halving", start_executor=halve, max_iterations=20)
        .add_edge(halve, halve)
        .build()
    )


async def main() -> list[int | str]:
    """One number that ends, and one that does not."""
    halving = make_halving()
    found: list[int | str] = list((await halving.run(48)).get_outputs())
    try:
        await halving.run(0)
    except WorkflowConvergenceException as error:
        found.append(f"stopped after {error.facts['limit']} supersteps")
    print("48 halved until it is odd:", found[0])
    print("0 halved until it is odd:", *found[1:])
    return found


if __name__ == "__main__":
    asyncio.run(main())
