# SPDX-License-Identifier: Apache-2.0
"""A collection: the weather, the tide and the crew report for themselves; the captain reads all.

Run it as `python -m examples.operators.collect`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow

Data = Any


async def weather(data: Data) -> str:
    """The weather of the day."""
    return f"fair on {data.input}"


async def tide(data: Data) -> str:
    """The tide of the day."""
    return f"high on {data.input}"


async def roll_call(_: Data) -> list[str]:
    """Who is there."""
    return ["ann", "bob"]


async def count(data: Data) -> int:
    """How many are there."""
    return len(data.input)


async def sail(data: Data) -> None:
    """All reports are there, by the names of their branches."""
    await data.async_set_state("reports", data.input)


def make_flow() -> TriggerFlow[str, None, None]:
    """Three branches of one start; the last of them to end lets the dict go on."""
    flow: TriggerFlow[str, None, None] = TriggerFlow(name="ship")
    flow.to(weather).collect("reports")
    flow.to(tide).collect("reports")
    flow.to(roll_call).to(count).collect("reports", "crew")
    flow.when({"collect": "reports"}).to(sail)
    return flow


async def main() -> dict[str, Any]:
    """Sail on a day."""
    snapshot = await make_flow().async_start("monday")
    print(snapshot)
    return snapshot


if __name__ == "__main__":
    asyncio.run(main())
