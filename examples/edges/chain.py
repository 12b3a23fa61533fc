# SPDX-License-Identifier: Apache-2.0
"""A chain: each executor sends to the next.

Run it as `python -m examples.edges.chain`.
"""

from __future__ import annotations

import asyncio

from holdfast import Workflow, WorkflowBuilder, WorkflowContext, executor


@executor
async def clean(text: str, ctx: WorkflowContext[str]) -> None:
    """Take the white space off."""
    await ctx.send_message(text.strip())


@executor
async def split(text: str, ctx: WorkflowContext[list[str]]) -> None:
    """Give the words."""
    await ctx.send_message(text.split())


@executor
async def count(words: list[str], ctx: WorkflowContext[None, int]) -> None:
    """Count them."""
    await ctx.yield_output(len(words))


def make_counter() -> Workflow:
    """Clean -> split -> count."""
    return (
        WorkflowBuilder(name="counter", start_executor=clean)
        .add_chain([clean, split, count])
        .build()
    )


async def main() -> list[int]:
    """Count a text."""
    outputs: list[int] = (await make_counter().run("  what is done stays done ")).get_outputs()
    print("words:", *outputs)
    return outputs


if __name__ == "__main__":
    asyncio.run(main())
