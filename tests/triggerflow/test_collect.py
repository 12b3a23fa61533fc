# SPDX-License-Identifier: Apache-2.0
"""`collect`: branches of one root give their values into one dict."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import DefinitionError
from tests.triggerflow.handlers import Door, add_one, collect, double, keep, same


async def test_the_dict_goes_on_when_every_branch_has_delivered():
    """In the order of declaration, whoever comes first."""
    door = Door()
    door.opened.set()
    flow = TriggerFlow()
    flow.to(door).collect("sums", "slow")
    flow.to(double).collect("sums", "double")
    flow.to(add_one).collect("sums", "plus").to(keep)

    snapshot = await flow.async_start(5)
    assert snapshot == {"kept": {"slow": 5, "double": 10, "plus": 6}}
    assert list(snapshot["kept"]) == ["slow", "double", "plus"]


async def test_the_collected_dict_is_an_event():
    """It can be listened to by its name, and as a collection."""
    flow = TriggerFlow()
    flow.to(double).collect("sums")
    flow.to(add_one).collect("sums")
    flow.when("Collect-sums").to(keep)
    flow.when({"collect": "sums"}).to(collect)

    assert await flow.async_start(5) == {
        "kept": {"double": 10, "add_one": 6},
        "seen": [{"double": 10, "add_one": 6}],
    }


async def test_a_collection_joins_with_other_triggers():
    """Under its own kind, in the same scope."""
    flow = TriggerFlow()
    flow.to(double).collect("sums", "one")
    flow.to(add_one).collect("sums", "two")
    flow.to(same)
    flow.when({"collect": "sums", "event": "same"}).to(keep)
    flow.when({"collect": "sums", "event": "same"}, mode="or").to(collect)

    snapshot = await flow.async_start(1)
    sums = {"one": 2, "two": 2}
    assert snapshot["kept"] == {"collect": {"sums": sums}, "event": {"chunk:same": 1}}
    assert sorted(snapshot["seen"]) == [("collect", "sums", sums), ("event", "chunk:same", 1)]


async def repeat(data: Any) -> None:
    """Send the input's pairs as events, one after the other."""
    for event, value in data.input:
        await data.async_emit(event, value)


PAIRS = [("A", 1), ("A", 2), ("B", 3), ("B", 4), ("A", 5), ("B", 6)]


@pytest.mark.parametrize(
    ("mode", "seen"),
    [
        ("filled_and_update", [(2, 3), (2, 4), (5, 4), (5, 6)]),
        ("filled_then_empty", [(2, 3), (5, 4)]),
    ],
)
async def test_a_full_collection_stays_full_or_starts_over(mode: str, seen: list[Any]):
    """The latest value of a branch counts until it is full."""
    flow = TriggerFlow()
    root = flow.when("Pair")
    root.match().case(lambda data: data.input[0] == "A").to(("a", second)).collect(
        "pairs", "a", mode=mode
    )
    root.match(name="b").case(lambda data: data.input[0] == "B").to(("b", second)).collect(
        "pairs", "b", mode=mode
    ).to(collect)
    flow.to(pairs)

    snapshot = await flow.async_start(PAIRS)
    assert snapshot["seen"] == [{"a": a, "b": b} for a, b in seen]


async def pairs(data: Any) -> None:
    """Send each of the input as an event of its own, in this chunk's scope."""
    for pair in data.input:
        await data.async_emit("Pair", pair)


async def second(data: Any) -> Any:
    """The value of a pair."""
    return data.input[1]


async def test_a_round_is_empty_before_its_dict_goes_on():
    """What the collected branch emits counts for the next round."""

    async def again(data: Any) -> None:
        await data.async_append_state("rounds", data.input)
        if len(data.get_state("rounds")) < 3:
            await data.async_emit("Go", data.input["one"] + 1)

    flow = TriggerFlow()
    root = flow.when("Go")
    root.to(same).collect("c", "one", mode="filled_then_empty").to(again)
    root.to(double).collect("c", "two", mode="filled_then_empty")
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("Go", 1)

    assert execution.get_state("rounds") == [{"one": n, "two": n * 2} for n in (1, 2, 3)]


async def test_signals_from_outside_are_scopes_of_their_own():
    """Two of them do not fill one dict; what was half-filled is told."""

    async def only_once(data: Any) -> bool:
        return data.input == "both"

    flow = TriggerFlow()
    root = flow.when("E")
    root.to(same).collect("c", "always")
    root.match().case(only_once).to(double).collect("c", "sometimes").to(collect)
    execution = flow.create_execution(auto_close=False)
    for value in ("half", "both", "half"):
        await execution.async_emit("E", value)
    await execution.async_close()

    assert execution.get_state("seen") == [{"always": "both", "sometimes": "bothboth"}]
    items = [item async for item in execution.get_async_runtime_stream()]
    assert [item["code"] for item in items] == ["join.never-filled"] * 2


