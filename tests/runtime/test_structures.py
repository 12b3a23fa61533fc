# SPDX-License-Identifier: Apache-2.0
"""Runs whose definition changed: who takes them up, what they follow from then on, what is told."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.errors import (
    StoreUnavailable,
    WorkflowGraphChanged,
    WrongDefinition,
)
from holdfast.persistence.parts import merge
from holdfast.persistence.place import place_in
from holdfast.persistence.store import Store
from holdfast.runtime import looking
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.runtime import changes
from tests.runtime.changes import Build
from tests.runtime.test_checking import asked, content, ended

Pair = tuple[Build, Build]

FLOW: Pair = (
    changes.flow_of(changes.ask, changes.finish),
    changes.flow_of(changes.ask, changes.plain, changes.finish),
)
GRAPH: Pair = (
    changes.graph_of(changes.FRONT, changes.ASK, changes.TELL),
    changes.graph_of(changes.FRONT, changes.ASK, changes.MORE, changes.TELL),
)
BOTH = pytest.mark.parametrize("pair", [FLOW, GRAPH], ids=["flow", "workflow"])


async def begun(pair: Pair) -> Store:
    """A store with a run "r" of the first structure, which waits for its answer."""
    store = MemoryStore()
    before = pair[0]()
    async with Engine(store, [before]) as engine:
        await asked(await engine.start(before, "in", run_id="r"))
    return store


@BOTH
async def test_a_run_that_was_resumed_follows_the_structure_of_today(pair: Pair) -> None:
    """Engines of it take the run up by themselves; those of the old one leave it from then on."""
    store = await begun(pair)
    today = pair[1]()
    with pytest.warns(RuntimeWarning, match="has changed"):
        async with Engine(store, [today], recover=False) as engine:
            await engine.resume("r")
    row = await store.row("r")
    assert (row.fingerprint, row.moved_to) == (today.fingerprint, today.fingerprint)
    assert row.head.fingerprint == pair[0]().fingerprint

    async with Engine(store, [pair[0]()]) as old:
        await old.answer("r", "q", "yes")
        assert await old.look() == 0
        assert (await store.row("r")).inbox == 1
        (told,) = await old.check("changing")
        assert (told.saved, told.verdict) == (today.fingerprint, "changed")
    async with Engine(store, [pair[1]()]) as new:
        await ended(await new.open("r"))


@BOTH
async def test_an_answer_to_a_run_of_another_structure_is_kept_for_whoever_goes_on(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller has his row; nobody takes the run up; that is told once, by name."""
    store = await begun(pair)
    with caplog.at_level(logging.WARNING, "holdfast.engine"):
        async with Engine(store, [pair[1]()]) as engine:
            handle = await engine.open("r")
            assert (await handle.answer("q", "yes")).status == "answered"
            for _ in range(3):
                assert await engine.look() == 0
            assert (await store.row("r")).owner is None
            failure = engine.failures["r"]
            assert isinstance(failure, WrongDefinition)
            assert "engine.resume('r')" in failure.hint
            with pytest.raises(WrongDefinition, match="another structure"):
                await handle.result()
            texts = [record.getMessage() for record in caplog.records]
            assert len(texts) == 1
            assert "1 runs wait for another structure of 'changing'" in texts[0]
            with pytest.warns(RuntimeWarning, match="has changed"):
                resumed = await engine.resume("r")
            await resumed.result()
            assert engine.failures == {}


@BOTH
async def test_strict_refuses_a_changed_structure_and_changes_nothing(pair: Pair) -> None:
    """Also one that has all that the run needs."""
    store = await begun(pair)
    before = await content(store)
    async with Engine(store, [pair[1]()], recover=False) as engine:
        with pytest.raises(WrongDefinition, match="its structure") as caught:
            await engine.resume("r", strict=True)
        assert isinstance(caught.value, WorkflowGraphChanged) == (pair is GRAPH)
        row = await store.row("r")
    assert (row.owner, row.seq, row.moved_to) == (None, before[0].seq, None)
    async with Engine(store, [pair[0]()], recover=False) as engine:
        await engine.resume("r", strict=True)


@BOTH
async def test_an_engine_that_takes_changed_runs_needs_no_call(pair: Pair) -> None:
    """It takes over what can go on, with the warning, and tells of the rest."""
    store = await begun(pair)
    async with Engine(store, recover=False) as outside:
        await outside.answer("r", "q", "yes")
    with pytest.warns(RuntimeWarning, match="has changed"):
        async with Engine(store, [pair[1]()], take_changed=True) as engine:
            await ended(await engine.open("r"))

    store = await begun(pair)
    async with Engine(store, recover=False) as outside:
        await outside.answer("r", "q", "yes")
    gone = changes.flow_of(changes.plain) if pair is FLOW else changes.graph_of(changes.FRONT)
    async with Engine(store, [gone()], take_changed=True) as engine:
        assert isinstance(engine.failures["r"], WrongDefinition)
        assert "ask" in engine.failures["r"].missing


