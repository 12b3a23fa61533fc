# SPDX-License-Identifier: Apache-2.0
"""A sub-flow: each parcel is checked by a flow of its own, and a heavy one waits for a porter.

Run it as `python -m examples.operators.sub_flow`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from holdfast import TriggerFlow

Data = Any
Flow = TriggerFlow[Any, Any, Any]


async def weigh(data: Data) -> Any:
    """Weigh a parcel with the scales that were handed in; a heavy one needs somebody."""
    weight = data.require_resource("scales")[data.input]
    await data.async_set_state("weight", weight)
    if weight < data.get_state("limit"):
        return "nobody"
    return await data.async_pause_for(type="porter", payload=weight, interrupt_id=data.input)


async def carried(data: Data) -> None:
    """Who carries it."""
    await data.async_set_state("porter", data.input)


async def book(data: Data) -> None:
    """What became of each, in order."""
    await data.async_set_state("book", data.input)


def make_flow() -> Flow:
    """The parcels side by side, each in a frame of its own."""
    parcel: Flow = TriggerFlow(name="parcel")
    parcel.to(weigh).to(carried)
    flow: Flow = TriggerFlow(name="post office")
    flow.set_runtime_resource("scales", {"letter": 1, "anvil": 90})
    flow.set_flow_data("limit", 20, no_warning=True)
    flow.for_each().to_sub_flow(
        parcel,
        capture={
            "input": "value",
            "resources": {"scales": "resources.scales"},
            "state": {"limit": "flow_data.limit"},
        },
        write_back={"value": "snapshot.porter"},
    ).end_for_each().to(book)
    return flow


async def main() -> dict[str, Any]:
    """Stop for the night while the anvil waits, and go on in the morning from a save."""
    evening = make_flow().create_execution(auto_close=False)
    await evening.async_start(["letter", "anvil"])
    saved = json.dumps(evening.save())

    morning = make_flow().create_execution(auto_close=False)
    morning.load(saved)
    for question in morning.get_pending_interrupts().values():
        print(question["local_interrupt_id"], "weighs", question["payload"])
        await morning.async_continue_with(question["id"], "bob")
    snapshot = await morning.async_close()
    print(snapshot)
    return snapshot


if __name__ == "__main__":
    asyncio.run(main())
