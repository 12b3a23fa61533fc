# SPDX-License-Identifier: Apache-2.0
"""Runs that a store keeps: written before anyone acts on it, and gone on with by their id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import MemoryStore, SQLiteStore, TriggerFlow
from holdfast.errors import (
    AlreadyAnswered,
    InvalidId,
    OwnershipLost,
    RunError,
    StoreUnavailable,
    ValueRefused,
    WrongDefinition,
)
from holdfast.persistence.store import Store
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.triggerflow import journeys
from tests.triggerflow.handlers import Door, add_one, ask, collect, double, keep, same


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of each kind."""
    made: Store = MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "runs.db")
    yield made
    await made.close()


def kept(flow: TriggerFlow[Any, Any, Any], store: Store, run_id: str = "r") -> Any:
    """An execution of the store that closes when it is told to."""
    return flow.create_execution(auto_close=False, store=store, run_id=run_id)


async def commits(store: Store, run_id: str = "r") -> int:
    """How many commits the run has."""
    return (await store.read(run_id)).seq


def approval() -> TriggerFlow[Any, Any, Any]:
    """Ask, double the answer, keep it."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="approval")
    flow.to(ask).to(double).to(keep)
    flow.when("E").to(collect)
    return flow


async def test_a_run_is_opened_again_by_its_id(store: Store):
    """Its state, its questions and its joins are there; it goes on where it stood."""
    first = kept(approval(), store)
    await first.async_start(1)
    await first.async_emit("E", "before")
    await first.async_release()

    second = kept(approval(), store)
    await second.async_resume()
    assert list(second.get_pending_interrupts()) == ["q-1"]
    assert second.get_status() == "waiting"
    await second.async_emit("E", "after")
    await second.async_continue_with("q-1", 21)
    assert await second.async_close() == {"seen": ["before", "after"], "kept": 42}
    assert (await store.row("r")).status == "completed"


async def test_a_run_that_ended_is_opened_as_ended(store: Store):
    """Its snapshot is read; it takes nothing more."""
    await kept(approval(), store, "ended").async_close()
    first = kept(approval(), store)
    await first.async_emit("E", 1)
    await first.async_close()
    second = kept(approval(), store)

    assert await second.async_close() == {"seen": [1]}
    with pytest.warns(RuntimeWarning, match="closed"):
        await second.async_emit("E", 2)


async def test_a_lone_step_is_one_commit(store: Store):
    """A chain of four is the start, then one for each that ends; the close is one more."""
    flow = TriggerFlow(name="chain")
    flow.to(add_one).to(double).to(same).to(keep)
    execution = kept(flow, store)
    await execution.async_start(1)
    assert await commits(store) == 5

    await execution.async_close()
    assert await commits(store) == 6


async def test_state_written_in_a_step_costs_no_commit_of_its_own(store: Store):
    """It is down with the end of its handler; one from outside is down when its call returns."""

    async def writes(data: Any) -> None:
        for n in range(50):
            await data.async_append_state("list", n)
            await data.async_set_state("last", n)

    flow = TriggerFlow(name="writes")
    flow.to(writes)
    execution = kept(flow, store)
    await execution.async_start()
    assert await commits(store) == 2
    await execution.async_set_state("outside", 1)
    assert await commits(store) == 3


async def test_nothing_starts_before_its_commit():
    """A handler that runs has been written down as due, and its answer as given."""
    store = MemoryStore()
    seen = []

    async def look(data: Any) -> Any:
        seen.append(len((await store.read("r")).deltas) + 1)
        return data.input

    flow = TriggerFlow(name="look")
    flow.to(look).to(look, name="second").to(ask).to(look, name="answered")
    execution = kept(flow, store)
    await execution.async_start(1)
    await execution.async_continue_with("q-1", 2)

    assert seen == [1, 2, 6]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("again", [False, True])
async def test_after_a_failed_save_nothing_starts(when: Any, again: bool):
    """The error is raised to whoever waits; the run in memory is dead, the stored one whole."""
    for at in range(1, 40):
        inner = MemoryStore()
        plan = FaultPlan(at, when=when, again=again)
        begun: list[Any] = []

        async def note(data: Any, begun: list[Any] = begun) -> Any:
            begun.append(data.input)
            return data.input + 1

        def built(note: Any = note) -> TriggerFlow[Any, Any, Any]:
            flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="faulty")
            flow.to(note, name="a").to(note, name="b").to(note, name="c").to(keep)
            return flow

        execution = kept(built(), FaultyStore(inner, plan))
        failure: BaseException | None = None
        try:
            await execution.async_start(1)
            await execution.async_close()
        except StoreUnavailable as error:
            failure = error
        if not plan.failed:
            assert begun == [1, 2, 3]
            break
        if failure is None:
            continue
        stopped = list(begun)
        if execution.live.dead is not None:  # else it could not even be opened
            with pytest.raises(StoreUnavailable):
                await execution.async_emit("START", 100)
        assert begun == stopped
        plan.disarm()
        fresh = kept(built(), inner)
        await _take_over(inner, fresh)
        if not fresh.is_closed():
            await fresh.async_start(1)
        assert await fresh.async_close() == {"kept": 4}
    else:
        pytest.fail("the story never ended without a fault")


async def _take_over(store: Store, execution: Any) -> None:
    """Open a run whose owner, in this process, has died."""
    for owner in await store.owners():
        await store.retire(owner.owner)
    await execution.async_resume()


async def test_a_value_that_would_not_come_back_is_refused_where_it_is_given(store: Store):
    """Inputs, payloads and returned values; what was refused changes nothing."""

    async def returns_live(data: Any) -> Any:
        return open

    flow = TriggerFlow(name="live")
    flow.to(same).to(keep)
    flow.when("Live").to(returns_live).to(collect)
    flow.when("Last").to(returns_live, name="unread")
    execution = kept(flow, store)
    with pytest.raises(ValueRefused):
        await execution.async_start(open)
    assert not execution.started
    await execution.async_start(1)
    with pytest.raises(ValueRefused, match="returns_live"):
        await execution.async_emit("Live")
    with pytest.raises(ValueRefused):
        await execution.async_emit("START", {"deep": open})

    assert execution.get_state() == {"kept": 1}


async def test_of_two_executions_of_one_run_the_first_answer_wins():
    """Only one of them may write; the other is told that it lost the run."""
    store = MemoryStore()
    first = kept(approval(), store)
    await first.async_start(1)
    second = kept(approval(), store)
    await second.async_resume()

    outcomes = await asyncio.gather(
        first.async_continue_with("q-1", 1),
        second.async_continue_with("q-1", 2),
        return_exceptions=True,
    )
    lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert any(isinstance(outcome, AlreadyAnswered | OwnershipLost) for outcome in lost)
    value = (await store.waits(run_id="r", status="answered")).items[0].value
    third = kept(approval(), store)
    await third.async_resume()
    await third.live.until_quiet()
    assert value is not None
    assert third.get_state("kept") == 2 * int(value)


async def test_an_answer_given_to_the_store_is_heard_when_the_run_is_opened(store: Store):
    """Whoever gave it needed neither the definition nor the ownership."""
    from holdfast import Engine

    first = kept(approval(), store)
    await first.async_start(1)
    await first.async_release()
    async with Engine(store) as outsider:
        await outsider.answer("r", "q-1", 4, request_id="mail-1", actor="ann")
    second = kept(approval(), store)
    await second.async_resume()
    await second.live.until_quiet()

    assert second.get_state("kept") == 8
    again = await second.async_continue_with("q-1", 4, resume_request_id="mail-1")
    assert again["resumed_by"] == "ann"


async def test_a_run_taken_up_runs_what_was_in_flight_again(store: Store):
    """From its top, with what it wrote taken back and what it sent recognised."""
    door = Door()
    flow = journeys.flow()
    first = flow.create_execution(
        auto_close=False, store=store, run_id="r", runtime_resources={"gate": door}
    )
    running = asyncio.ensure_future(first.async_emit("Emit", "a"))
    await door.reached.wait()
    await first.async_set_state("commit", "what is under way")
    await first.async_release()
    with pytest.raises(RunError, match="released"):
        await running

    second = kept(journeys.flow(), store)
    assert await second.async_close() == {
        "charges": ["a"],
        "commit": "what is under way",
        "scratch": 1,
        "begun": ["a"],
        "kept": ["receipt a", "a"],
    }


async def test_a_loop_and_its_questions_survive_at_every_commit(store: Store):
    """Items that ended, wait and have not begun are all in the record."""
    first = kept(journeys.flow(), store)
    await first.async_emit("Items", list(range(6)))
    for n in (4, 0):
        await first.async_continue_with(f"q-{n}", n * 10)
    await first.async_release()
    second = kept(journeys.flow(), store)
    await second.async_resume()
    assert sorted(second.get_pending_interrupts()) == ["q-1", "q-2", "q-3", "q-5"]
    for n in (5, 1, 3, 2):
        await second.async_continue_with(f"q-{n}", n * 10)

    snapshot = await second.async_close()
    assert snapshot["kept"] == [0, 10, 20, 30, 40, 50]


async def test_a_changed_definition_opens_if_it_has_all_that_the_run_needs(store: Store):
    """Else it is refused by name, and the stored run stays as it is."""
    first = kept(approval(), store)
    await first.async_start(1)
    await first.async_release()
    other = TriggerFlow(name="approval")
    other.to(same)
    with pytest.raises(WrongDefinition, match="ask"):
        await kept(other, store).async_resume()
    for owner in await store.owners():
        await store.retire(owner.owner)
    grown = approval()
    grown.when("New").to(collect, name="new")
    second = kept(grown, store)
    with pytest.warns(RuntimeWarning, match="changed"):
        await second.async_resume()

    assert second.is_waiting()


async def test_a_document_is_not_loaded_into_a_stored_run(store: Store):
    """A stored run is opened by its id; a document becomes one by `Engine.adopt`."""
    execution = kept(approval(), store)
    with pytest.raises(RunError, match="run_id"):
        execution.load(approval().create_execution(auto_close=False).save())
    with pytest.raises(InvalidId):
        kept(approval(), store, "../../etc")


async def test_sealing_is_kept(store: Store):
    """A run that was sealed is sealed when it is opened again."""
    first = kept(approval(), store)
    await first.async_emit("E", 1)
    await first.async_seal()
    await first.async_release()
    second = kept(approval(), store)
    await second.async_resume()

    assert second.is_sealed()
    await second.async_unseal()
    await second.async_emit("E", 2)
    assert second.get_state("seen") == [1, 2]


async def test_the_row_of_a_step_does_not_grow_with_what_is_there():
    """The commit of step 1600 of a growing list is within 5 % of that of step 10.

    What grows is the number of digits in its counters.
    """
    store = MemoryStore()
    sizes: dict[int, int] = {}
    append = store.append

    async def weighed(claim: Any, commit: Any, *, after: int) -> int:
        sizes[len(sizes)] = len(commit.delta)
        return await append(claim, commit, after=after)

    store.append = weighed  # type: ignore[method-assign]

    async def step(data: Any) -> None:
        await data.async_append_state("list", "x" * 300)
        if data.input < 1610:
            await data.async_emit_nowait("Step", data.input + 1)

    flow = TriggerFlow(name="grows")
    flow.when("Step").to(step)
    execution = kept(flow, store)
    await execution.async_emit_nowait("Step", 1)
    await execution.live.until_quiet()

    assert sizes[1600] <= 1.05 * sizes[10]
    assert len(execution.get_state("list")) == 1610


async def test_ten_thousand_open_questions_cost_a_step_nothing():
    """A handler that never asked is not looked up among them."""

    class Counted(dict[str, Any]):
        looked = 0

        def values(self) -> Any:
            Counted.looked += 1
            return super().values()

    flow = TriggerFlow()
    flow.when("Ask").to(ask)
    flow.when("E").to(same).to(double).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("Ask", 1)
    run = execution._flow.run
    run.waits = Counted(run.waits)
    before = Counted.looked
    await asyncio.gather(*(execution.async_emit("E", n) for n in range(20)))

    assert Counted.looked - before <= 20 * 2
