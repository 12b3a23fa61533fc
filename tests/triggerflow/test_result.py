# SPDX-License-Identifier: Apache-2.0
"""What came of an execution, read before and after its end: state, result, ledger, facts."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import RunFailed, StoreUnavailable
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.triggerflow.handlers import Door, ask, double, fail, in_jumping_time, keep
from tests.triggerflow.intervened import planned

FINAL = "$final_result"


def held(flow: TriggerFlow[Any, Any, Any] | None = None, **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return (flow or TriggerFlow(name="plain")).create_execution(auto_close=False, **options)


async def test_state_is_of_now_before_the_close_and_the_snapshots_after_it():
    """Dotted keys, defaults and copies in both."""
    execution = held()
    result = execution.result
    await execution.async_set_state("a", {"b": [1]})
    for _ in range(2):
        assert result.get_state("a.b") == [1]
        assert result.get_state("a.none", "default") == "default"
        result.get_state("a")["b"].append("spoilt")
        result.get_state()["a"]["b"].append("spoilt")
        assert result.get_state() == {"a": {"b": [1]}}
        await execution.async_close()
    await execution.async_set_state("a", "after the close")

    assert result.get_state("a.b") == [1]
    assert execution.get_state("a") == "after the close"
    assert await execution.async_close() == {"a": {"b": [1]}}


@pytest.mark.parametrize("value", [5, None, {"k": [1]}])
async def test_a_result_is_told_as_soon_as_it_is_set(value: Any):
    """None is a result too; what the reader changes is its own."""
    door = Door()
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(lambda data: data.set_state(FINAL, value)).to(door)
    execution = held(flow)
    reading = asyncio.ensure_future(execution.result.async_get_final_result())
    start = asyncio.ensure_future(execution.async_start())
    found = await reading

    assert found == value
    assert not start.done()
    if isinstance(found, dict):
        found["k"].append("spoilt")
    assert await execution.result.async_get_final_result() == value
    door.opened.set()
    await start
    await execution.async_close()
    assert await execution.result.async_get_final_result() == value


async def test_without_a_result_the_close_snapshot_stands_for_it():
    """As soon as the run has ended; every reader gets a copy."""
    execution = held()
    await execution.async_set_state("k", [1])
    readers = [asyncio.ensure_future(execution.result.async_get_final_result()) for _ in range(3)]
    await asyncio.sleep(0)
    await execution.async_close()
    one, *others = await asyncio.gather(*readers)
    one["k"].append("spoilt")

    assert others == [{"k": [1]}] * 2


def test_a_reader_that_waited_long_enough_is_warned_and_gets_none():
    """The run goes on."""

    async def story() -> None:
        execution = held()
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.warns(UserWarning, match=r"no result came for 2\.5 s"):
            assert await execution.result.async_get_final_result(timeout=2.5) is None
        assert loop.time() - began == pytest.approx(2.5, abs=0.2)
        assert not execution._flow.result_bell.is_awaited
        assert execution.is_open()

    in_jumping_time(story())


async def test_a_cancelled_reader_leaves_nothing_behind():
    """Nor does it disturb the others."""
    execution = held()
    readers = [asyncio.ensure_future(execution.result.async_get_final_result()) for _ in range(2)]
    await asyncio.sleep(0)
    readers[0].cancel()
    await asyncio.wait({readers[0]})
    await execution.async_set_state(FINAL, 1)

    assert await readers[1] == 1
    assert not execution._flow.result_bell.is_awaited


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_reader_of_a_kept_run_that_failed_is_told(is_kept: bool):
    """It stands until somebody decides; in memory it can still be closed, so readers wait."""
    door = Door()
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(door).to(fail)
    execution = held(flow, store=MemoryStore() if is_kept else None)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    reading = asyncio.ensure_future(execution.result.async_get_final_result())
    await asyncio.sleep(0)
    assert execution._flow.result_bell.is_awaited
    door.opened.set()
    with pytest.raises(LookupError):
        await start
    if is_kept:
        with pytest.raises(RunFailed):
            await reading
        with pytest.raises(RunFailed):
            await execution.result.async_get_final_result()
    else:
        await execution.async_close()
        assert await reading == {}


async def test_a_reader_of_a_run_whose_save_failed_is_told():
    """It would wait for ever."""
    plan = FaultPlan()
    execution = held(store=FaultyStore(MemoryStore(), plan))
    await execution.async_set_state("k", 1)
    reading = asyncio.ensure_future(execution.result.async_get_final_result())
    await asyncio.sleep(0)
    plan.at, plan.again = plan.calls + 1, True
    with pytest.raises(StoreUnavailable):
        await execution.async_set_state("k", 2)

    with pytest.raises(StoreUnavailable):
        await reading


def test_the_blocking_reader_works_without_a_loop_and_across_loops():
    """In a thread it is woken by what the loop of the run does."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(double).to(keep)
    execution = flow.create_execution()
    execution.start(2)
    assert execution.result.get_final_result() == {"kept": 4}

    async def story() -> None:
        execution = held()
        reading = asyncio.ensure_future(asyncio.to_thread(execution.result.get_final_result))
        while execution._flow.result_bell is None or not execution._flow.result_bell.is_awaited:  # noqa: ASYNC110
            await asyncio.sleep(0)  # a thread has to come so far
        await execution.async_set_state(FINAL, 7)
        assert await reading == 7
        assert execution.result.get_final_result() == 7

    asyncio.run(story())