@BOTH
@pytest.mark.filterwarnings("ignore:the definition has changed")
async def test_nothing_of_a_run_goes_on_before_its_new_structure_is_down(pair: Pair) -> None:
    """Whichever store call fails: the first commit is the move, or the run is as it was."""
    refused = 0
    for k in range(1, 40):
        store = await begun(pair)
        async with Engine(store, recover=False) as outside:
            await outside.answer("r", "q", "yes")
        before = await store.read("r")
        plan = FaultPlan(at=k)
        engine = Engine(FaultyStore(store, plan), [pair[1]()], recover=False)
        try:
            await engine.resume("r")
        except StoreUnavailable:
            refused += 1
        row = await store.row("r")
        if row.moved_to is None:
            assert row.seq == before.seq
            assert row.inbox == 1
        else:
            first = await store.read("r", at=before.seq + 1)
            version, structure = place_in(merge(first.anchor, first.deltas))
            assert (version, structure) == (None, pair[1]().fingerprint)
        if not plan.failed:
            break
    assert refused > 3
    assert not plan.failed


@pytest.mark.filterwarnings("ignore:the definition has changed")
async def test_a_commit_of_before_a_change_is_still_one_of_the_old_structure() -> None:
    """A run that moved on is gone back with: the old graph fits exactly, the new has changed."""
    store = await begun(GRAPH)
    async with Engine(store, [GRAPH[1]()], recover=False) as engine:
        resumed = await engine.resume("r")
        await resumed.answer("q", "yes")
        await resumed.result()
        await ended(resumed)
    early = (await store.list_checkpoint_ids(run_id="r"))[1]
    late = (await store.list_checkpoint_ids(run_id="r"))[-1]
    hashes = [(await store.load(one)).graph_signature_hash for one in (early, late)]
    assert hashes == [GRAPH[0]().fingerprint, GRAPH[1]().fingerprint]
    for workflow, checkpoint, fits in (
        (GRAPH[0](), early, True),
        (GRAPH[1](), early, False),
        (GRAPH[1](), late, True),
        (GRAPH[0](), late, False),
    ):
        outputs = workflow.get_checkpoint_outputs(checkpoint, checkpoint_storage=store)
        assert await outputs == (["yes"] if checkpoint == late else [])
        call = workflow.run(
            checkpoint_id=checkpoint, checkpoint_storage=store, on_graph_change="fail"
        )
        if fits:
            await call
            # Whoever goes on with it is the one to take it up from now on.
            assert (await store.row("r")).fingerprint == workflow.fingerprint
        else:
            with pytest.raises(WorkflowGraphChanged):
                await call


async def test_an_execution_opened_in_a_store_moves_its_run_too() -> None:
    """It is asked for by name, which is as explicit as a resume."""
    store = await begun(FLOW)
    today = FLOW[1]()
    execution = today.create_execution(store=store, run_id="r", auto_close=False)
    with pytest.warns(RuntimeWarning, match="has changed"):
        await execution.async_continue_with("q", "yes")
    assert await execution.async_close() == {"end": "yes"}
    assert (await store.row("r")).moved_to == today.fingerprint


async def test_a_save_of_a_moved_run_is_of_the_structure_it_follows() -> None:
    """What its record says of structures stays behind: it follows whatever loads it."""
    store = await begun(FLOW)
    today = FLOW[1]()
    execution = today.create_execution(store=store, run_id="r", auto_close=False)
    with pytest.warns(RuntimeWarning, match="has changed"):
        await execution.async_resume()
    saved = await execution.async_release()
    assert saved["fingerprint"] == today.fingerprint
    other = MemoryStore()
    again: TriggerFlow[Any, Any, Any] = FLOW[0]()
    async with Engine(other, [again]) as engine:
        with pytest.warns(RuntimeWarning, match="has changed"):
            await engine.adopt(saved, run_id="copy")
        row = await other.row("copy")
        assert (row.fingerprint, row.moved_to) == (again.fingerprint, None)
        (told,) = await engine.check(again)
        assert (told.saved, told.verdict) == (again.fingerprint, "same")


async def test_runs_of_another_structure_do_not_hide_those_that_an_engine_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor do those of definitions that it does not hold, however few it looks at in one go."""
    monkeypatch.setattr(looking, "LOOK_AT", 2)
    store = MemoryStore()
    before, today = FLOW[0](), FLOW[1]()
    other: TriggerFlow[Any, Any, Any] = TriggerFlow(name="other")
    other.to(changes.ask)
    async with Engine(store, [before, other], recover=False) as engine:
        for number in range(5):
            await asked(await engine.start(before, "in", run_id=f"old-{number}"))
            await asked(await engine.start(other, "in", run_id=f"other-{number}"))
    async with Engine(store, [today], recover=False) as engine:
        await asked(await engine.start(today, "in", run_id="new"))
    async with Engine(store, recover=False) as outside:
        for row in await outside.runs():
            await outside.answer(row.run_id, "q", "yes")
    async with Engine(store, [today]) as engine:
        for _ in range(8):
            await engine.look()
        await ended(await engine.open("new"))
        assert len(engine.failures) == 5
