# SPDX-License-Identifier: Apache-2.0
"""Steer a run while it works: hints reach it at its points, also after its process has gone.

Run it as `python -m examples.interventions`.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from holdfast import SQLiteStore, TriggerFlow, TriggerFlowRuntimeData

Data = TriggerFlowRuntimeData[Any, Any, Any]
Flow = TriggerFlow[str, None, None]


async def outline(data: Data) -> Any:
    """Propose an outline, and wait until somebody wants it written."""
    await data.async_set_state("outline", f"a letter about {data.input}")
    return await data.async_pause_for(type="review", interrupt_id="write")


async def write(data: Data) -> None:
    """Write with every hint there is, and say so."""
    hints = data.interventions
    await data.async_set_state("letter", [data.input, *(hint["payload"] for hint in hints)])
    for hint in hints:
        await data.async_mark_intervention_consumed(hint["id"], note="worked in")


def make_flow() -> Flow:
    """An outline, a review, and the letter; hints are taken up before it is written."""
    flow: Flow = TriggerFlow(name="letter")
    flow.to(outline).intervention_point(name="before writing").to(write)
    return flow


async def main() -> None:
    """One process outlines, a second adds hints, a third goes on."""
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteStore(Path(folder) / "runs.db")
        options: dict[str, Any] = {"store": store, "run_id": "L-1", "auto_close": False}

        first = make_flow().create_execution(**options)
        await first.async_start("the delay")
        print("outlined:", first.get_state("outline"))
        await first.async_release()

        second = make_flow().create_execution(**options)
        await second.async_intervene("be brief", author="ann")
        await second.async_intervene("offer a refund", author="bob")
        await second.async_release()

        third = make_flow().create_execution(**options)
        await third.async_continue_with("write", "Dear customer")
        await third.async_intervene("too late for this letter", author="cy")
        snapshot = await third.async_close()
        print("letter:", snapshot["letter"])
        for each in snapshot["$interventions"].values():
            consumers = ", ".join(each["consumers"]) or "nobody"
            print(f"{each['author']}: {each['status']}, used by {consumers}")
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