async def test_a_full_collection_is_dropped_without_a_warning():
    """Nothing of it is lost: it went on."""
    flow = TriggerFlow()
    flow.to(same).collect("c")
    flow.to(double).collect("c").to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    assert execution._flow.run.joins == {}
    await execution.async_close()

    assert [item async for item in execution.get_async_runtime_stream()] == []


async def test_collections_of_two_roots_are_apart():
    """Each has the branches of its own root; both send the event."""
    flow = TriggerFlow()
    flow.to(same).collect("c", "one")
    flow.to(double).collect("c", "two")
    flow.when("Other").to(add_one).collect("c", "three")
    flow.when("Collect-c").to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    await execution.async_emit("Other", 1)

    assert execution.get_state("seen") == [{"one": 1, "two": 2}, {"three": 2}]


async def test_branches_of_one_when_share_a_root():
    """Declared by two calls of `when`, or from one cursor; chains keep their root."""
    flow = TriggerFlow()
    flow.when("E").to(same).to(double).collect("c", "one")
    flow.when("E").for_each().to(add_one).end_for_each().collect("c", "two").to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("E", 1)

    assert execution.get_state("seen") == [{"one": 2, "two": [2]}]


async def test_each_item_of_a_loop_collects_for_itself():
    """Its scope is the item."""
    flow = TriggerFlow()
    body = flow.for_each()
    body.to(double).collect("c", "twice")
    body.to(add_one).collect("c", "plus").end_for_each().to(keep)

    assert await flow.async_start([1, 5]) == {
        "kept": [{"twice": 2, "plus": 2}, {"twice": 10, "plus": 6}]
    }


def test_generated_branch_ids_are_the_same_in_every_process():
    """A chunk's name, or the signal that the cursor stands behind."""

    def build(flow: TriggerFlow[Any, Any, Any]) -> list[str]:
        flow.to(double).collect("c")
        flow.when("E").collect("c")
        flow.when("E").for_each().collect("c")
        flow.when({"runtime_data": "k"}).collect("c")
        operators = flow.save_blueprint()["operators"]
        return [o["options"]["branch"] for o in operators if o["kind"] == "collect"]

    one, other = TriggerFlow(), TriggerFlow()
    assert build(one) == build(other)
    assert build(one) == ["double", "event:E", "event:item:event:E", "runtime_data:k"]
    assert one.fingerprint == other.fingerprint


async def test_two_places_may_fill_one_branch():
    """Branch ids are unioned; the latest value counts."""
    flow = TriggerFlow()
    chain = flow.if_condition(lambda data: data.input > 5).to(double).collect("c", "sum")
    chain.else_condition().to(add_one).collect("c", "sum")
    flow.to(same).collect("c", "plain").to(keep)

    assert await flow.async_start(9) == {"kept": {"sum": 18, "plain": 9}}
    assert await flow.async_start(1) == {"kept": {"sum": 2, "plain": 1}}


def test_a_collection_has_one_mode():
    """Its branches cannot disagree."""
    flow = TriggerFlow()
    flow.to(same).collect("c", "one")
    with pytest.raises(ValueError, match="already exists with a different definition"):
        flow.to(double).collect("c", "two", mode="filled_then_empty")


@pytest.mark.parametrize(
    "arguments",
    [("",), (3,), ("c", ""), ("c", 3), ("c", "b", "sometimes"), ("c", "b", 3)],
)
def test_a_collection_checks_its_arguments(arguments: tuple[Any, ...]):
    """Names are text, the mode is one of two."""
    cursor = TriggerFlow().to(same)
    with pytest.raises(DefinitionError):
        cursor.collect(*arguments[:2], **({"mode": arguments[2]} if arguments[2:] else {}))


def test_only_a_cursor_collects():
    """A collection of the start itself would be of one branch."""
    assert not hasattr(TriggerFlow(), "collect")


async def test_a_collection_comes_back_from_a_blueprint():
    """With its branches, their order and its mode."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(double).collect("c", "two", mode="filled_then_empty")
    flow.to(same).collect("c", "one", mode="filled_then_empty").to(keep)
    again = TriggerFlow()
    for function in (double, same, keep):
        again.register_chunk_handler(function)
    again.load_blueprint(flow.save_blueprint())

    assert again.fingerprint == flow.fingerprint
    assert list((await again.async_start(1))["kept"]) == ["two", "one"]
    with pytest.raises(ValueError, match="different definition"):
        again.to(add_one).collect("c", "three")
