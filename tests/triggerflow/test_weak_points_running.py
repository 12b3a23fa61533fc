# SPDX-License-Identifier: Apache-2.0
"""Where such libraries copy, pile up, hang, wait or burn a run: here each is shown not to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import ContractRefused, DefinitionError
from tests.triggerflow.handlers import Door, collect, fail, in_jumping_time, keep, same

Flow = TriggerFlow[Any, Any, Any]


class Counted:
    """A large value: how often it was copied."""

    def __init__(self) -> None:
        self.copies = [0]

    def __deepcopy__(self, memo: Any) -> Counted:
        self.copies[0] += 1
        made = Counted()
        made.copies = self.copies
        return made


async def test_reading_or_writing_one_key_copies_no_other():
    """Of state, of flow data, and of what came of a run."""
    flow: Flow = TriggerFlow()
    execution = flow.create_execution(auto_close=False)
    large = Counted()
    await execution.async_set_state("large", large)
    await flow.async_set_flow_data("large", large, no_warning=True)
    after_writing = large.copies[0]

    for _ in range(3):
        await execution.async_set_state("small", [1])
        await execution.async_append_state("small", 2)
        execution.get_state("small")
        execution.result.get_state("small")
        await execution.async_del_state("small")
        await flow.async_set_flow_data("small", [1], no_warning=True)
        await flow.async_append_flow_data("small", 2, no_warning=True)
        flow.get_flow_data("small", no_warning=True)
        await flow.async_del_flow_data("small", no_warning=True)
    assert large.copies[0] == after_writing
    execution.get_state("large")
    assert large.copies[0] == after_writing + 1


async def test_steps_and_stream_items_leave_nothing_in_a_save():
    """Of a run that loops by an event; the stream is read in time that grows with its items."""

    async def around(data: Any) -> None:
        await data.async_put(data.input)
        await data.async_set_state("at", data.input % 10)
        if data.input % 100:
            await data.async_emit_nowait("Around", data.input - 1)

    flow: Flow = TriggerFlow(name="around")
    flow.when("Around").to(around)
    sizes = {}
    for rounds in (1, 20):
        execution = flow.create_execution(auto_close=False)
        for _ in range(rounds):
            await execution.async_emit("Around", 99)
            await execution.live.until_quiet()
        await execution.async_stop_stream()
        items = [item async for item in execution.get_async_runtime_stream()]
        assert items == list(range(99, -1, -1)) * rounds
        sizes[rounds] = len(json.dumps(execution.save()))

    assert sizes[20] - sizes[1] < 40  # the digits of counters


async def test_nothing_hangs_where_nobody_listens_to_an_error():
    """Work that nobody awaits fails; a sealed run is started; one function stands twice."""

    async def start_bad(data: Any) -> None:
        await data.async_emit_nowait("Bad", 1)

    flow: Flow = TriggerFlow()
    flow.to(start_bad)
    flow.when("Bad").to(fail)
    async with asyncio.timeout(5):
        with pytest.raises(LookupError):
            await flow.async_start()
        with pytest.raises(LookupError):
            await flow.create_execution().async_start()
        with pytest.raises(LookupError):
            assert [item async for item in flow.get_async_runtime_stream(timeout=None)] == []
        sealed = flow.create_execution()
        await sealed.async_seal()
        with pytest.warns(RuntimeWarning, match="sealed"):
            assert await sealed.async_start() is sealed
    with pytest.raises(DefinitionError, match="name="):
        TriggerFlow().to(same).to(same)


def test_a_finished_run_wastes_no_time_and_no_turn_of_the_loop():
    """Whoever waits gets the end at once; one that nobody waits for has a single timer."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        flow: Flow = TriggerFlow()
        flow.to(keep)
        began = loop.time()
        assert await flow.async_start(1) == {"kept": 1}
        assert await flow.create_execution().async_start(2) == {"kept": 2}
        assert loop.time() - began < 1

        execution = await flow.async_start_execution(3)
        turns = 0
        run_once = loop._run_once  # type: ignore[attr-defined]

        def counted() -> None:
            nonlocal turns
            turns += 1
            run_once()

        loop._run_once = counted  # type: ignore[attr-defined]
        ended = asyncio.Event()
        execution.on_closed = lambda _: ended.set()
        began = loop.time()
        await ended.wait()
        assert loop.time() - began == pytest.approx(10, abs=0.2)
        assert turns < 10

    in_jumping_time(story())


async def test_a_cache_given_as_a_resource_keeps_what_handlers_write():
    """It is the object itself, at every level."""
    flow: Flow = TriggerFlow()
    shared: dict[str, int] = {}
    own: list[int] = []
    flow.set_runtime_resource("shared", shared)

    async def writes(data: Any) -> None:
        data.require_resource("shared")["k"] = data.input
        data.require_resource("own").append(data.input)
        data.resources["own"].append(data.execution.get_runtime_resource("own") is own)

    flow.to(writes)
    await flow.async_start(1, runtime_resources={"own": own})
    assert (shared, own) == ({"k": 1}, [1, True])


async def test_a_refused_input_does_not_burn_the_execution():
    """It is started with a good one; the contract itself outlives a blueprint."""
    flow: Flow = TriggerFlow(name="contract")
    flow.set_contract(initial_input=int).to(collect)
    execution = flow.create_execution(auto_close=False)
    for wrong in ("text", None, [1]):
        with pytest.raises(ContractRefused, match="initial_input"):
            await execution.async_start(wrong)
    assert not execution.started
    await execution.async_start("5")
    assert execution.get_state() == {"seen": [5]}

    restored: Flow = TriggerFlow()
    restored.register_chunk_handler(collect)
    restored.load_blueprint(json.dumps(flow.save_blueprint()))
    with pytest.raises(ContractRefused, match="initial_input"):
        await restored.async_start("text")
    assert await restored.async_start(6) == {"seen": [6]}


async def test_a_close_that_fails_leaves_the_run_as_it_was():
    """It can be retried; a background error is told once."""
    door = Door()
    flow: Flow = TriggerFlow()
    flow.when("E").to(door).to(fail)
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit_nowait("E", 1)
    await door.reached.wait()
    door.opened.set()
    with pytest.raises(LookupError):
        await execution.async_close()
    assert (execution.is_open(), execution.get_status()) == (True, "failed")
    assert await execution.async_close() == {}
