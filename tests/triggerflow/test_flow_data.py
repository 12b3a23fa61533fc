# SPDX-License-Identifier: Apache-2.0
"""Data that all executions of a flow share: it warns, is watched, and is in no save."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.triggerflow.process import Process
from tests.triggerflow.handlers import Door, ask, collect, fail, keep


def held(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


def watching(key: str = "k") -> TriggerFlow[Any, Any, Any]:
    """A flow that collects what a key of its flow data becomes."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="watching")
    flow.when({"flow_data": key}).to(collect)
    return flow


CALLS = {
    "get": lambda holder, **how: holder.get_flow_data("k", **how),
    "set": lambda holder, **how: holder.set_flow_data("k", 1, **how),
    "append": lambda holder, **how: holder.append_flow_data("k", 1, **how),
    "del": lambda holder, **how: holder.del_flow_data("k", **how),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_warns_each_time_unless_told_not_to(name: str):
    """On the flow and on an execution; the warning points at the caller."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    for holder in (flow, held(flow)):
        for _ in range(2):
            with pytest.warns(RuntimeWarning, match=f"{name}_flow_data: .* in no save") as caught:
                CALLS[name](holder)
            assert [warning.filename for warning in caught] == [__file__]
        CALLS[name](holder, no_warning=True)


async def test_the_async_forms_warn_too():
    """Once a call, at the line that awaits."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    for call in ("set", "append"):
        with pytest.warns(RuntimeWarning) as caught:
            await getattr(flow, f"async_{call}_flow_data")("k", 1)
        assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(RuntimeWarning) as caught:
        await flow.async_del_flow_data("k")
    assert [warning.filename for warning in caught] == [__file__]


async def test_all_executions_of_a_flow_share_it_and_other_flows_do_not():
    """Handlers, executions and the flow see the same keys."""

    async def reads(data: Any) -> None:
        await data.async_append_flow_data("seen", data.input, no_warning=True)
        await data.async_set_state("found", data.get_flow_data("mode", no_warning=True))

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(reads)
    flow.set_flow_data("mode", "strict", no_warning=True)

    assert await flow.async_start(1) == {"found": "strict"}
    execution = held(flow)
    await execution.async_set_flow_data("mode", "lax", no_warning=True)
    assert await flow.async_start(2) == {"found": "lax"}
    assert flow.get_flow_data(no_warning=True) == {"mode": "lax", "seen": [1, 2]}
    assert TriggerFlow().get_flow_data(no_warning=True) == {}


async def test_values_mean_what_they_mean_in_state():
    """Dotted keys, isolated copies, appends to lists, sets and scalars, deletes of nothing."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    given = {"items": [1]}

    def share(how: str, *values: Any) -> None:
        getattr(flow, f"{how}_flow_data")(*values, no_warning=True)

    share("set", "order", given)
    given["items"].append("later")
    flow.get_flow_data("order.items", no_warning=True).append("elsewhere")
    share("append", "order.items", 2)
    share("append", "fresh", 1)
    share("set", "one", 1)
    share("append", "one", 2)
    share("set", "many", {1})
    share("append", "many", 2)
    share("set", "zero", 0)
    share("del", "zero")
    share("del", "nothing.here")
    with pytest.raises(TypeError):
        share("set", "one.inside", 1)
    with pytest.raises(TypeError):
        share("set", "", 1)

    assert flow.get_flow_data(no_warning=True) == {
        "order": {"items": [1, 2]},
        "fresh": [1],
        "one": [1, 2],
        "many": {1, 2},
    }
    assert flow.get_flow_data("order.none", "default", no_warning=True) == "default"


async def test_a_change_runs_the_watchers_of_all_open_executions():
    """With the new value, None for a deletion; `emit=False` tells nobody."""
    flow = watching()
    one, other, sealed, closed = (held(flow) for _ in range(4))
    await sealed.async_seal()
    await closed.async_close()
    await flow.async_set_flow_data("k", [1], no_warning=True)
    await one.async_append_flow_data("k", 2, no_warning=True)
    await one.async_set_flow_data("k", 0, emit=False, no_warning=True)
    await one.async_set_flow_data("other", 0, no_warning=True)
    await one.async_del_flow_data("k", no_warning=True)

    for execution in (one, other):
        assert execution.get_state("seen") == [[1], [1, 2], None]
    assert sealed.get_state() == closed.get_state() == {}


async def test_each_watcher_has_a_value_of_its_own():
    """What one changes, another does not see, nor does the flow."""

    async def spoil(data: Any) -> None:
        data.input.append("spoilt")
        await data.async_set_state("got", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when({"flow_data": "k"}).to(spoil)
    one, other = held(flow), held(flow)
    await flow.async_set_flow_data("k", [1], no_warning=True)

    assert one.get_state("got") == other.get_state("got") == [1, "spoilt"]
    assert flow.get_flow_data("k", no_warning=True) == [1]


async def test_the_setter_waits_for_the_watchers_and_is_not_failed_by_them():
    """The failed handler is parked in its own execution, which says so in its stream."""
    door = Door()
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when({"flow_data": "k"}).to(door).to(collect)
    flow.when({"flow_data": "bad"}).to(fail)
    execution = held(flow)
    setting = asyncio.ensure_future(flow.async_set_flow_data("k", 1, no_warning=True))
    await door.reached.wait()
    assert not setting.done()
    door.opened.set()
    await setting

    await flow.async_set_flow_data("bad", 2, no_warning=True)
    assert execution.get_status() == "failed"
    assert execution.has_parked
    assert await execution.async_close() == {"seen": [1]}
    items = [item async for item in execution.get_async_runtime_stream()]
    assert [(item["code"], item["text"]) for item in items] == [
        ("flow-data.watcher-failed", "bad: LookupError")
    ]


async def test_a_handler_that_writes_hears_itself_as_its_own_signal():
    """The watcher's work descends from the handler: sealed runs do it, a failure is swallowed."""

    async def writes(data: Any) -> str:
        await data.async_set_flow_data("k", data.input, no_warning=True)
        await data.async_set_flow_data("bad", data.input, no_warning=True)
        return "went on"

    door = Door()
    flow = watching()
    flow.to(door).to(writes).to(keep)
    flow.when({"flow_data": "bad"}).to(fail)
    execution, other = held(flow), held(flow)
    start = asyncio.ensure_future(execution.async_start(7))
    await door.reached.wait()
    await execution.async_seal()
    door.opened.set()
    await start

    assert execution.get_state() == {"seen": [7], "kept": "went on"}
    assert other.get_state() == {"seen": [7]}
    assert execution.get_status() == other.get_status() == "failed"


async def test_a_cancelled_setter_leaves_the_watchers_of_others_alone():
    """What runs in another execution is that execution's."""
    door = Door()
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when({"flow_data": "k"}).to(door).to(collect)
    execution = held(flow)
    setting = asyncio.ensure_future(flow.async_set_flow_data("k", 1, no_warning=True))
    await door.reached.wait()
    setting.cancel()
    await asyncio.wait({setting})
    door.opened.set()

    assert await execution.async_close() == {"seen": [1]}
    assert door.cancelled == 0


async def test_it_joins_with_other_signals():
    """A gate may wait for an event and a key of the flow data."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when({"event": "E", "flow_data": "k"}).to(keep)
    execution = held(flow)
    await flow.async_set_flow_data("k", 1, no_warning=True)
    await execution.async_emit("E", 2)

    assert execution.get_state("kept") == {"event": {"E": 2}, "flow_data": {"k": 1}}


async def test_a_watched_key_cannot_be_set_by_a_blocking_call_on_a_loop():
    """Nobody watches: it works there too."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.set_flow_data("k", 1, no_warning=True)
    flow = watching()
    execution = held(flow)
    with pytest.raises(RuntimeError, match="await"):
        flow.set_flow_data("k", 1, no_warning=True)
    flow.set_flow_data("k", 2, emit=False, no_warning=True)
    assert execution.get_state() == {}


async def test_an_execution_hears_in_the_loop_that_drives_it():
    """A change made in a thread, or in another loop, is told to where the execution lives."""
    threads = set()

    async def notes(data: Any) -> None:
        threads.add(threading.current_thread())
        await data.async_append_state("seen", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when({"flow_data": "k"}).to(notes)
    execution = held(flow)
    await execution.async_start()
    await asyncio.to_thread(flow.set_flow_data, "k", 1, no_warning=True)

    async def elsewhere() -> None:
        await flow.async_set_flow_data("k", 2, no_warning=True)

    await asyncio.to_thread(asyncio.run, elsewhere())
    assert threads == {threading.current_thread()}
    assert execution.get_state("seen") == [1, 2]


async def test_a_run_of_an_engine_hears_in_the_engines_loop():
    """However the change was made."""
    threads = []

    async def notes(data: Any) -> None:
        threads.append(threading.current_thread())

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="engine")
    flow.to(ask)
    flow.when({"flow_data": "k"}).to(notes)
    async with Engine("memory://", [flow]) as engine:
        run = await engine.start(flow, 1, run_id="r")
        await run.until_idle()
        await asyncio.to_thread(flow.set_flow_data, "k", 1, no_warning=True)

    assert threads == [threading.current_thread()]


def test_an_execution_whose_loop_has_ended_hears_where_the_change_is_made():
    """Nothing drives it any more, so whoever changes the data does."""
    flow = watching()
    execution = held(flow)
    asyncio.run(execution.async_start())
    flow.set_flow_data("k", 1, no_warning=True)

    assert execution.get_state("seen") == [1]


async def test_a_sync_handler_shares_data():
    """It runs in a thread; its watchers run in the loop."""
    flow = watching()
    flow.to(lambda data: data.set_flow_data("k", data.input, no_warning=True))
    execution = held(flow)
    await execution.async_start(3)

    assert execution.get_state("seen") == [3]


async def test_the_flow_does_not_keep_its_executions_alive():
    """One that nobody holds is gone; one that ended, or was removed, hears no more."""
    flow = watching()
    execution = held(flow)
    gone = weakref.ref(execution)
    del execution
    gc.collect()
    assert gone() is None

    removed, by_id, stays = held(flow), held(flow), held(flow)
    flow.remove_execution(removed)
    flow.remove_execution(by_id.id)
    flow.remove_execution("unknown")
    await flow.async_set_flow_data("k", 1, no_warning=True)
    assert [e.get_state() for e in (removed, by_id, stays)] == [{}, {}, {"seen": [1]}]


async def test_it_is_in_no_save_and_a_load_leaves_it_alone():
    """Another process has its own; what the flow shares now stays."""
    flow = watching()
    flow.set_flow_data("k", "secret", no_warning=True)
    execution = held(flow)
    await execution.async_set_state("s", 1)
    text = json.dumps(execution.save())
    assert "secret" not in text

    flow.set_flow_data("k", "newer", emit=False, no_warning=True)
    restored = held(flow)
    restored.load(text)
    assert flow.get_flow_data("k", no_warning=True) == "newer"
    await flow.async_set_flow_data("k", 5, no_warning=True)
    assert await restored.async_close() == {"s": 1, "seen": [5]}


async def test_a_kept_run_hears_once_it_is_open():
    """One that was not opened yet is not opened by somebody else's write."""
    store = MemoryStore()
    flow = watching()
    asleep, awake = held(flow, store=store, run_id="a"), held(flow, store=store, run_id="b")
    await awake.async_start()
    await flow.async_set_flow_data("k", 1, no_warning=True)
    await awake.async_release()

    assert (asleep.get_state(), held(flow, store=store, run_id="c").get_state()) == ({}, {})
    again = held(flow, store=store, run_id="b")
    assert await again.async_close() == {"seen": [1]}


async def test_a_repeat_does_not_tell_its_own_watchers_again():
    """The write is not in the record, but the signal is."""
    tries = []

    async def writes(data: Any) -> None:
        tries.append(data.attempt)
        await data.async_set_flow_data("k", "v", no_warning=True)
        if data.attempt == 0:
            raise ConnectionError

    flow = watching()
    flow.to(writes)
    execution = held(flow)
    with pytest.raises(ConnectionError):
        await execution.async_start()
    await execution.async_retry()

    assert tries == [0, 1]
    assert await execution.async_close() == {"seen": ["v"]}


def test_flow_data_of_another_kind_of_trigger_is_a_definition_error():
    """The kinds are named."""
    with pytest.raises(ValueError, match="event, runtime_data, flow_data"):
        TriggerFlow().when({"flowdata": "k"})
    assert isinstance(TriggerFlow().when({"flow_data": "k"}), Process)
