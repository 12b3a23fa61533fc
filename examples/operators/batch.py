# SPDX-License-Identifier: Apache-2.0
"""A batch: three shops are asked for a price at once, and the offers come back by name.

Run it as `python -m examples.operators.batch`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow

Data = Any


async def north(data: Data) -> int:
    """The price in the north."""
    return len(data.input) * 5


async def south(data: Data) -> int:
    """The price in the south."""
    return len(data.input) * 4


async def harbour(_: Data) -> int:
    """The price at the harbour, where everything costs the same."""
    return 30


async def choose(data: Data) -> str:
    """The name of the cheapest shop."""
    cheapest = min(data.input, key=data.input.get)
    await data.async_set_state("offers", data.input)
    await data.async_set_state("from", cheapest)
    return str(cheapest)


def make_flow() -> TriggerFlow[str, None, None]:
    """Ask at most two shops at a time, then choose."""
    flow: TriggerFlow[str, None, None] = TriggerFlow(name="offers")
    flow.batch(north, south, ("dock", harbour), concurrency=2).to(choose)
    return flow


async def main() -> dict[str, Any]:
    """Buy a thing."""
    snapshot = await make_flow().async_start("anchor")
    print(snapshot)
    return snapshot


if __name__ == "__main__":
    asyncio.run(main())
