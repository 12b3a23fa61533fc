# SPDX-License-Identifier: Apache-2.0
"""The kinds of triggers that `when` takes, alone and joined, in every mode."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.handlers import collect, double, keep, same

KINDS = ("event", "runtime_data", "flow_data", "collect")


def open_execution(flow: TriggerFlow[Any, Any, Any]) -> Any:
    """An execution that stays open until it is closed."""
    return flow.create_execution(auto_close=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [lambda k: {k: "x"}, lambda k: {k: ["x"]}, lambda k: {k: ("x",)}])
@pytest.mark.parametrize("mode", ["and", "or", "simple_or"])
async def test_one_trigger_of_any_kind_gives_the_bare_value(kind: str, form: Any, mode: str):
    """As a name or a list of one, in every mode."""
    flow = TriggerFlow()
    flow.when(form(kind), mode=mode).to(collect)
    execution = open_execution(flow)
    await execution.async_emit("x", 3, trigger_type=kind)
    await execution.async_emit("y", 4, trigger_type=kind)

    assert execution.get_state("seen") == [3]


async def test_kinds_of_one_name_are_apart():
    """An event, a state key, flow data and a collection may share a name."""
    flow = TriggerFlow()
    flow.when(dict.fromkeys(KINDS, "x")).to(keep)
    flow.when(dict.fromkeys(KINDS, "x"), mode="or").to(collect)
    execution = open_execution(flow)
    for number, kind in enumerate(KINDS):
        assert execution.get_state("kept") is None
        await execution.async_emit("x", number, trigger_type=kind)

    assert execution.get_state("kept") == {kind: {"x": n} for n, kind in enumerate(KINDS)}
    assert execution.get_state("seen") == [(kind, "x", n) for n, kind in enumerate(KINDS)]


async def test_state_keys_are_watched_exactly_as_written():
    """A dotted key does not fire for its head, nor the head for it; a deletion gives None."""
    flow = TriggerFlow()
    flow.when({"runtime_data": "a.b"}).to(collect)
    flow.when({"runtime_data": "a"}).to(keep)
    execution = open_execution(flow)
    await execution.async_set_state("a.b", 1)
    assert execution.get_state() == {"a": {"b": 1}, "seen": [1]}
    await execution.async_set_state("a", {"b": 2})
    assert (execution.get_state("seen"), execution.get_state("kept")) == ([1], {"b": 2})
    await execution.async_del_state("a.b")
    assert execution.get_state("seen") == [1, None]


async def test_several_branches_on_one_trigger_all_fire():
    """From the flow and from any cursor."""
    flow = TriggerFlow()
    flow.when("E").to(collect)
    flow.to(same).when("E").to(collect, name="second")
    flow.when(["E"], mode="or").to(collect, name="third")
    execution = open_execution(flow)
    await execution.async_emit("E", 1)

    assert execution.get_state("seen") == [1, 1, 1]


async def test_a_name_is_the_chunk_if_there_is_one():
    """Otherwise an event; the chunk's end, not its name as an event, fires it."""
    flow = TriggerFlow()
    flow.when("double").to(keep)
    flow.to(double)
    flow.when("double").to(collect)
    execution = open_execution(flow)
    await execution.async_start(2)
    assert execution.get_state() == {"seen": [4]}
    await execution.async_emit("double", "event")

    assert execution.get_state() == {"seen": [4], "kept": "event"}


def test_a_gate_is_known_by_its_set_of_signals():
    """Whatever their order and their spelling."""
    flow = TriggerFlow()
    cursors = [
        flow.when(trigger)
        for trigger in (["A", "B"], ("B", "A"), {"event": ["B", "A", "A"]}, ["A", "A", "B"])
    ]
    assert len({cursor.trigger_event for cursor in cursors}) == 1
    assert flow.when(["A", "B"], mode="or").trigger_event != cursors[0].trigger_event


async def test_many_triggers_join_at_one_gate():
    """Its id stays short, and it fires when the last has come."""
    names = [f"event number {n}" for n in range(300)]
    flow = TriggerFlow()
    flow.when(names).to(keep)
    execution = open_execution(flow)
    for name in reversed(names):
        assert execution.get_state("kept") is None
        await execution.async_emit(name, name[-1])

    kept = execution.get_state("kept")["event"]
    assert list(kept) == names
    assert max(map(len, flow._wiring.nodes)) < 200


@pytest.mark.parametrize(
    ("trigger", "error"),
    [
        ({"event": "A", "weather": "B"}, ValueError),
        ({"event": [], "runtime_data": []}, ValueError),
        ((), ValueError),
        ({"event": None}, TypeError),
        ({"runtime_data": ["a", 3]}, TypeError),
        ({"collect": ""}, TypeError),
        ({"event": {"nested": "A"}}, TypeError),
        ([["A"]], TypeError),
        ({"collect": TriggerFlow().chunk(double)}, TypeError),
        ({"flow_data": [TriggerFlow().chunk(double)]}, TypeError),
    ],
)
def test_what_is_no_trigger_is_refused(trigger: Any, error: type[Exception]):
    """Nothing at all, unknown kinds, what is no name, a chunk under another kind."""
    with pytest.raises(error):
        TriggerFlow().when(trigger)


@pytest.mark.parametrize("mode", ["xor", "", "AND", None, 3])
def test_an_unknown_mode_is_refused(mode: Any):
    """Also where a single trigger would not need one."""
    with pytest.raises(ValueError, match="and, or, simple_or"):
        TriggerFlow().when("A", mode=mode)
