# SPDX-License-Identifier: Apache-2.0
"""`for_each`: one pass for each item, the results in the order of the items."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.handlers import Door, ask, collect, double, fail, keep, same


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        (deque([1, 2]), [1, 2]),
        ([], []),
        ("text", ["text"]),
        (b"bytes", [b"bytes"]),
        (bytearray(b"b"), [bytearray(b"b")]),
        (7, [7]),
        (None, [None]),
        ({"a": 1}, [{"a": 1}]),
        ({1, 2}, [{1, 2}]),
    ],
)
async def test_sequences_are_expanded_and_anything_else_is_one_item(value: Any, items: list[Any]):
    """Text and bytes are scalars; an empty sequence gives [] and runs the body never."""
    flow = TriggerFlow()
    flow.for_each().to(same).end_for_each().to(keep)

    assert await flow.async_start(value) == {"kept": items}


async def test_an_empty_body_passes_the_items_through():
    """Opening and closing at once."""
    flow = TriggerFlow()
    flow.for_each().end_for_each().to(keep)

    assert await flow.async_start((1, 2)) == {"kept": [1, 2]}


async def test_results_are_in_the_order_of_the_items_not_of_their_ends():
    """The last item ends first here."""
    doors = {n: asyncio.Event() for n in range(4)}

    async def backwards(data: Any) -> Any:
        if data.input + 1 in doors:
            await doors[data.input + 1].wait()
        doors[data.input].set()
        await data.async_append_state("ended", data.input)
        return data.input * 10

    flow = TriggerFlow()
    flow.for_each().to(backwards).end_for_each().to(keep)

    assert await flow.async_start([0, 1, 2, 3]) == {
        "ended": [3, 2, 1, 0],
        "kept": [0, 10, 20, 30],
    }


async def test_without_an_end_the_rest_of_the_chain_runs_once_for_each_item():
    """And nothing is gathered."""
    flow = TriggerFlow()
    flow.for_each().to(double).to(collect)

    assert sorted((await flow.async_start([1, 2, 3]))["seen"]) == [2, 4, 6]


async def test_loops_nest_and_give_nested_lists():
    """Three levels, with empty lists and scalars inside."""
    flow = TriggerFlow()
    chain = flow.for_each(name="outer").for_each(name="middle").for_each(name="inner").to(double)
    chain.end_for_each().end_for_each().end_for_each().to(keep)

    assert await flow.async_start([[[1, 2], []], [3], []]) == {
        "kept": [[[2, 4], []], [[6]], []],
    }


async def test_loops_follow_each_other():
    """The second one gets the first one's list."""
    flow = TriggerFlow()
    flow.for_each().to(double).end_for_each().for_each().to(same).end_for_each().to(keep)

    assert await flow.async_start([1, 2]) == {"kept": [2, 4]}


@pytest.mark.parametrize("cap", [1, 2, 5])
async def test_a_cap_limits_how_many_items_run_at_once(cap: int):
    """The next one starts when one ends; all of them run."""
    running = {"now": 0, "most": 0}

    async def count(data: Any) -> Any:
        running["now"] += 1
        running["most"] = max(running["most"], running["now"])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running["now"] -= 1
        return data.input

    flow = TriggerFlow()
    flow.for_each(concurrency=cap).to(count).to(same, name="second").end_for_each().to(keep)

    assert await flow.async_start(list(range(9))) == {"kept": list(range(9))}
    assert running["most"] == cap


@pytest.mark.parametrize("cap", [None, 0, -3])
async def test_no_cap_starts_every_item_at_once(cap: int | None):
    """None, zero and negative numbers mean no limit."""
    everybody = asyncio.Barrier(5)

    async def meet(data: Any) -> Any:
        await everybody.wait()

    flow = TriggerFlow()
    flow.for_each(concurrency=cap).to(meet).end_for_each().to(keep)

    assert await flow.async_start(range(5)) == {"kept": [None] * 5}


async def test_a_failing_item_fails_the_loop_and_stops_the_rest():
    """The error reaches the caller; nothing is gathered."""
    door = Door()

    async def third_fails(data: Any) -> Any:
        return await (fail(data) if data.input == 2 else door(data))

    flow = TriggerFlow()
    flow.for_each().to(third_fails).end_for_each().to(keep)
    execution = flow.create_execution(auto_close=False)

    with pytest.raises(LookupError, match="no 2"):
        await execution.async_start([0, 1, 2])
    await asyncio.sleep(0)

    assert door.cancelled == 2
    assert await execution.async_close() == {}


