# SPDX-License-Identifier: Apache-2.0
"""Runtime data is state under its old name, in plain handlers and in async ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from tests.triggerflow.handlers import collect, same

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")


async def test_a_setter_writes_at_the_call_and_may_be_awaited():
    """So code that awaited it and code that did not go on as they are."""

    async def step(data: Any) -> None:
        await data.set_runtime_data("count", 1)
        n = data.get_runtime_data("count")
        data.set_runtime_data("count", n + 1)
        data.append_runtime_data("list", data.get_runtime_data("count"))
        await data.append_runtime_data("list", 3)
        data.set_runtime_data("gone", 1)
        await data.del_runtime_data("gone")

    flow = TriggerFlow()
    flow.to(step)

    assert await flow.async_start() == {"count": 2, "list": [2, 3]}


async def test_the_async_names_are_the_async_state_names():
    """And reads are the same reads: dotted keys, defaults, copies."""
    execution = TriggerFlow().create_execution(auto_close=False)
    await execution.async_set_runtime_data("a.b", [1])
    await execution.async_append_runtime_data("a.b", 2)
    execution.get_runtime_data("a.b").append(3)

    assert execution.get_state() == execution.get_runtime_data() == {"a": {"b": [1, 2]}}
    assert execution.get_runtime_data("a.c", "default") == "default"
    await execution.async_del_runtime_data("a")
    assert execution.get_state() == {}


def test_a_plain_handler_and_plain_code_write_too():
    """Blocking, as the state API does."""

    def step(data: Any) -> None:
        data.set_runtime_data("k", data.input)
        data.append_runtime_data("list", 1)
        data.del_runtime_data("list")

    flow = TriggerFlow()
    flow.to(step)
    assert flow.start(4) == {"k": 4}
    execution = flow.create_execution(auto_close=False)
    execution.set_runtime_data("outside", 1)
    assert execution.get_state("outside") == 1


async def test_a_write_that_somebody_watches_is_done_when_it_is_awaited():
    """Watchers have run when the await is over; a write that nobody awaited is told."""

    async def step(data: Any) -> None:
        await data.set_runtime_data("k", data.input)
        await data.async_set_state("then", data.get_state("seen"))

    flow = TriggerFlow()
    flow.to(step)
    flow.when({"runtime_data": "k"}).to(collect)
    assert await flow.async_start(5) == {"k": 5, "seen": [5], "then": [5]}

    execution = flow.create_execution(auto_close=False)
    written = execution.set_runtime_data("k", 1)
    with pytest.warns(RuntimeWarning, match="not, and is lost"):
        del written
    assert execution.get_state() == {}


async def test_a_write_to_a_kept_run_from_outside_is_down_when_it_is_awaited():
    """It is in the store then."""
    store = MemoryStore()
    flow = TriggerFlow(name="kept")
    flow.to(same)
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    await execution.set_runtime_data("k", 1)
    await execution.append_runtime_data("k", 2)
    await execution.set_runtime_data("gone", 2)
    await execution.del_runtime_data("gone")
    await execution.async_release()
    again = flow.create_execution(auto_close=False, store=store, run_id="r")

    assert await again.async_close() == {"k": [1, 2]}


async def test_runtime_data_is_in_every_save():
    """It is state, so it comes back."""
    execution = TriggerFlow().create_execution(auto_close=False)
    execution.set_runtime_data("k", (1, 2))
    restored = TriggerFlow().create_execution(auto_close=False)
    restored.load(json.dumps(execution.save()))

    assert restored.get_runtime_data("k") == (1, 2)
