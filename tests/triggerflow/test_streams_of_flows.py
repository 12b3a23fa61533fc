# SPDX-License-Identifier: Apache-2.0
"""Streams of executions that only their reader has, blocking readers, and the shapes of items."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pydantic
import pytest

from holdfast import TriggerFlow
from holdfast.errors import BlockedLoop, PauseNotAllowed
from holdfast.triggerflow import (
    TriggerFlowInterruptEvent,
    TriggerFlowIntervention,
    TriggerFlowInterventionEvent,
    TriggerFlowSystemStreamEvent,
)
from tests.triggerflow.handlers import Door, ask, fail, in_jumping_time, keep


async def count(data: Any) -> None:
    """Put three items into the stream, in each way there is."""
    await data.async_put_into_stream(1)
    await data.async_put(2)
    data.put(3)


async def items_of(execution: Any, **options: Any) -> list[Any]:
    """Everything that the stream gives."""
    return [item async for item in execution.get_async_runtime_stream(**options)]


async def test_a_flow_is_run_and_read_in_one_call():
    """The execution closes when the stream ends; a pause raises."""
    flow = TriggerFlow()
    flow.to(count).to(keep)
    assert [item async for item in flow.get_async_runtime_stream("v")] == [1, 2, 3]
    given = {"name": "ann"}
    named = TriggerFlow()
    named.to(lambda data: data.put(data.require_resource("name")))
    stream = named.get_async_runtime_stream(runtime_resources=given)
    assert [item async for item in stream] == ["ann"]

    asks = TriggerFlow()
    asks.to(count).to(ask)
    reader = asks.get_async_runtime_stream(1)
    assert [await anext(reader) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(PauseNotAllowed):
        await anext(reader)


async def test_a_reader_who_leaves_a_flow_ends_its_run():
    """What it was doing is cancelled; nothing is left running."""
    door = Door()
    flow = TriggerFlow()
    flow.to(count).to(door)
    async with contextlib.aclosing(flow.get_async_runtime_stream()) as reader:
        async for _ in reader:
            break
        await door.reached.wait()

    assert door.cancelled == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_reader_who_leaves_a_flow_ends_what_nobody_awaits_too():
    """Work that the start does not wait for."""
    door = Door()

    async def begins(data: Any) -> None:
        await data.async_emit_nowait("Background")
        await data.async_put("item")

    flow = TriggerFlow()
    flow.to(begins)
    flow.when("Background").to(door)
    async with contextlib.aclosing(flow.get_async_runtime_stream()) as reader:
        assert await anext(reader) == "item"
        await door.reached.wait()

    assert door.cancelled == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_reader_who_leaves_does_not_wait_for_ever_for_a_deaf_handler():
    """It is named by a warning."""

    async def story() -> None:
        free = asyncio.Event()

        async def deaf(data: Any) -> None:
            await data.async_put("item")
            while not free.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await free.wait()

        flow = TriggerFlow()
        flow.to(deaf)
        reader = flow.get_async_runtime_stream()
        assert await anext(reader) == "item"
        with pytest.warns(RuntimeWarning, match="ignored cancellation: deaf"):
            await reader.aclose()
        free.set()
        await asyncio.sleep(0)

    in_jumping_time(story())


async def test_a_reader_of_a_flow_who_waited_too_long_ends_its_run():
    """With the warning."""
    door = Door()
    flow = TriggerFlow()
    flow.to(door)
    with pytest.warns(UserWarning, match="no stream item"):
        assert [item async for item in flow.get_async_runtime_stream(timeout=0.001)] == []

    assert door.cancelled == 1


async def test_a_flow_that_ends_its_stream_runs_to_its_end():
    """Its reader waits for it, and gets what it raises."""
    seen = []

    async def ends(data: Any) -> None:
        await data.async_put("last")
        await data.async_stop_stream()

    async def after(data: Any) -> None:
        seen.append(data.input)
        if data.execution.get_state("bad", data.input):
            raise LookupError

    flow = TriggerFlow()
    flow.to(ends).to(after)
    assert [item async for item in flow.get_async_runtime_stream()] == ["last"]
    assert seen == [None]

    failing = TriggerFlow()
    failing.to(ends).to(fail)
    reader = failing.get_async_runtime_stream()
    assert await anext(reader) == "last"
    with pytest.raises(LookupError):
        await anext(reader)


# --- without a loop ----------------------------------------------------------------------------


def test_the_blocking_forms_work_without_a_loop():
    """On the flow and on an execution; the run is started at the call."""
    flow = TriggerFlow()
    flow.to(count).to(keep)
    assert list(flow.get_runtime_stream("v")) == [1, 2, 3]
    execution = flow.create_execution()
    items = execution.get_runtime_stream("v")
    assert execution.started
    assert list(items) == [1, 2, 3]
    assert list(execution.get_runtime_stream()) == [1, 2, 3]

    failing = TriggerFlow()
    failing.to(count).to(fail)
    for stream in (failing.get_runtime_stream(), failing.create_execution().get_runtime_stream()):
        with pytest.raises(LookupError):
            list(stream)
    with pytest.warns(UserWarning, match="no stream item"):
        assert (
            list(TriggerFlow().create_execution(auto_close=False).get_runtime_stream(timeout=0))
            == []
        )


def test_a_blocking_reader_who_leaves_a_flow_ends_its_run():
    """As the async one does."""
    cancelled = threading.Event()

    async def waits(data: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    flow = TriggerFlow()
    flow.to(count).to(waits)
    stream = flow.get_runtime_stream()
    assert next(stream) == 1
    stream.close()

    assert cancelled.is_set()


async def test_the_blocking_forms_work_in_threads_and_not_on_a_loop():
    """A thread has no loop of its own."""
    flow = TriggerFlow()
    flow.to(count)
    assert await asyncio.to_thread(lambda: list(flow.get_runtime_stream())) == [1, 2, 3]
    for call in (flow.get_runtime_stream, flow.create_execution().get_runtime_stream):
        with pytest.raises(BlockedLoop):
            call()


async def test_a_reader_in_another_loop_sees_all():
    """Items are put in the loop of the run, and read in a thread's own."""
    door = Door()
    flow = TriggerFlow()
    flow.to(count).to(door).to(count, name="again")
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()
    reading = asyncio.ensure_future(asyncio.to_thread(asyncio.run, items_of(execution)))
    while not execution._flow.stream.bell.is_awaited:  # noqa: ASYNC110 - the thread is to wait
        await asyncio.sleep(0)
    door.opened.set()
    await start
    await execution.async_close()

    assert await reading == [1, 2, 3, 1, 2, 3]


