# SPDX-License-Identifier: Apache-2.0
"""A selection: a function picks, for each message, any number of targets.

Run it as `python -m examples.edges.multi_selection`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from holdfast import Executor, Workflow, WorkflowBuilder, WorkflowContext, executor, handler

CHANNELS = ["mail", "phone", "letter"]


@dataclass(frozen=True)
class Notice:
    """What is to be told, and which ways the reader likes."""

    text: str
    ways: tuple[str, ...]


@executor
async def announce(notice: Notice, ctx: WorkflowContext[Notice]) -> None:
    """Send it to whichever channels are picked."""
    await ctx.send_message(notice)


class Channel(Executor):
    """One way to tell somebody."""

    @handler
    async def tell(self, notice: Notice, ctx: WorkflowContext[None, str]) -> None:
        """Tell it."""
        await ctx.yield_output(f"{self.id}: {notice.text}")


def liked(notice: Notice, channels: list[str]) -> list[str]:
    """Pick among the ids of the targets; none is fine, and then nobody is told."""
    return [channel for channel in channels if channel in notice.ways]


def make_notices() -> Workflow:
    """Announce -> some of the channels."""
    builder = WorkflowBuilder(name="notices", start_executor=announce)
    for name in CHANNELS:
        builder.register(name, partial(Channel, name))
    return builder.add_multi_selection_edge_group(announce, CHANNELS, liked).build()


async def main() -> list[str]:
    """Two channels, then none."""
    notices = make_notices()
    outputs: list[str] = []
    for notice in (Notice("it rains", ("mail", "letter")), Notice("it snows", ())):
        outputs += (await notices.run(notice)).get_outputs()
    print(*outputs, sep="\n")
    return outputs


if __name__ == "__main__":
    asyncio.run(main())
