# SPDX-License-Identifier: Apache-2.0
"""Joins: an order is shipped when it is paid, packed, and its address is known, in any order.

Run it as `python -m examples.operators.when_joins`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow

Data = Any


async def ship(data: Data) -> None:
    """All three have come: the two events, and the value of the state key."""
    events, state = data.input["event"], data.input["runtime_data"]
    await data.async_set_state("shipped", f"{events['Packed']} to {state['address']}")


async def log(data: Data) -> None:
    """One has come: its kind, its name and its value."""
    kind, name, _ = data.input
    await data.async_append_state("log", f"{kind} {name}")


def make_flow() -> TriggerFlow[None, None, None]:
    """One chain behind all three, one behind each."""
    flow: TriggerFlow[None, None, None] = TriggerFlow(name="order")
    awaited = {"event": ["Paid", "Packed"], "runtime_data": "address"}
    flow.when(awaited).to(ship)
    flow.when(awaited, mode="or").to(log)
    return flow


async def main() -> dict[str, Any]:
    """The address comes between the parcel and the money."""
    execution = make_flow().create_execution(auto_close=False)
    await execution.async_emit("Packed", "box 7")
    await execution.async_set_state("address", "12 Quay Street")
    await execution.async_emit("Paid", 30)
    snapshot = await execution.async_close()
    print(snapshot)
    return snapshot


if __name__ == "__main__":
    asyncio.run(main())