# --- the shapes of what the engine tells -------------------------------------------------------


async def test_the_declared_shapes_keep_every_field_of_what_is_told():
    """A validator drops what is not declared: nothing of an item may be lost."""
    flow = TriggerFlow(name="shapes")
    flow.when("Ask").to(ask).intervention_point(name="p").to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_intervene({"k": 1}, author="ann", target=None)
    await execution.async_emit("Ask", 1)
    await execution.async_emit("Ask", 2)
    await execution.async_continue_with("q-1", "yes", actor="bob", resume_request_id="r")
    await execution.async_intervene("left")
    made = execution.get_interventions()[0]["id"]
    await execution.async_mark_intervention_consumed(made, consumer="c")
    await execution.async_close(pending_interrupts="cancel")

    items = await items_of(execution)
    assert [(item["type"], item["action"]) for item in items] == [
        ("intervention", "append"),
        ("interrupt", "pause"),
        ("interrupt", "pause"),
        ("interrupt", "resume"),
        ("intervention", "insert"),
        ("intervention", "append"),
        ("intervention", "consume"),
        ("interrupt", "cancel"),
        ("intervention", "expire"),
    ]
    shape = pydantic.TypeAdapter(TriggerFlowSystemStreamEvent)
    assert [shape.validate_python(item) for item in items] == items
    pauses = pydantic.TypeAdapter(TriggerFlowInterruptEvent)
    assert pauses.validate_python(items[1]) == items[1]
    assert items[1]["signal"] == items[1]["interrupt"]["source_signal"]
    assert items[1]["signal"]["trigger_event"] == "Ask"
    assert items[3]["interrupt"]["resume_requests"]["r"]["value"] == "yes"
    with pytest.raises(pydantic.ValidationError):
        pauses.validate_python(items[0])
    record = pydantic.TypeAdapter(TriggerFlowIntervention)
    assert record.validate_python(items[0]["intervention"]) == items[0]["intervention"]
    change = pydantic.TypeAdapter(TriggerFlowInterventionEvent)
    assert change.validate_python(items[0]) == items[0]
