# SPDX-License-Identifier: Apache-2.0
"""The save of a pause: what fails or is stopped in the middle of it is told to nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import StoreFull
from tests.triggerflow.handlers import keep, pausing


async def test_a_pause_that_cannot_be_saved_is_told_to_nobody():
    """The store's error comes out of `pause_for`; watchers never hear of the question."""

    class Full(MemoryStore):
        async def append(self, claim: Any, commit: Any, *, after: int) -> int:
            if commit.waits:
                raise StoreFull("no space")
            return await super().append(claim, commit, after=after)

    told: list[str] = []

    async def asks(data: Any) -> None:
        try:
            await data.async_pause_for(interrupt_id="q")
        except StoreFull as error:
            told.append(str(error))
            raise

    flow = TriggerFlow()
    flow.to(asks)
    store = Full()
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    with pytest.raises(StoreFull):
        await execution.async_start()

    assert told == ["no space"]
    stream = execution._flow.the_stream()
    stream.end()
    assert [item async for item in execution.get_async_runtime_stream()] == []
    assert (await store.waits(run_id="r")).items == ()


async def test_a_pause_whose_asker_is_stopped_during_its_save_is_told_by_the_repeat():
    """Nobody hears of it before; the question is asked once."""
    gate = asyncio.Event()

    class Slow(MemoryStore):
        saving = asyncio.Event()

        async def append(self, claim: Any, commit: Any, *, after: int) -> int:
            if commit.waits:
                self.saving.set()
                await gate.wait()
            return await super().append(claim, commit, after=after)

    store = Slow()
    execution = pausing(keep).create_execution(auto_close=False, store=store, run_id="r")
    start = asyncio.ensure_future(execution.async_start({"interrupt_id": "q"}))
    await store.saving.wait()
    start.cancel()
    gate.set()
    await asyncio.wait({start})
    assert execution._flow.the_stream().snapshot() == []
    told = asyncio.ensure_future(actions(execution))
    await asyncio.sleep(0)
    for _ in range(2):
        await execution.async_resume()
        await execution.live.until_quiet()
    assert execution.is_waiting()
    await execution.async_continue_with("q", 1)

    assert await execution.async_close() == {"kept": 1}
    assert await told == ["pause", "resume"]


async def actions(execution: Any) -> list[str]:
    """What watchers are told of pauses until the run ends."""
    return [item["action"] async for item in execution.get_async_runtime_stream(timeout=None)]
