# SPDX-License-Identifier: Apache-2.0
"""A flow inside a flow: apart from it, in the same run, and given only what is captured."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import ValueRefused
from tests.triggerflow.sub_flows import Flow, around, child, keep, note, prepare


async def test_a_sub_flow_gets_the_value_and_gives_its_state():
    """By default its input is the value here, and the value behind it is its close snapshot."""
    snapshot = await around(child()).async_start(4)
    assert snapshot == {"out": {"seen": 4}}


async def test_a_result_that_was_set_wins_over_the_state():
    """The older idea of one result is still what a flow gives, if it set one."""

    async def old(data: Any) -> None:
        await data.async_set_state("x", 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            data.set_result("done")

    assert (await around(child(old)).async_start(1))["out"] == "done"


async def test_to_takes_a_flow():
    """`to(flow)` is `to_sub_flow(flow)`; it may stand beside the chain too."""
    flow: Flow = TriggerFlow(name="parent")
    flow.to(child(), side_branch=True).to(child(name="other")).to(keep)
    assert await flow.async_start(3) == {"out": {"seen": 3}}
    assert sorted(flow.compiled().subs) == ["sub_flow:child", "sub_flow:other"]


async def test_a_side_branch_leaves_the_value_as_it_was():
    """What a sub-flow beside the chain gives goes nowhere."""
    flow: Flow = TriggerFlow(name="parent")
    flow.to_sub_flow(child(), side_branch=True, write_back={"state.beside": "snapshot"}).to(keep)
    assert await flow.async_start(3) == {"out": 3, "beside": {"seen": 3}}


async def test_the_states_are_apart():
    """Neither sees a key of the other, and each visit begins with none."""
    found: list[Any] = []

    async def look(data: Any) -> None:
        found.append(data.get_state(None))
        await data.async_append_state("visits", data.value)

    flow: Flow = TriggerFlow(name="parent")
    flow.for_each().to_sub_flow(child(look)).end_for_each().to(keep)
    snapshot = await flow.async_start([1, 2])
    assert found == [{}, {}]
    assert snapshot == {"out": [{"visits": [1]}, {"visits": [2]}]}


async def test_flow_data_and_resources_are_its_own():
    """A copy of its own flow data, its own resources by identity, nothing of the flow around."""
    live = object()
    found: dict[str, Any] = {}

    async def look(data: Any) -> None:
        found["data"] = data.get_flow_data(no_warning=True)
        found["live"] = data.require_resource("live")
        found["outer"] = data.get_resource("outer")
        await data.async_set_flow_data("mine", "changed", no_warning=True)

    inner = child(look)
    inner.set_flow_data("mine", {"n": 1}, no_warning=True)
    inner.set_runtime_resource("live", live)
    flow = around(inner, before=prepare)
    flow.set_runtime_resource("outer", object())
    await flow.async_start(1)
    assert found == {"data": {"mine": {"n": 1}}, "live": live, "outer": None}
    assert found["live"] is live
    assert inner.get_flow_data("mine", no_warning=True) == {"n": 1}
    assert flow.get_flow_data("mine", no_warning=True) is None


async def test_signals_stay_in_the_flow_they_are_sent_in():
    """The same event of both flows reaches only the handlers of the flow it is sent in."""
    heard: list[str] = []

    async def send(data: Any) -> Any:
        await data.async_emit("Same", data.value)
        await data.async_set_state("watched", 1)
        return data.value

    async def inside(data: Any) -> None:
        heard.append(f"inside {data.type} {data.value}")

    async def outside(data: Any) -> None:
        heard.append(f"outside {data.type} {data.value}")

    inner = child(send)
    inner.when("Same").to(inside)
    inner.when({"runtime_data": "watched"}).to(inside)
    flow = around(inner)
    flow.when("Same").to(outside)
    flow.when({"runtime_data": "watched"}).to(outside)
    await flow.async_start(5)
    assert heard == ["inside event 5", "inside runtime_data 1"]


async def test_everything_a_flow_has_works_inside():
    """Joins, loops, batches, choices and collections in a frame of their own, side by side."""
    inner: Flow = TriggerFlow(name="child")

    async def twice(data: Any) -> Any:
        return data.value * 2

    async def emits(data: Any) -> Any:
        await data.async_emit("L", data.value)
        await data.async_emit("R", data.value)
        return data.value

    async def joined(data: Any) -> None:
        await data.async_set_state("joined", data.value)

    async def total(data: Any) -> None:
        await data.async_set_state("total", data.value)

    inner.to(emits).for_each().batch(("x", twice), ("y", note)).end_for_each().to(total)
    inner.when(["L", "R"]).to(joined)
    flow: Flow = TriggerFlow(name="parent")
    flow.for_each().to_sub_flow(inner).end_for_each().to(keep)
    out = (await flow.async_start([[1], [2, 3]]))["out"]
    assert [each["total"] for each in out] == [
        [{"x": 2, "y": 1}],
        [{"x": 4, "y": 2}, {"x": 6, "y": 3}],
    ]
    assert [each["joined"] for each in out] == [
        {"event": {"L": value, "R": value}} for value in ([1], [2, 3])
    ]


async def test_an_empty_flow_gives_an_empty_snapshot():
    """A flow in which nothing listens to its start ends at once."""
    assert await around(TriggerFlow(name="child")).async_start(1) == {"out": {}}


async def test_flows_nest():
    """Three deep, each with a state of its own."""
    inner = child(name="c")
    for name in ("b", "a"):
        outer: Flow = TriggerFlow(name=name)
        outer.to_sub_flow(inner).to(keep)
        inner = outer
    assert (await around(inner).async_start(1))["out"] == {"out": {"out": {"seen": 1}}}


async def test_the_definition_is_the_one_at_the_creation_of_the_execution():
    """What is added to the child before is in the run, what is added after is not."""
    inner = child()
    flow = around(inner)
    before = flow.fingerprint
    cursor = inner.when("chunk:note")

    async def more(data: Any) -> None:
        await data.async_set_state("more", data.value)

    cursor.to(more)
    assert flow.fingerprint != before
    execution = flow.create_execution()

    async def late(data: Any) -> None:
        await data.async_set_state("late", 1)

    inner.to(late)
    assert (await execution.async_start(1))["out"] == {"seen": 1, "more": 1}


async def test_what_a_sub_flow_raises_reaches_the_awaiting_caller_unchanged():
    """From any depth; the delivery inside is parked and can be retried, and all goes on."""
    tries: list[int] = []

    class Own(Exception):
        pass

    async def fails(data: Any) -> Any:
        tries.append(data.value)
        if len(tries) == 1:
            raise Own("first time")
        await data.async_set_state("tried", len(tries))

    middle: Flow = TriggerFlow(name="middle")
    middle.to_sub_flow(child(fails)).to(keep)
    execution = around(middle).create_execution(auto_close=False)
    with pytest.raises(Own, match="first time"):
        await execution.async_start(1)
    assert [f["status"] for f in execution.get_sub_flow_frames().values()] == ["failed", "failed"]
    assert execution.get_sub_flow_frames()["frame-2"]["error"] == {
        "type": "Own",
        "message": "first time",
    }
    await execution.async_retry()
    assert (await execution.async_close())["out"] == {"out": {"tried": 2}}


async def test_a_step_that_failed_can_be_skipped():
    """At its beginning the flow is left out; at its end the value given takes its place."""
    for links in ({"capture": {"input": "value.x"}}, {"write_back": {"value": "result.x"}}):
        execution = around(child(), **links).create_execution(auto_close=False)
        with pytest.raises(KeyError):
            await execution.async_start(1)
        (parked,) = execution._flow.parked()
        await execution.async_skip(parked.id, "instead")
        assert (await execution.async_close())["out"] == "instead"


async def test_a_path_into_what_is_no_dict_is_refused():
    """Paths of the value are put into a dict."""
    flow = around(child(), write_back={"value": {"x": "snapshot.seen"}})
    with pytest.raises(TypeError, match="need a dict"):
        await flow.async_start("text")


async def test_the_contract_of_a_sub_flow_holds_inside():
    """Its input is checked where it comes in, and what it streams where it is put."""
    inner = child()
    inner.set_contract(initial_input=int)
    with pytest.raises(ValueError, match="input"):
        await around(inner).async_start("text")

    async def puts(data: Any) -> None:
        await data.async_put_into_stream("text")

    streams = child(puts)
    streams.set_contract(stream=int)
    with pytest.raises(ValueError, match="stream"):
        await around(streams).async_start(1)


async def test_a_kept_run_refuses_what_would_not_come_back():
    """A live object captured into state is refused where it would be kept."""
    flow = around(child(), capture={"state": {"x": "resources.live"}})
    execution = flow.create_execution(
        store=MemoryStore(), auto_close=False, runtime_resources={"live": object()}
    )
    with pytest.raises(ValueRefused):
        await execution.async_start(1)


async def test_the_items_of_a_sub_flow_are_in_the_stream_of_the_flow_around():
    """In order; a sub-flow that stops its stream does not stop that one."""

    async def puts(data: Any) -> Any:
        await data.async_put_into_stream(f"in {data.value}")
        await data.async_stop_stream()
        return data.value

    async def after(data: Any) -> None:
        await data.async_put_into_stream("after")

    flow: Flow = TriggerFlow(name="parent")
    flow.to_sub_flow(child(puts)).to(after)
    execution = flow.create_execution()
    items = [item async for item in execution.get_async_runtime_stream(1)]
    assert items == ["in 1", "after"]
