# SPDX-License-Identifier: Apache-2.0
"""`batch`: several handlers with one value, and the dict of what they return."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import DefinitionError
from tests.triggerflow.handlers import Door, add_one, collect, double, fail, keep, same


async def test_branches_share_the_value_and_their_results_come_as_a_dict():
    """By name, in the order they were declared, whoever ends first."""

    async def slow(data: Any) -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return f"slow {data.input}"

    flow = TriggerFlow()
    flow.batch(slow, double, ("plus", add_one)).to(keep)

    snapshot = await flow.async_start(5)
    assert snapshot == {"kept": {"slow": "slow 5", "double": 10, "plus": 6}}
    assert list(snapshot["kept"]) == ["slow", "double", "plus"]


async def test_every_kind_of_target_is_a_branch():
    """Callables, chunks, names of chunks, pairs, partials and callable objects."""

    class Ten:
        async def __call__(self, data: Any) -> int:
            return data.input + 10

    async def add(by: int, data: Any) -> int:
        return data.input + by

    flow = TriggerFlow()
    chunk = flow.chunk("chunk")(double)
    flow.chunk("named")(add_one)
    flow.batch(chunk, "named", ("pair", same), functools.partial(add, 100), Ten()).to(keep)
    flow.when("Lambda").batch(lambda data: data.input).to(collect)
    execution = flow.create_execution(auto_close=False)

    await execution.async_start(1)
    await execution.async_emit("Lambda", 3)

    assert execution.get_state() == {
        "kept": {"chunk": 2, "named": 2, "pair": 1, "add": 101, "Ten": 11},
        "seen": [{"<lambda>": 3}],
    }


async def test_one_branch_gives_a_dict_too():
    """The shape does not depend on how many there are."""
    flow = TriggerFlow()
    flow.batch(double).to(keep)

    assert await flow.async_start(2) == {"kept": {"double": 4}}


async def test_a_batch_beside_the_chain_leaves_its_value_alone():
    """The cursor stays where it was; the branches run."""
    flow = TriggerFlow()
    flow.to(same).batch(double, collect, side_branch=True).to(keep)

    assert await flow.async_start(7) == {"kept": 7, "seen": [7]}


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (2, 2), (None, 4), (0, 4), (-3, 4)])
async def test_a_cap_counts_the_branches_at_work(concurrency: int | None, most: int):
    """None and what is not positive is no cap; the results are the same."""
    at_work = 0
    seen = 0

    async def work(data: Any) -> int:
        nonlocal at_work, seen
        at_work += 1
        seen = max(seen, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        return data.input

    flow = TriggerFlow()
    flow.batch(*((f"w{n}", work) for n in range(4)), concurrency=concurrency).to(keep)

    assert await flow.async_start(1) == {"kept": {"w0": 1, "w1": 1, "w2": 1, "w3": 1}}
    assert seen == most


async def test_whoever_awaits_the_signal_waits_for_branches_that_have_not_started():
    """Even if what holds the place of one was sent without waiting for it."""
    door = Door()

    async def sends(data: Any) -> str:
        await data.async_emit_nowait("Later", data.input)
        return "sent"

    flow = TriggerFlow()
    flow.batch(sends, double, concurrency=1).to(keep)
    flow.when("Later").to(door)
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(4))
    await door.reached.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not start.done()

    door.opened.set()
    await start
    assert execution.get_state("kept") == {"sends": "sent", "double": 8}


async def test_concurrent_passes_through_one_batch_are_apart():
    """Each signal fills a dict of its own."""
    doors = [Door("a"), Door("b")]

    async def wait(data: Any) -> Any:
        return await doors[data.input](data)

    flow = TriggerFlow()
    flow.when("E").batch(wait, ("twin", same)).to(collect)
    execution = flow.create_execution(auto_close=False)
    passes = [asyncio.ensure_future(execution.async_emit("E", n)) for n in range(2)]
    await asyncio.gather(*(door.reached.wait() for door in doors))
    doors[1].opened.set()
    await passes[1]
    doors[0].opened.set()
    await passes[0]

    assert execution.get_state("seen") == [{"wait": 1, "twin": 1}, {"wait": 0, "twin": 0}]


async def test_a_failing_branch_fails_the_batch_and_cancels_the_others():
    """The error reaches the caller as it was raised; nothing goes on behind the batch."""
    door = Door()

    async def breaks(data: Any) -> None:
        await door.reached.wait()
        raise LookupError("broken")

    flow = TriggerFlow()
    flow.batch(door, breaks).to(keep)
    execution = flow.create_execution(auto_close=False)

    with pytest.raises(LookupError, match="broken"):
        await execution.async_start(1)
    await execution.live.until_quiet()

    assert (door.cancelled, execution.get_status()) == (1, "failed")
    assert execution.get_state() == {}


async def test_branches_that_have_not_started_do_not_start_after_a_failure():
    """A cap keeps their place; a retry lets all go on, and each result lands in its place."""
    seen: list[str] = []
    faults = [LookupError("once")]

    async def flaky(data: Any) -> str:
        seen.append("flaky")
        if faults:
            raise faults.pop()
        return "mended"

    async def second(data: Any) -> str:
        seen.append("second")
        return "second"

    flow = TriggerFlow()
    flow.batch(flaky, second, concurrency=1).to(keep)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(LookupError):
        await execution.async_start(1)
    assert seen == ["flaky"]

    await execution.async_retry()

    assert seen == ["flaky", "flaky", "second"]
    assert await execution.async_close() == {"kept": {"flaky": "mended", "second": "second"}}


async def test_a_parked_branch_can_be_skipped_with_a_value():
    """The value stands for its result."""
    flow = TriggerFlow()
    flow.batch(fail, double).to(keep)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(LookupError):
        await execution.async_start(4)
    for delivery in list(execution._flow.parked()):
        await execution.async_skip(delivery.id, f"instead of {delivery.node}")

    kept = execution.get_state("kept")
    assert kept["fail"] == "instead of fail"
    assert kept["double"] in (8, "instead of double")


@pytest.mark.parametrize(
    "targets",
    [
        (lambda data: 1, lambda data: 2),
        (double, double),
        (double, ("double", double)),
        (("one", double), ("one", add_one)),
    ],
)
def test_two_branches_of_one_name_are_refused(targets: tuple[Any, ...]):
    """One would overwrite the other's result."""
    with pytest.raises(ValueError, match=r"double|lambda|one"):
        TriggerFlow().batch(*targets)


