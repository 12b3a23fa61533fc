# SPDX-License-Identifier: Apache-2.0
"""Flows that a run leaves in one process and takes up in another one.

`python -m tests.triggerflow.journeys NAME` reads a document on stdin, goes on as the journey says
and writes what came of it on stdout.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from holdfast import TriggerFlow
from tests.triggerflow.handlers import ask, collect, double, keep


async def log(data: Any) -> Any:
    """Append the input to "log", then pass it on."""
    await data.async_append_state("log", data.input)
    return data.input


async def hold(data: Any) -> Any:
    """Wait for the resource "gate", if there is one."""
    gate = data.get_resource("gate")
    await data.async_append_state("begun", data.input)
    if gate is not None:
        await gate(data)
    return data.input


async def emitter(data: Any) -> Any:
    """Write, emit and await, then wait for the gate: the repeat finds the emit again."""
    await data.async_set_state("scratch", data.attempt)
    values = await data.async_emit("Charged", data.input)
    return [values[0], await hold(data)]


async def charge(data: Any) -> str:
    """What must not happen twice."""
    await data.async_append_state("charges", data.input)
    return f"receipt {data.input}"


def flow() -> TriggerFlow[Any, Any, Any]:
    """All the journeys, each behind an event of its own."""
    made: TriggerFlow[Any, Any, Any] = TriggerFlow(name="journeys")
    made.when(["Left", "Right"]).to(collect)
    made.when("Pause").to(ask).to(double).to(keep)
    chain = made.when("Chain").to(log).to(hold)
    chain.to(double, name="chain double").to(keep, name="chain end")
    items = made.when("Items").for_each(concurrency=2).to(hold, name="hold item")
    items.to(ask, name="ask item").end_for_each().to(keep, name="items end")
    made.when("Emit").to(emitter).to(keep, name="emit end")
    made.when("Charged").to(charge)
    return made


async def go_on(name: str, saved: Any) -> Any:
    """Take a saved run up as the journey of that name does."""
    execution = flow().create_execution(auto_close=False)
    execution.load(saved)
    if name == "join":
        await execution.async_emit("Right", 2)
    elif name == "pause":
        for wait_id in execution.get_pending_interrupts():
            await execution.async_continue_with(wait_id, 21)
    elif name == "items":
        await execution.async_resume()
        await execution.live.until_quiet()
        for wait_id in list(execution.get_pending_interrupts()):
            await execution.async_continue_with(wait_id, wait_id)
    return await execution.async_close()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(go_on(sys.argv[1], json.load(sys.stdin)))))
