# SPDX-License-Identifier: Apache-2.0
"""Interventions that are saved, loaded, and kept by a store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import (
    InterventionsOff,
    StoreUnavailable,
    ValueRefused,
)
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.triggerflow.handlers import same
from tests.triggerflow.intervened import automatic, planned, see


def held(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


async def test_a_save_holds_all_of_it():
    """Mode, ledger, versions, consumers and what is pending go on as if never saved."""
    execution = held(planned())
    made = await execution.async_intervene({"n": (1, 2)}, author="a", metadata={"k": {1}})
    await execution.async_emit("Go", 1)
    await execution.async_mark_intervention_consumed(made["id"], consumer="c", note="n")
    await execution.async_intervene("pending", target="reviewer")
    before = execution.get_interventions()
    text = json.dumps(execution.save())

    restored = held(planned())
    restored.load(text)
    assert restored.get_interventions() == before
    assert (await restored.async_intervene("third"))["version"] == 3
    await restored.async_emit("Go", 2)
    assert restored.get_state("seen")[3:] == [
        [{"n": (1, 2)}],
        [{"n": (1, 2)}, "third"],
        [{"n": (1, 2)}, "pending", "third"],
    ]


async def test_a_load_keeps_the_mode_of_the_save_unless_another_was_chosen():
    """A policy is never saved: the loading execution brings its own."""
    execution = held(automatic(), intervention_mode="auto")
    await execution.async_intervene("x", target="two")
    saved = execution.save()

    restored = held(automatic())
    restored.load(saved)
    await restored.async_emit("Go")
    assert restored.get_state("seen") == [[], ["x"]]

    off = held(automatic(), intervention_mode=None)
    off.load(saved)
    await off.async_emit("Go")
    with pytest.raises(InterventionsOff):
        await off.async_intervene("y")
    assert [r["status"] for r in off.get_interventions()] == ["pending"]

    def policy(context: dict[str, Any]) -> Any:
        return context["pending_interventions"][0]["id"]

    chosen = held(automatic(), intervention_mode="auto", intervention_policy=policy)
    chosen.load(saved)
    await chosen.async_emit("Go")
    assert chosen.get_state("seen") == [["x"], ["x"]]


async def test_a_flow_that_got_a_point_takes_interventions_after_a_load():
    """The save of the older flow knew of none."""
    older: TriggerFlow[Any, Any, Any] = TriggerFlow(name="planned")
    older.when("Go").to(see, name="first")
    saved = held(older).save()
    restored = held(planned())
    with pytest.warns(RuntimeWarning, match="definition has changed"):
        restored.load(saved)
    await restored.async_intervene("x")
    await restored.async_emit("Go")

    assert restored.get_state("seen") == [[], ["x"], ["x"]]


async def test_a_load_of_a_run_without_interventions_adds_none():
    """Neither to the record nor to the snapshot."""
    execution = held(TriggerFlow())
    restored = held(TriggerFlow())
    restored.load(execution.save())

    assert restored._flow.run.intervening is None
    assert await restored.async_close() == {}


async def test_a_kept_run_has_an_intervention_before_its_caller_is_told():
    """A killed process finds it again; what cannot be kept is refused and leaves no trace."""
    store = MemoryStore()
    execution = held(planned(), store=store, run_id="r")
    await execution.async_intervene("x")
    with pytest.raises(ValueRefused, match="payload of intervention"):
        await execution.async_intervene(object())
    await execution.async_emit("Go", 1)
    await execution.async_mark_intervention_consumed(
        execution.get_latest_intervention()["id"], consumer="c"
    )
    await execution.async_intervene("y")
    before = execution.get_interventions()
    await execution.stop()

    again = held(planned(), store=store, run_id="r")
    await again.async_resume()
    assert again.get_interventions() == before
    assert [r["version"] for r in before] == [1, 2]
    snapshot = await again.async_close()
    assert [r["status"] for r in snapshot["$interventions"].values()] == ["inserted", "expired"]
    assert await held(planned(), store=store, run_id="r").async_close() == snapshot


async def test_a_failed_save_is_told_to_who_intervened():
    """And watchers hear nothing of it."""
    plan = FaultPlan()
    execution = held(planned(), store=FaultyStore(MemoryStore(), plan), run_id="r")
    await execution.async_set_state("k", 1)
    plan.at, plan.again = plan.calls + 1, True
    with pytest.raises(StoreUnavailable):
        await execution.async_intervene("x")
    plan.disarm()

    again = held(planned(), store=execution._home.store.inner, run_id="r")
    await execution._closer.flow.live.saver.keeper.release()
    await again.async_resume()
    assert again.get_interventions() == []
    assert execution._flow.stream is None


async def test_a_commit_holds_what_changed_and_not_the_payload_again():
    """An insertion and a mark are small parts of their own."""
    store = MemoryStore()
    execution = held(planned(), store=store, run_id="r")
    await execution.async_intervene("x" * 50_000)
    await execution.async_emit("Go", 1)
    for n in range(20):
        await execution.async_mark_intervention_consumed(
            execution.get_latest_intervention()["id"], consumer=f"c{n}"
        )
    stored = await store.read("r")

    assert sum(len(delta) for delta in stored.deltas) < 120_000


async def test_a_run_that_takes_none_writes_nothing_about_them():
    """No part, no byte."""
    store = MemoryStore()
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("Go").to(same)
    execution = held(flow, store=store, run_id="r")
    await execution.async_emit("Go", 1)
    stored = await store.read("r")

    assert b"interven" not in stored.anchor + b"".join(stored.deltas)
