# SPDX-License-Identifier: Apache-2.0
"""Blocks and joins in a save: half-filled, half-started, parked, and met by a changed flow."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import WrongDefinition
from tests.triggerflow.handlers import Door, ask, collect, double, keep, same


async def answer_for(data: Any) -> Any:
    """Ask about the branch that this chunk is."""
    name = data.event.rpartition(":")[2]
    return await data.async_pause_for(payload=data.input, interrupt_id=f"{name}-{data.input}")


def loaded(flow: TriggerFlow[Any, Any, Any], execution: Any, **how: Any) -> Any:
    """The execution's save, through text, in another flow."""
    again = flow.create_execution(auto_close=False)
    return again.load(json.loads(json.dumps(execution.save())), **how)


def batch_flow() -> TriggerFlow[Any, Any, Any]:
    """Three branches, of which two ask."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="batch")
    flow.batch(("left", answer_for), double, ("right", answer_for)).to(keep)
    return flow


@pytest.mark.parametrize("order", [["left", "right"], ["right", "left"]])
async def test_a_half_filled_batch_fills_after_a_load(order: list[str]):
    """Each answer lands under the branch that asked."""
    execution = batch_flow().create_execution(auto_close=False)
    await execution.async_start(4)
    for name in order:
        execution = loaded(batch_flow(), execution, strict=True)
        await execution.async_continue_with(f"{name}-4", f"the {name}")

    kept = await execution.async_close()
    assert kept == {"kept": {"left": "the left", "double": 8, "right": "the right"}}
    assert list(kept["kept"]) == ["left", "double", "right"]


async def test_branches_that_have_not_started_start_after_a_load():
    """What was under way runs again; the cap holds, and the results are complete."""
    door = Door()
    begun: list[str] = []

    def branch(name: str) -> Any:
        async def work(data: Any) -> str:
            begun.append(name)
            gate = data.get_resource("gate")
            if gate is not None:
                await gate(data)
            return name

        return name, work

    def build() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="capped")
        flow.batch(*map(branch, "abcd"), concurrency=2).to(keep)
        return flow

    execution = build().create_execution(auto_close=False, runtime_resources={"gate": door})
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    again = loaded(build(), execution)
    start.cancel()
    await asyncio.wait({start})
    begun.clear()
    await again.async_resume()
    await again.live.until_quiet()

    assert sorted(begun) == ["a", "b", "c", "d"]
    assert await again.async_close() == {"kept": dict(zip("abcd", "abcd", strict=True))}
    await execution.live.halt()


def hits(*cases: Any, mode: str = "hit_all", name: str = "hits") -> TriggerFlow[Any, Any, Any]:
    """A match whose branches all ask; each tells its case in the question."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name=name)
    chain = flow.to(same).match(mode=mode)
    for case in cases:
        label = getattr(case, "__name__", str(case))
        chain = chain.case(case).to(ask_as(label), name=f"ask {label}")
    chain.end_match().to(keep)
    return flow


def ask_as(label: str) -> Any:
    """A handler that asks under the label of its case."""

    async def asks(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id=label)

    return asks


def is_positive(data: Any) -> bool:
    """More than nothing."""
    return data.input > 0


def is_even(data: Any) -> bool:
    """Divided by two without a rest."""
    return data.input % 2 == 0


async def test_the_hits_of_a_match_keep_their_place_after_a_load():
    """Answered in the other order, they come back in case order."""
    cases = (is_positive, 4, is_even)
    execution = hits(*cases).create_execution(auto_close=False)
    await execution.async_start(4)
    for label in ("is_even", "4", "is_positive"):
        execution = loaded(hits(*cases), execution, strict=True)
        await execution.async_continue_with(label, f"by {label}")

    assert await execution.async_close() == {"kept": ["by is_positive", "by 4", "by is_even"]}


async def test_the_branch_of_a_hit_is_found_by_what_it_asks():
    """In a flow that has more cases now, in another order, the run goes on with a warning."""
    execution = hits(is_positive, is_even).create_execution(auto_close=False)
    await execution.async_start(4)
    with pytest.warns(RuntimeWarning, match="changed"):
        again = loaded(hits(7, is_even, is_positive, 4), execution)
    await again.async_continue_with("is_even", "even")
    await again.async_continue_with("is_positive", "positive")

    assert await again.async_close() == {"kept": ["positive", "even"]}


async def test_a_flow_without_the_case_of_a_hit_is_refused():
    """It is named."""
    execution = hits(is_positive, is_even).create_execution(auto_close=False)
    await execution.async_start(4)
    with pytest.raises(WrongDefinition, match="is_even") as caught:
        loaded(hits(is_positive), execution)

    assert any("if:is_even" in name for name in caught.value.missing)


async def test_a_flow_without_a_branch_under_way_is_refused():
    """For a batch as for a match."""
    execution = batch_flow().create_execution(auto_close=False)
    await execution.async_start(4)
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="batch")
    flow.batch(("left", answer_for), double).to(keep)
    flow.when("Never").to(("right", answer_for))
    with pytest.raises(WrongDefinition, match=r"batch@event:START\[right\]"):
        loaded(flow, execution)


