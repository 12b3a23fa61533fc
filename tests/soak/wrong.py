# SPDX-License-Identifier: Apache-2.0
"""Journeys that are wrong on purpose: the harness has to find fault with each."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import Engine, TriggerFlow
from holdfast.persistence.store import Store
from holdfast.testing.crash import Log


async def counting(store: Store, log: Log) -> Any:
    """Its end tells how many processes there were."""

    async def step(data: Any) -> None:
        log.begin("step", data.input)
        await asyncio.sleep(0.15)
        await data.async_set_state("tries", data.attempt)

    flow: Any = TriggerFlow(name="counting")
    flow.to(step)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        return await run.result()


async def doing_again(store: Store, log: Log) -> Any:
    """Each process does the first step again, under another run id."""

    async def first(data: Any) -> int:
        log.begin("first", data.input)
        return 1

    async def second(data: Any) -> None:
        log.begin("second", data.input)
        await asyncio.sleep(0.15)
        await data.async_set_state("end", data.input)

    flow: Any = TriggerFlow(name="again")
    flow.to(first).to(second)
    async with Engine(store, [flow], recover=False) as engine:
        known = len(await engine.runs())
        run = await engine.start(flow, 0, run_id=f"run{known}" if known else "run")
        return await run.result()