async def test_items_that_pause_join_when_all_are_answered():
    """Each answer lands at its own item, in any order."""
    flow = TriggerFlow()
    flow.for_each().to(ask).to(double).end_for_each().to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(["a", "b", "c"])

    assert list(execution.get_pending_interrupts()) == ["q-a", "q-b", "q-c"]
    await execution.async_continue_with("q-b", 2)
    await execution.async_continue_with("q-c", 3)
    assert execution.get_state() == {}
    await execution.async_continue_with("q-a", 1)

    assert await execution.async_close() == {"kept": [2, 4, 6]}


async def test_items_that_pause_for_themselves_run_again_each_with_its_own_answer():
    """Only the item that was answered runs again."""

    async def ask_again(data: Any) -> Any:
        await data.async_append_state("runs", data.input)
        if not data.is_resume:
            return await data.async_pause_for(interrupt_id=data.input, resume_to="self")
        return f"{data.input}: {data.resume.value}"

    flow = TriggerFlow()
    flow.for_each().to(ask_again).end_for_each().to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(["a", "b"])
    await execution.async_continue_with("b", "yes")
    await execution.async_continue_with("a", "no")

    assert await execution.async_close() == {
        "runs": ["a", "b", "b", "a"],
        "kept": ["a: no", "b: yes"],
    }


async def test_an_item_that_pauses_makes_room_for_the_next():
    """A cap counts items that work: a question that is open stops nobody."""
    flow = TriggerFlow()
    flow.for_each(concurrency=2).to(ask).end_for_each().to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(range(5))

    assert sorted(execution.get_pending_interrupts()) == [f"q-{n}" for n in range(5)]
    for n in (3, 1, 4, 0, 2):
        await execution.async_continue_with(f"q-{n}", n * 10)

    assert await execution.async_close() == {"kept": [0, 10, 20, 30, 40]}


async def test_answered_items_count_against_the_cap_again():
    """While they work no further item starts beyond the cap."""
    doors = {n: Door() for n in range(4)}

    async def ask_or_work(data: Any) -> Any:
        if data.input == 0 and not data.is_resume:
            return await data.async_pause_for(interrupt_id="q", resume_to="self")
        return await doors[data.input](data)

    flow = TriggerFlow()
    flow.for_each(concurrency=1).to(ask_or_work).end_for_each().to(keep)
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(range(4)))
    await doors[1].reached.wait()
    answered = asyncio.ensure_future(execution.async_continue_with("q", True))
    await doors[0].reached.wait()
    doors[1].opened.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert not doors[2].reached.is_set()
    for door in doors.values():
        door.opened.set()
    await asyncio.gather(start, answered)
    assert await execution.async_close() == {"kept": [0, 1, 2, 3]}


async def test_an_item_that_ends_without_a_result_is_told():
    """The list can never be filled: a warning in the stream says how many are missing."""

    async def pause_into_nothing(data: Any) -> Any:
        if data.input == 1:
            await data.async_pause_for(interrupt_id="q", resume_to={"event": "Elsewhere"})
        return data.input

    flow = TriggerFlow()
    flow.for_each().to(pause_into_nothing).end_for_each().to(keep)
    flow.when("Elsewhere").to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start([0, 1, 2])
    await execution.async_continue_with("q", "answer")

    assert await execution.async_close() == {"seen": ["answer"]}
    items = [item async for item in execution.get_async_runtime_stream()]
    warned = [item for item in items if item["type"] == "warning"]
    assert [item["code"] for item in warned] == ["block.never-filled"]
    assert "1 of 3 items" in warned[0]["text"]


async def test_the_last_of_several_results_of_an_item_counts():
    """A fan-out inside the body reaches the end twice for each item."""
    flow = TriggerFlow()
    body = flow.for_each()
    gathered = body.to(same).end_for_each()
    gathered.to(collect)

    assert await flow.async_start([1, 2]) == {"seen": [[1, 2]]}


async def test_one_chunk_walks_a_tree_through_a_loop():
    """A loop may lead back to a chunk: it ends where a list is empty."""

    async def children(data: Any) -> list[Any]:
        await data.async_append_state("seen", data.input["name"])
        return data.input.get("children", [])

    flow = TriggerFlow()
    flow.to(children).for_each().to("children")
    tree = {"name": "a", "children": [{"name": "b"}, {"name": "c", "children": [{"name": "d"}]}]}

    assert sorted((await flow.async_start(tree))["seen"]) == ["a", "b", "c", "d"]


async def test_concurrent_passes_through_one_loop_are_apart():
    """Each signal is a pass of its own."""
    flow = TriggerFlow()
    flow.when("Batch").for_each().to(double).end_for_each().to(collect)
    execution = flow.create_execution(auto_close=False)

    await asyncio.gather(*(execution.async_emit("Batch", [n, n + 1]) for n in range(3)))

    assert sorted(execution.get_state("seen")) == [[0, 2], [2, 4], [4, 6]]
