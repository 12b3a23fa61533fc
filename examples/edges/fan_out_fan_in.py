# SPDX-License-Identifier: Apache-2.0
"""A fan-out and a fan-in: three offers are asked for at once, and compared when all are there.

Run it as `python -m examples.edges.fan_out_fan_in`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from holdfast import Executor, Workflow, WorkflowBuilder, WorkflowContext, executor, handler

PRICES = {"north": 12, "south": 9, "west": 15}


@dataclass(frozen=True)
class Offer:
    """What a supplier asks."""

    supplier: str
    price: int


@executor
async def ask(item: str, ctx: WorkflowContext[str]) -> None:
    """Ask every supplier."""
    await ctx.send_message(item)


class Supplier(Executor):
    """Answers with an offer."""

    @handler
    async def quote(self, item: str, ctx: WorkflowContext[Offer]) -> None:
        """Look the price up."""
        await asyncio.sleep(0)
        await ctx.send_message(Offer(self.id, PRICES[self.id] * len(item)))


@executor
async def compare(offers: list[Offer], ctx: WorkflowContext[None, Offer]) -> None:
    """Take the list of all offers, in the order in which the suppliers were declared."""
    await ctx.yield_output(min(offers, key=lambda offer: offer.price))


def make_purchase() -> Workflow:
    """Ask -> north, south, west -> compare. Each run gets suppliers of its own."""
    builder = WorkflowBuilder(name="purchase", start_executor=ask)
    for name in PRICES:
        builder.register(name, partial(Supplier, name))
    suppliers = list(PRICES)
    return builder.add_fan_out_edges(ask, suppliers).add_fan_in_edges(suppliers, compare).build()


async def main() -> list[Offer]:
    """Buy something."""
    outputs: list[Offer] = (await make_purchase().run("rope")).get_outputs()
    print("the best offer:", *outputs)
    return outputs


if __name__ == "__main__":
    asyncio.run(main())
