# SPDX-License-Identifier: Apache-2.0
"""Traps of event flows that go wrong silently elsewhere, each shown not to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.handlers import add_one, ask, collect, double, keep, same
from tests.triggerflow.test_block_costs import started


def joining() -> TriggerFlow[Any, Any, Any]:
    """A join of two events, a collection and a batch; each waits for an answer too."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="joining")
    flow.when(["A", "B"]).to(collect)
    root = flow.when("Batch")
    root.batch(ask, double).to(collect, name="batched")
    root.to(same).collect("c", "plain")
    root.to(ask, name="ask again").collect("c", "asked").to(collect, name="collected")
    return flow


async def test_a_join_saved_half_filled_fires_once_when_it_is_full_and_with_its_own_values():
    """Saved and loaded as text between every two steps."""

    def again(execution: Any) -> Any:
        saved = json.loads(json.dumps(execution.save()))
        return joining().create_execution(auto_close=False).load(saved, strict=True)

    value = {"n": (1, None), "text": "x"}
    execution = joining().create_execution(auto_close=False)
    await execution.async_emit("A", value)
    execution = again(execution)
    assert execution.get_state() == {}
    await execution.async_emit("Other", "unrelated")
    execution = again(execution)
    assert execution.get_state() == {}
    await execution.async_emit("B", [value])
    assert execution.get_state("seen") == [{"event": {"A": value, "B": [value]}}]
    await again(execution).async_emit("B", "late")
    assert len(execution.get_state("seen")) == 1


async def test_a_batch_and_a_collection_saved_half_filled_wait_for_what_they_lack():
    """Answered by another process, each gives its own values, once."""

    def answered(event: str) -> Any:
        async def asks(data: Any) -> Any:
            return await data.async_pause_for(interrupt_id=event)

        return asks

    def build() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="both")
        flow.batch(("asks", answered("batch")), double).to(collect, name="batched")
        flow.to(same).collect("c", "plain")
        flow.to(answered("collection"), name="other").collect("c", "asked").to(collect)
        return flow

    execution = build().create_execution(auto_close=False)
    await execution.async_start(4)
    for wait in ("collection", "batch"):
        saved = json.loads(json.dumps(execution.save()))
        execution = build().create_execution(auto_close=False).load(saved, strict=True)
        await execution.async_continue_with(wait, f"to the {wait}")

    assert await execution.async_close() == {
        "seen": [
            {"plain": 4, "asked": "to the collection"},
            {"asks": "to the batch", "double": 8},
        ]
    }


@pytest.mark.parametrize("concurrency", [None, 1, 7])
async def test_an_item_of_a_loop_costs_the_same_among_fifty_and_among_two_thousand(
    concurrency: int | None,
):
    """Counted in calls, with a cap and without."""
    each = {}
    for many in (50, 2000):
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
        flow.for_each(concurrency=concurrency).to(double).to(add_one).end_for_each().to(keep)
        each[many] = await started(flow, list(range(many)), None) / many

    assert each[2000] < 1.1 * each[50]


@pytest.mark.parametrize(
    "wire",
    [
        lambda flow: flow.to(same).to(same),
        lambda flow: flow.to(same).to(double).to(same),
        lambda flow: flow.to(same).for_each().to(double).end_for_each().to(same),
        lambda flow: flow.to(same).if_condition(1).to(double).end_condition().to(double),
        lambda flow: flow.to(same).batch(double, add_one).to(add_one),
        lambda flow: flow.to(same).collect("c").to(same),
        lambda flow: flow.to(same).side_branch(same),
        lambda flow: flow.when("same").to(same) if flow.chunk(same) else None,
    ],
)
def test_a_function_used_twice_in_a_chain_is_refused_instead_of_spinning(wire: Any):
    """However many blocks lie between; the error says what to do."""
    with pytest.raises(ValueError, match="name="):
        wire(TriggerFlow())


async def test_a_function_used_twice_under_two_names_runs_twice():
    """That is what the error asks for."""
    flow = TriggerFlow()
    flow.to(add_one).to(add_one, name="once more").to(("and again", add_one)).to(keep)

    assert await flow.async_start(0) == {"kept": 3}


async def test_no_condition_is_taken_for_another_and_none_goes_unasked():
    """Lambdas on one line, truths that are not True, coroutines: each decides its own branch."""

    async def later(data: Any) -> Any:
        return data.input % 2

    def tell(text: str) -> Any:
        return text, lambda data: text

    flow = TriggerFlow()
    chain = flow.match(mode="hit_all")
    chain = chain.case(lambda d: d.input > 0).to(tell("a")).case(lambda d: d.input > 1).to(tell("b"))  # fmt: skip # noqa: E501
    chain = chain.case(lambda data: "truth" if data.input > 2 else "").to(tell("truth"))
    chain.case(later).to(tell("awaited")).end_match().to(keep)

    assert await flow.async_start(0) == {"kept": 0}
    assert await flow.async_start(1) == {"kept": ["a", "awaited"]}
    assert await flow.async_start(2) == {"kept": ["a", "b"]}
    assert await flow.async_start(3) == {"kept": ["a", "b", "truth", "awaited"]}


@pytest.mark.parametrize(
    "declare",
    [
        lambda flow: flow.match(mode="first"),
        lambda flow: flow.when(["A", "B"], mode="any"),
        lambda flow: flow.to(same).collect("c", mode="once"),
        lambda flow: flow.batch(same, same),
        lambda flow: flow.batch(lambda data: 1, lambda data: 2),
        lambda flow: flow.batch(),
        lambda flow: flow.when([]),
        lambda flow: flow.when({"event": "A", "wether": "B"}),
        lambda flow: flow.match().case(1).to(same).case(1),
    ],
)
def test_what_could_only_go_wrong_silently_is_refused_where_it_is_declared(declare: Any):
    """Unknown modes and kinds, branches of one name, nothing to wait for, cases of one value."""
    with pytest.raises(ValueError, match=r".+"):
        declare(TriggerFlow())
