# SPDX-License-Identifier: Apache-2.0
"""`when`: one signal, or several that join where they belong together."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.handlers import add_one, collect, double, keep, same


def open_execution(flow: TriggerFlow) -> Any:
    """An execution that stays open until it is closed."""
    return flow.create_execution(auto_close=False)


async def test_one_trigger_gives_the_bare_value():
    """No gate stands in between, in every spelling and mode."""
    flow = TriggerFlow()
    flow.when("E").to(collect)
    flow.when(["E"]).to(collect)
    flow.when({"event": "E"}, mode="or").to(collect)
    execution = open_execution(flow)

    await execution.async_emit("E", 1)

    assert execution.get_state() == {"seen": [1]}


async def test_a_join_fires_when_each_trigger_has_come_and_is_empty_again():
    """The latest value wins before it is full; one inner dict per kind."""
    flow = TriggerFlow()
    flow.when(["A", "B"]).to(collect)
    execution = open_execution(flow)

    for event, value in [("A", 1), ("A", 2), ("B", 3), ("B", 4), ("A", 5)]:
        await execution.async_emit(event, value)

    assert execution.get_state("seen") == [
        {"event": {"A": 2, "B": 3}},
        {"event": {"A": 5, "B": 4}},
    ]


async def test_or_tells_which_trigger_came():
    """`or` fires for each with (kind, name, value), `simple_or` with the bare value."""
    flow = TriggerFlow()
    flow.when({"event": ["A", "B"], "runtime_data": "k"}, mode="or").to(collect)
    flow.when(["A", "B"], mode="simple_or").to(collect, name="simple")
    execution = open_execution(flow)

    await execution.async_emit("A", 1)
    await execution.async_set_state("k", 2)

    seen = execution.get_state("seen")
    assert sorted(map(str, seen)) == sorted(
        map(str, [("event", "A", 1), 1, ("runtime_data", "k", 2)])
    )


async def test_chunks_join_by_their_completion():
    """By object or by name; both belong to the start that reached them."""
    flow = TriggerFlow()
    first = flow.chunk(double)
    flow.to(first)
    flow.to(add_one)
    flow.when([first, "add_one"]).to(keep)

    assert await flow.async_start(5) == {
        "kept": {"event": {"chunk:double": 10, "chunk:add_one": 6}}
    }


async def test_kinds_may_be_mixed():
    """An event and a state key."""
    flow = TriggerFlow()
    flow.when({"event": "Go", "runtime_data": ["total"]}).to(keep)
    execution = open_execution(flow)

    await execution.async_set_state("total", 7)
    await execution.async_emit("Go", True)

    assert execution.get_state("kept") == {"event": {"Go": True}, "runtime_data": {"total": 7}}


async def test_signals_of_two_visits_do_not_join():
    """Each signal from outside begins a scope; what its chunks emit stays in it."""

    async def half(data: Any) -> None:
        await data.async_emit(data.input)

    flow = TriggerFlow()
    flow.when("Visit").to(half)
    flow.when(["A", "B"]).to(collect)
    execution = open_execution(flow)

    await execution.async_emit("Visit", "A")
    await execution.async_emit("Visit", "B")
    await execution.async_emit("A", "outside")
    assert execution.get_state("seen") is None

    await execution.async_emit("B", "outside")
    assert execution.get_state("seen") == [{"event": {"A": "outside", "B": "outside"}}]


async def test_signals_of_one_visit_join():
    """Two events emitted in one tree of chunks, even from different chunks."""

    async def one(data: Any) -> None:
        await data.async_emit("A", data.input)

    async def other(data: Any) -> None:
        await data.async_emit("B", data.input)

    flow = TriggerFlow()
    flow.to(same).to(one)
    flow.to(other)
    flow.when(["A", "B"]).to(keep)

    assert await flow.async_start(3) == {"kept": {"event": {"A": 3, "B": 3}}}


async def test_a_join_that_can_never_fill_is_dropped_with_a_warning_in_the_stream():
    """When the last work that could have filled it has ended."""

    async def half(data: Any) -> None:
        await data.async_emit("A")

    flow = TriggerFlow()
    flow.when("Visit").to(half)
    flow.when(["A", "B"]).to(collect)
    execution = open_execution(flow)
    await execution.async_emit("Visit")
    await execution.async_close()

    items = [item async for item in execution.get_async_runtime_stream()]
    assert [item["code"] for item in items] == ["join.never-filled"]
    assert "event:A" in items[0]["text"]


async def test_a_join_half_filled_from_outside_is_told_when_the_run_closes():
    """Signals from outside could have filled it until then."""
    flow = TriggerFlow()
    flow.when(["A", "B"]).to(collect)
    execution = open_execution(flow)
    await execution.async_emit("A")
    await execution.async_close()

    items = [item async for item in execution.get_async_runtime_stream()]
    assert [item["code"] for item in items] == ["join.never-filled"]


async def test_what_a_joined_branch_emits_counts_for_the_next_round():
    """The set is emptied before the branch runs: no endless rounds, and nothing is lost."""

    async def rounds(data: Any) -> None:
        await data.async_append_state("seen", data.input["event"])
        if len(data.get_state("seen")) < 3:
            await data.async_emit("A", "again")
            await data.async_emit("B", "again")

    async def begin(data: Any) -> None:
        await data.async_emit("A", "first")
        await data.async_emit("B", "first")

    flow = TriggerFlow()
    flow.to(begin)
    flow.when(["A", "B"]).to(rounds)

    first, again = {"A": "first", "B": "first"}, {"A": "again", "B": "again"}
    assert await flow.async_start() == {"seen": [first, again, again]}


async def test_a_chain_behind_when_is_independent_of_where_it_was_written():
    """`when` begins a new chain."""
    flow = TriggerFlow()
    flow.to(double).when("E").to(collect)
    execution = open_execution(flow)

    await execution.async_start(1)
    assert execution.get_state() == {}
    await execution.async_emit("E", 1)
    assert execution.get_state() == {"seen": [1]}


async def test_joins_belong_to_one_execution():
    """Two executions of a flow never share a half-filled join."""
    flow = TriggerFlow()
    flow.when(["A", "B"]).to(collect)
    one, other = open_execution(flow), open_execution(flow)

    await one.async_emit("A", 1)
    await other.async_emit("B", 2)

    assert (one.get_state(), other.get_state()) == ({}, {})


@pytest.mark.parametrize("visits", [2, 50])
async def test_concurrent_visits_join_each_for_itself(visits: int):
    """Every visit gets its own pair, whatever their order."""

    async def both(data: Any) -> None:
        await data.async_emit_nowait("A", data.input)
        await data.async_emit_nowait("B", data.input)

    flow = TriggerFlow()
    flow.for_each().to(both)
    flow.when(["A", "B"]).to(collect)

    seen = (await flow.async_start(list(range(visits))))["seen"]
    assert sorted(pair["event"]["A"] for pair in seen) == list(range(visits))
    assert all(pair["event"]["A"] == pair["event"]["B"] for pair in seen)
