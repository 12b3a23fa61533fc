# SPDX-License-Identifier: Apache-2.0
"""The order of saving: one append at a time, prefixes, and callers who come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.persistence.store import Claim, Commit
from holdfast.runtime.landing import drive


class SlowStore(MemoryStore):
    """Appends wait until they are let through; what was appended is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: asyncio.Event | None = None
        self.appended: list[Commit] = []
        self.entered = 0

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """As the memory store, once the gate is open."""
        self.entered += 1
        if self.gate is not None:
            await self.gate.wait()
        self.appended.append(commit)
        return await super().append(claim, commit, after=after)


async def until(holds: Callable[[], bool]) -> None:
    """Give way to the loop until something holds; a thousand turns are more than it needs."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


def counting_flow() -> TriggerFlow[Any, Any, Any]:
    """A flow that takes signals and counts them."""

    async def begin(_data: Any) -> None:
        """Nothing."""

    async def count(data: Any) -> None:
        await data.async_append_state("got", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="counting")
    flow.to(begin)
    flow.when("Count").to(count)
    return flow


async def test_a_lone_step_is_exactly_one_commit() -> None:
    """Start is the first commit; each further chunk of a chain is one more."""

    async def step(data: Any) -> int:
        await data.async_set_state("n", data.input)
        await data.async_append_state("all", data.input)
        return int(data.input) + 1

    store = SlowStore()
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="chain")
    cursor = flow.to(step, name="s0")
    for number in range(1, 5):
        cursor = cursor.to(step, name=f"s{number}")
    execution = flow.create_execution(auto_close=False, store=store, run_id="run")
    await execution.async_start(0)
    assert (await store.row("run")).seq == 1 + 5


async def test_what_ends_while_an_append_is_under_way_shares_the_next_one() -> None:
    """Nine signals that come while the tenth is being written are one commit, not nine."""
    store = SlowStore()
    flow = counting_flow()
    execution = flow.create_execution(auto_close=False, store=store, run_id="run")
    await execution.async_start(0)
    before = store.entered
    store.gate = asyncio.Event()
    calls = [asyncio.ensure_future(execution.async_emit("Count", n)) for n in range(10)]
    await until(lambda: store.entered > before)
    for _ in range(20):
        await asyncio.sleep(0)
    assert store.entered == before + 1
    store.gate.set()
    await asyncio.gather(*calls)
    assert sorted(execution.get_state("got")) == list(range(10))
    births = [
        sum(name.startswith("due/") for name in json.loads(commit.delta)[0])
        for commit in store.appended[-store.entered + before :]
    ]
    assert births[:2] == [1, 9]


async def test_a_cancelled_caller_does_not_tear_its_append() -> None:
    """The append goes on, lands, and the next commit follows it."""
    store = SlowStore()
    flow = counting_flow()
    execution = flow.create_execution(auto_close=False, store=store, run_id="run")
    await execution.async_start(0)
    before = store.entered
    store.gate = asyncio.Event()
    leaving = asyncio.ensure_future(execution.async_set_state("key", "kept"))
    await until(lambda: store.entered > before)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    store.gate.set()
    await execution.async_set_state("next", 1)
    again = flow.create_execution(auto_close=False, store=store, run_id="run")
    await again.async_resume()
    assert again.get_state() == {"key": "kept", "next": 1}


async def test_a_call_that_awaits_nothing_ends_at_once() -> None:
    """No task and no turn of the loop for a store that is in memory."""
    ended: list[BaseException | None] = []

    async def call() -> None:
        """Nothing to wait for."""

    drive(call(), ended.append)
    assert ended == [None]


async def test_a_driven_call_gives_way_waits_and_tells_its_error() -> None:
    """Bare yields, futures, results and errors are passed on as a task would."""
    ended: list[BaseException | None] = []
    gate: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    seen: list[int] = []

    async def call() -> None:
        await asyncio.sleep(0)
        seen.append(await gate)
        raise ValueError("after the gate")

    drive(call(), ended.append)
    await asyncio.sleep(0)
    assert ended == []
    gate.set_result(7)
    await until(lambda: bool(ended))
    assert seen == [7]
    assert isinstance(ended[0], ValueError)