def test_two_functions_that_share_a_name_need_pairs():
    """Their results would have one key; named on purpose they have two."""

    def another() -> Any:
        async def double(data: Any) -> Any:
            return data.input

        return double

    with pytest.raises(DefinitionError, match="two branches named 'double'"):
        TriggerFlow().batch(double, another())
    flow = TriggerFlow()
    flow.batch(double, ("other", another())).to(keep)
    assert flow.start(3) == {"kept": {"double": 6, "other": 3}}


def test_a_batch_of_nothing_is_refused():
    """It could never go on."""
    with pytest.raises(ValueError, match="at least one"):
        TriggerFlow().batch()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"concurrency": "3"}, TypeError),
        ({"concurrency": True}, TypeError),
        ({"name": ""}, ValueError),
        ({"name": 3}, ValueError),
    ],
)
def test_a_batch_checks_its_options(arguments: dict[str, Any], error: type[Exception]):
    """At the definition."""
    with pytest.raises(error):
        TriggerFlow().batch(double, **arguments)


async def test_a_name_makes_a_second_batch_at_one_place():
    """Without one, other branches at the same place are a contradiction."""
    flow = TriggerFlow()
    flow.batch(double, add_one).to(keep)
    with pytest.raises(ValueError, match="already exists with a different definition"):
        flow.batch(double, same)

    flow.batch(same, ("copy", same), name="second").to(collect)
    assert await flow.async_start(3) == {
        "kept": {"double": 6, "add_one": 4},
        "seen": [{"same": 3, "copy": 3}],
    }


def test_a_chunk_of_the_chain_cannot_be_a_branch_behind_itself():
    """Its end would start the batch again."""
    with pytest.raises(DefinitionError, match="name="):
        TriggerFlow().to(double).batch(double, add_one)
    with pytest.raises(DefinitionError, match="name="):
        TriggerFlow().batch(double, add_one).to(double)


async def test_a_chunk_of_two_batches_gives_each_what_belongs_to_it():
    """And what it returns outside of both is told only if nobody else listens to it."""
    flow = TriggerFlow()
    flow.when("One").batch(double, add_one).to(collect)
    flow.when("Two").batch(double, same).to("collect")
    flow.when("Alone").to("double")
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("One", 1)
    await execution.async_emit("Two", 2)
    assert execution.get_state("seen") == [{"double": 2, "add_one": 2}, {"double": 4, "same": 2}]
    await execution.async_emit("Alone", 3)
    await execution.async_close()

    items = [item async for item in execution.get_async_runtime_stream()]
    assert {item["code"] for item in items} == {"block.stray-value"}
    assert len(items) == 2


async def test_branches_do_not_join_with_one_another_by_their_ends():
    """Each is a scope of its own: what `when` joins in one is not what the other gave."""
    flow = TriggerFlow()
    flow.batch(double, add_one).to(keep)
    flow.when(["double", "add_one"]).to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(2)

    assert await execution.async_close() == {"kept": {"double": 4, "add_one": 3}}
    items = [item async for item in execution.get_async_runtime_stream()]
    assert [item["code"] for item in items] == ["join.never-filled"] * 2