async def test_a_hit_of_a_case_without_a_name_is_refused_in_a_changed_flow():
    """Nobody can say whether its condition is still the same; in the same flow it goes on."""

    def build(*more: Any) -> TriggerFlow[Any, Any, Any]:
        return hits(lambda data: True, *more)

    execution = build().create_execution(auto_close=False)
    await execution.async_start(4)
    with pytest.raises(WrongDefinition, match="match@"):
        loaded(build(is_even), execution)
    again = loaded(build(), execution)
    await again.async_continue_with("<lambda>", "yes")

    assert await again.async_close() == {"kept": ["yes"]}


async def test_a_routing_that_is_parked_can_be_retried_after_a_load():
    """The condition is judged in the process that retries, on the value as it was sent."""

    def build(broken: bool) -> TriggerFlow[Any, Any, Any]:
        def judge(data: Any) -> bool:
            data.input.append("seen")
            if broken:
                raise ZeroDivisionError("no scale")
            return data.input == [1, "seen"]

        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="parked")
        flow.to(same).match().case(judge).to(("yes", same)).end_match().to(keep)
        return flow

    execution = build(broken=True).create_execution(
        auto_close=False, store=MemoryStore(), run_id="r"
    )
    with pytest.raises(ZeroDivisionError):
        await execution.async_start([1])
    again = loaded(build(broken=False), execution, strict=True)
    assert again.get_status() == "failed"
    await again.async_retry()

    assert again.get_state("kept")[0] == 1
    assert (await again.async_close())["kept"][-1] == "seen"


def collecting() -> TriggerFlow[Any, Any, Any]:
    """Two branches of a root; one of them asks."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="collecting")
    flow.to(double).collect("c", "double")
    flow.to(ask).collect("c", "asked").to(keep)
    return flow


async def test_a_half_filled_collection_fills_after_a_load():
    """Its scope counts the open question, so it is not dropped."""
    execution = collecting().create_execution(auto_close=False)
    await execution.async_start(4)
    execution = loaded(collecting(), execution, strict=True)
    await execution.async_continue_with("q-4", "answer")

    assert await execution.async_close() == {"kept": {"double": 8, "asked": "answer"}}
    assert execution._flow.run.joins == {}


async def test_a_half_filled_collection_is_told_when_its_question_is_cancelled():
    """Nothing can fill it any more."""
    execution = collecting().create_execution(auto_close=False)
    await execution.async_start(4)
    execution = loaded(collecting(), execution)
    await execution.async_close(pending_interrupts="cancel")

    items = [item async for item in execution.get_async_runtime_stream()]
    assert "join.never-filled" in [item.get("code") for item in items]


@pytest.mark.parametrize("resume", ["next", "self"])
async def test_a_failure_behind_an_answer_stops_the_branches_beside_it(resume: str):
    """They belong to one block, though to two signals; a retry takes both up again."""
    door = Door()
    faults = [LookupError("late")]

    async def asks(data: Any) -> Any:
        if data.is_resume:
            return await breaks(data)
        return await data.async_pause_for(interrupt_id="q", resume_to=resume)

    async def breaks(data: Any) -> Any:
        if faults:
            raise faults.pop()
        return "mended"

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    chain = flow.for_each().match().case("asks").to(asks)
    chain = chain.to(breaks) if resume == "next" else chain
    chain.case_else().to(door).end_match().end_for_each().to(keep)
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(["asks", "waits"]))
    await door.reached.wait()

    with pytest.raises(LookupError, match="late"):
        await execution.async_continue_with("q", "go")
    with pytest.raises(LookupError, match="late"):
        await start
    assert door.cancelled == 1
    assert len(execution._flow.parked()) == 2

    door.opened.set()
    await execution.async_retry()
    assert await execution.async_close() == {"kept": ["mended", "waits"]}


async def test_a_run_in_a_store_keeps_its_blocks_over_a_restart():
    """A batch with one open question, taken up by another execution of the run."""
    store = MemoryStore()
    execution = batch_flow().create_execution(auto_close=False, store=store, run_id="r")
    await execution.async_start(4)
    await execution.async_continue_with("right-4", "R")
    await execution.stop()
    again = batch_flow().create_execution(auto_close=False, store=store, run_id="r")
    await again.async_continue_with("left-4", "L")

    assert await again.async_close() == {"kept": {"left": "L", "double": 8, "right": "R"}}


async def test_a_flow_that_only_gained_a_branch_takes_the_run():
    """The pass under way has the branches that it began with; the next one has all."""

    def build(*more: Any) -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="grown")
        flow.when("E").batch(("left", answer_for), *more).to(collect)
        return flow

    execution = build().create_execution(auto_close=False)
    await execution.async_emit("E", 1)
    with pytest.warns(RuntimeWarning, match="changed"):
        again = loaded(build(double), execution)
    await again.async_continue_with("left-1", "L")
    await again.async_emit("E", 2)
    await again.async_continue_with("left-2", "L")

    assert again.get_state("seen") == [{"left": "L"}, {"left": "L", "double": 4}]
