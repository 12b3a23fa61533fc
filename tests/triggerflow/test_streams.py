# SPDX-License-Identifier: Apache-2.0
"""The runtime stream: every reader sees all items, in order, from the first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import RunFailed, StoreUnavailable
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.triggerflow.handlers import Door, ask, collect, fail, in_jumping_time, keep


async def count(data: Any) -> None:
    """Put three items into the stream, in each way there is."""
    await data.async_put_into_stream(1)
    await data.async_put(2)
    data.put(3)


async def items_of(execution: Any, **options: Any) -> list[Any]:
    """Everything that the stream gives."""
    return [item async for item in execution.get_async_runtime_stream(**options)]


async def test_a_reader_starts_the_run_and_reads_to_its_end():
    """With the value it gives; the stream ends when the run closes."""
    flow = TriggerFlow()
    flow.to(lambda data: data.put_into_stream(data.input)).to(count)

    assert await items_of(flow.create_execution(), value="first") == ["first", 1, 2, 3]


async def test_every_reader_sees_everything():
    """In parallel, late, and after the close."""
    door = Door()
    flow = TriggerFlow()
    flow.to(count).to(door).to(count, name="again")
    execution = flow.create_execution()
    start = asyncio.ensure_future(execution.async_start())
    readers = [asyncio.ensure_future(items_of(execution)) for _ in range(3)]
    await door.reached.wait()
    readers.append(asyncio.ensure_future(items_of(execution)))
    door.opened.set()
    await start

    assert await asyncio.gather(*readers) == [[1, 2, 3, 1, 2, 3]] * 4
    assert await items_of(execution) == [1, 2, 3, 1, 2, 3]


async def test_a_handler_can_end_the_stream():
    """What comes after is dropped with a warning, and the run goes on."""

    async def ends(data: Any) -> None:
        await data.async_put("last")
        await data.async_stop_stream()
        with pytest.warns(RuntimeWarning, match="dropped"):
            await data.async_put("too late")

    flow = TriggerFlow()
    flow.to(ends).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()

    assert await items_of(execution) == ["last"]
    await execution.async_close()
    with pytest.warns(RuntimeWarning, match="dropped"):
        await execution.async_put_into_stream("closed")


def test_a_reader_gives_up_with_a_warning_when_nothing_comes():
    """`timeout` is for the next item; the run goes on."""

    async def story() -> None:
        flow = TriggerFlow()
        flow.to(count).to(ask)
        execution = flow.create_execution(auto_close=False)
        loop = asyncio.get_running_loop()
        await execution.async_start(1)
        began = loop.time()
        with pytest.warns(UserWarning, match=r"no stream item came for 2\.5 s"):
            items = await items_of(execution, timeout=2.5)
        assert [item for item in items if isinstance(item, int)] == [1, 2, 3]
        assert loop.time() - began == pytest.approx(2.5, abs=0.2)
        await execution.async_continue_with("q-None", 1)
        await execution.async_close()
        assert len(await items_of(execution, timeout=None)) == 5

    in_jumping_time(story())


async def test_pauses_answers_and_cancellations_are_told():
    """As items of type "interrupt", with the interrupt as it was then."""
    flow = TriggerFlow()
    flow.when("Ask").to(ask)
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("Ask", 1)
    await execution.async_emit("Ask", 2)
    await execution.async_continue_with("q-1", "yes")
    await execution.async_close(pending_interrupts="cancel")

    items = await items_of(execution)
    assert [(i["type"], i["action"], i["interrupt"]["id"]) for i in items] == [
        ("interrupt", "pause", "q-1"),
        ("interrupt", "pause", "q-2"),
        ("interrupt", "resume", "q-1"),
        ("interrupt", "cancel", "q-2"),
    ]
    assert [i["interrupt"]["status"] for i in items] == [
        "waiting",
        "waiting",
        "resumed",
        "cancelled",
    ]
    assert items[2]["value"] == "yes"
    assert {i["execution_id"] for i in items} == {execution.id}


async def test_a_question_is_told_after_it_is_kept():
    """Whoever reads it in the stream finds it in the store."""
    store = MemoryStore()
    flow = TriggerFlow(name="kept")
    flow.to(ask)
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    reader = aiter(execution.get_async_runtime_stream())
    start = asyncio.ensure_future(anext(reader))
    item = await start

    assert item["action"] == "pause"
    assert [w.wait_id for w in (await store.waits(run_id="r")).items] == ["q-None"]
    await reader.aclose()


async def test_an_error_is_raised_by_the_reader_who_started_the_run():
    """After the items that came before; other readers end when the run does."""
    flow = TriggerFlow()
    flow.to(count).to(fail)
    execution = flow.create_execution(auto_close=False)
    reader = aiter(execution.get_async_runtime_stream())
    assert [await anext(reader) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(LookupError):
        await anext(reader)

    other = asyncio.ensure_future(items_of(execution))
    await execution.async_close()
    assert await other == [1, 2, 3]


async def test_reading_goes_on_after_a_start_that_left_the_run_open():
    """The end of the start is not the end of the stream."""
    flow = TriggerFlow()
    flow.to(count)
    flow.when("More").to(lambda data: data.put(data.input)).to(collect)
    execution = flow.create_execution(auto_close=False)
    reader = aiter(execution.get_async_runtime_stream())
    assert [await anext(reader) for _ in range(3)] == [1, 2, 3]
    await execution.async_emit("More", 4)
    await execution.async_close()

    assert [item async for item in reader] == [4]


async def test_a_reader_who_leaves_does_not_stop_the_run():
    """The run that it started goes on."""
    door = Door()
    flow = TriggerFlow()
    flow.to(count).to(door).to(keep)
    execution = flow.create_execution(auto_close=False)
    async for _ in execution.get_async_runtime_stream(5):
        break
    await door.reached.wait()
    door.opened.set()

    assert await execution.async_close() == {"kept": None}


async def test_a_loaded_run_has_a_fresh_stream():
    """Items are not part of a save."""
    flow = TriggerFlow()
    flow.to(count).to(ask)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()
    restored = flow.create_execution(auto_close=False)
    restored.load(execution.save())
    await restored.async_close(pending_interrupts="cancel")

    assert [item["action"] for item in await items_of(restored)] == ["cancel"]


async def test_a_bounded_stream_tells_readers_what_they_missed():
    """Its last items are there for who comes late."""
    flow = TriggerFlow()
    flow.when("Put").to(lambda data: data.put(data.input))
    execution = flow.create_execution(auto_close=False, stream_limit=2)
    for n in range(5):
        await execution.async_emit("Put", n)
    await execution.async_close()

    with pytest.warns(RuntimeWarning, match="3 stream items were dropped"):
        assert await items_of(execution) == [3, 4]
    for wrong in (0, -1, True, "2"):
        with pytest.raises(ValueError, match="stream_limit"):
            flow.create_execution(stream_limit=wrong)


async def test_a_slow_reader_of_a_bounded_stream_goes_on_with_what_is_there():
    """It is told how many it missed meanwhile."""
    flow = TriggerFlow()
    execution = flow.create_execution(auto_close=False, stream_limit=2)
    reader = aiter(execution.get_async_runtime_stream())
    for n in range(2):
        await execution.async_put_into_stream(n)
    assert await anext(reader) == 0
    for n in range(2, 6):
        await execution.async_put_into_stream(n)
    with pytest.warns(RuntimeWarning, match="3 stream items were dropped"):
        assert await anext(reader) == 4
    assert await anext(reader) == 5
    await execution.async_close()


def test_the_time_for_the_next_item_is_counted_from_the_last_one():
    """However long the whole takes; None waits for the end."""

    async def story() -> None:
        async def drips(data: Any) -> None:
            for n in range(5):
                await asyncio.sleep(2)
                await data.async_put(n)

        flow = TriggerFlow()
        flow.to(drips)
        assert await items_of(flow.create_execution(), timeout=3) == [0, 1, 2, 3, 4]
        assert await items_of(flow.create_execution(), timeout=None) == [0, 1, 2, 3, 4]
        execution = flow.create_execution(auto_close=False)
        with pytest.warns(UserWarning, match="no stream item"):
            assert await items_of(execution, timeout=1) == []
        assert execution.started
        await execution.async_close()

    in_jumping_time(story())


async def test_the_warning_of_a_reader_points_at_its_loop():
    """At the line that asked for the item."""
    execution = TriggerFlow().create_execution(auto_close=False)
    with pytest.warns(UserWarning, match="no stream item") as caught:
        await items_of(execution, timeout=0)
    assert [warning.filename for warning in caught] == [__file__]


async def test_readers_of_a_kept_run_that_failed_are_told():
    """It stands until somebody decides; who comes later reads what there is, and is told too."""
    flow = TriggerFlow()
    door = Door()
    flow.to(count).to(door).to(fail)
    execution = flow.create_execution(auto_close=False, store=MemoryStore())
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    reader = aiter(execution.get_async_runtime_stream(timeout=None))
    assert [await anext(reader) for _ in range(3)] == [1, 2, 3]
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    door.opened.set()
    with pytest.raises(LookupError):
        await start
    with pytest.raises(RunFailed):
        await waiting
    late = aiter(execution.get_async_runtime_stream(timeout=None))
    assert [await anext(late) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(RunFailed):
        await anext(late)


@pytest.mark.parametrize("auto_close", [True, False])
@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_reader_who_waits_gets_the_error_of_the_run_it_started(
    auto_close: bool, is_kept: bool
):
    """The handler's own, and not what a store's run stands at."""
    door = Door()
    flow = TriggerFlow()
    flow.to(door).to(fail)
    store = MemoryStore() if is_kept else None
    execution = flow.create_execution(auto_close=auto_close, store=store)
    reading = asyncio.ensure_future(items_of(execution, value=1, timeout=None))
    await door.reached.wait()
    door.opened.set()

    with pytest.raises(LookupError):
        await reading


async def test_readers_of_a_run_whose_save_failed_are_told():
    """Nothing can come any more."""
    plan = FaultPlan()
    execution = TriggerFlow().create_execution(
        auto_close=False, store=FaultyStore(MemoryStore(), plan)
    )
    await execution.async_start()
    waiting = asyncio.ensure_future(items_of(execution, timeout=None))
    await asyncio.sleep(0)
    plan.at, plan.again = plan.calls + 1, True
    with pytest.raises(StoreUnavailable):
        await execution.async_set_state("k", 1)
    with pytest.raises(StoreUnavailable):
        await waiting


async def test_a_reader_of_a_run_that_another_record_replaced_ends():
    """The loaded run has a stream of its own."""
    flow = TriggerFlow(name="f")
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()
    await execution.async_put_into_stream("old")
    waiting = asyncio.ensure_future(items_of(execution, timeout=None))
    await asyncio.sleep(0)
    execution.load(flow.create_execution(auto_close=False).save())

    assert await waiting == ["old"]
    await execution.async_put_into_stream("new")
    await execution.async_close()
    assert await items_of(execution) == ["new"]


async def test_a_reader_leaves_nothing_behind_when_it_stops_waiting():
    """However often it looks."""
    execution = TriggerFlow().create_execution(auto_close=False)
    await execution.async_start()
    for _ in range(3):
        with pytest.warns(UserWarning, match="no stream item"):
            await items_of(execution, timeout=0)
        waiting = asyncio.ensure_future(items_of(execution))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})

    assert not execution._flow.stream.bell.is_awaited