async def test_a_blocking_reader_on_a_loop_is_refused_only_where_it_would_wait():
    """What is there can be read."""
    execution = held()
    with pytest.raises(RuntimeError, match="await"):
        execution.result.get_final_result()
    execution.set_state(FINAL, None)
    assert execution.result.get_final_result() is None


async def test_interventions_can_be_read_also_by_consumer():
    """Before the close and after it; none where they are off."""
    assert held().result.get_interventions() == []
    execution = held(planned())
    made = [
        await execution.async_intervene(n, target=target) for n, target in ((1, None), (2, "t"))
    ]
    await execution.async_mark_intervention_consumed(made[0]["id"], consumer="ui")
    result = execution.result
    for status in ("pending", "expired"):
        assert [r["version"] for r in result.get_interventions(status=status)] == [1, 2]
        assert [r["version"] for r in result.get_interventions(consumed_by="ui")] == [1]
        assert [r["version"] for r in result.get_interventions(target="t")] == [2]
        assert result.get_interventions(since_version=2) == []
        assert result.get_latest_intervention(consumed_by="ui")["version"] == 1
        assert result.get_latest_intervention("none", target="x") == "none"
        if status == "pending":
            await execution.async_close()


async def test_facts_tell_the_life_of_a_run():
    """Times and words as they come, and the same after a load."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="facts")
    flow.to(ask)
    execution = held(flow)
    meta = execution.result.get_meta()
    assert meta == {
        "execution_id": execution.id,
        "run_id": execution.run_id,
        "flow_name": "facts",
        "status": "created",
        "lifecycle_state": "open",
        "created_at": meta["created_at"],
        "started_at": None,
        "closed_at": None,
        "close_reason": None,
        "state_version": 0,
    }
    await execution.async_start(1)
    assert execution.result.get_meta()["status"] == "waiting"
    await execution.async_close(reason="enough", pending_interrupts="cancel")
    meta = execution.result.get_meta()
    assert meta["created_at"] <= meta["started_at"] <= meta["closed_at"]
    assert (meta["close_reason"], meta["status"]) == ("enough", "cancelled")

    restored = held(flow)
    restored.load(execution.save())
    assert restored.result.get_meta() == meta
    assert restored.result.get_state() == {}
    assert await restored.result.async_get_final_result() == {}


async def test_a_run_that_closes_by_itself_says_so():
    """The reason is a word of its own."""
    execution = TriggerFlow().create_execution()
    await execution.async_start()
    assert execution.result.get_meta()["close_reason"] == "auto_close_idle_timeout"


async def test_the_version_rises_with_every_change_that_can_be_seen():
    """Writes, pauses, answers, interventions, the lifecycle; never by reading. It is kept."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="changes")
    flow.when("Ask").to(ask).intervention_point(name="p").to(keep)
    store = MemoryStore()
    execution = held(flow, store=store, run_id="r")
    made: list[Any] = []
    changes = [
        lambda: execution.async_set_state("k", [1]),
        lambda: execution.async_append_state("k", 2),
        lambda: execution.async_del_state("k"),
        execution.async_start,
        lambda: execution.async_emit("Ask", 1),
        lambda: execution.async_intervene("x"),
        lambda: execution.async_mark_intervention_consumed(
            execution.get_latest_intervention()["id"], consumer="c"
        ),
        lambda: execution.async_continue_with("q-1", 1),
        execution.async_seal,
        execution.async_unseal,
    ]
    versions = [execution.result.get_meta()["state_version"]]
    for change in changes:
        made.append(await change())
        versions.append(execution.result.get_meta()["state_version"])
    execution.get_state()
    execution.save()
    assert versions == sorted(set(versions))
    assert execution.result.get_meta()["state_version"] == versions[-1]
    await execution.async_release()

    again = held(flow, store=store, run_id="r")
    await again.async_resume()
    assert again.result.get_meta()["state_version"] == versions[-1]
    await again.async_close()
    assert again.result.get_meta()["state_version"] > versions[-1]


async def test_it_offers_no_second_stream_and_no_second_snapshot():
    """The execution has one of each."""
    result = held().result
    assert not hasattr(result, "get_snapshot")
    assert not hasattr(result, "get_async_runtime_stream")


async def test_a_result_set_from_outside_begins_the_idle_time_anew():
    """As every activity does."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
        flow.when("E").to(keep)
        execution = flow.create_execution(auto_close_timeout=4)
        ended = asyncio.Event()
        execution.on_closed = lambda _: ended.set()
        await execution.async_emit("E", 1)
        await asyncio.sleep(3)
        await execution.async_set_state(FINAL, 1)
        began = loop.time()
        await ended.wait()
        return loop.time() - began

    seconds = await asyncio.to_thread(in_jumping_time, story())
    assert seconds == pytest.approx(4, abs=0.2)


async def test_a_contract_decides_what_a_result_may_be():
    """Both older ways to set one ask it; a refused value leaves none."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.set_contract(result=int)
    execution = held(flow)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="result"):
            execution.set_result("text")
        assert execution.get_state() == {}
        execution.set_result("5")
    assert await execution.result.async_get_final_result() == 5
