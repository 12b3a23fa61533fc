# SPDX-License-Identifier: Apache-2.0
"""Context added to a run under way: taken up at points or by target, seen, marked, kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import (
    InterventionNotFound,
    InterventionsOff,
    RunNotOpen,
)
from tests.triggerflow.handlers import Door, collect, keep, same
from tests.triggerflow.intervened import items_of, planned, see


def held(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


async def test_points_take_up_what_is_meant_for_them_and_pass_the_value_on():
    """One without a target takes the untargeted; others what names their target; in order."""
    execution = held(planned())
    await execution.async_intervene("one")
    await execution.async_intervene("for review", target="reviewer")
    await execution.async_intervene("for nobody", target="nobody")
    await execution.async_intervene("two")
    await execution.async_emit("Go", 7)

    assert await execution.async_close() | {"$interventions": None} == {
        "seen": [[], ["one", "two"], ["one", "for review", "two"]],
        "kept": 7,
        "$interventions": None,
    }
    by_place = sorted(
        execution.get_interventions(), key=lambda r: (r["inserted_at"] or 0, r["version"])
    )
    assert [r["insertion"] and r["insertion"]["operator_name"] for r in by_place] == [
        None,
        "any",
        "any",
        "review",
    ]


async def test_a_record_tells_all_that_is_known_of_it():
    """Fields, their first values, and what the point that took it up adds."""
    execution = held(planned())
    given = {"text": ["look"]}
    made = await execution.async_intervene(
        given, author="ann", note="n", target="reviewer", metadata={"k": 1}
    )
    given["text"].append("later")
    times = {"created_at": made["created_at"]}
    assert made == {
        "id": made["id"],
        "version": 1,
        "status": "pending",
        "payload": {"text": ["look"]},
        "target": "reviewer",
        "author": "ann",
        "note": "n",
        "metadata": {"k": 1},
        "inserted_at": None,
        "insertion": None,
        "expired_at": None,
        "consumers": {},
        **times,
    }
    made["payload"]["text"].clear()
    await execution.async_emit("Go", 1)

    (record,) = execution.get_interventions()
    assert record["payload"] == {"text": ["look"]}
    assert record["status"] == "inserted"
    assert record["insertion"] == {
        "mode": "planned",
        "operator_id": "point:review",
        "operator_name": "review",
        "operator_kind": "point",
        "group_id": None,
        "group_kind": None,
        "signal": {"trigger_event": "chunk:second", "trigger_type": "event"},
        "inserted_at": record["inserted_at"],
        "policy": "planned",
    }


async def test_handlers_see_what_was_inserted_before_they_were_called():
    """Not what is pending, and not what comes while they run."""
    door = Door()

    async def looks(data: Any) -> None:
        await door(data)
        await data.async_set_state("late", [r["version"] for r in data.interventions])
        await data.async_set_state("latest", data.get_latest_intervention("none"))

    flow = planned()
    flow.when("Look").to(looks)
    execution = held(flow)
    await execution.async_intervene("early")
    await execution.async_emit("Go", 1)
    looking = asyncio.ensure_future(execution.async_emit("Look"))
    await door.reached.wait()
    await execution.async_intervene("late")
    await execution.async_emit("Go", 2)
    door.opened.set()
    await looking

    assert execution.get_state("late") == [1]
    assert execution.get_state("latest")["payload"] == "early"
    assert [r["status"] for r in execution.get_interventions()] == ["inserted", "inserted"]


@pytest.mark.parametrize(
    ("filters", "versions"),
    [
        ({}, [1, 2, 3]),
        ({"status": "inserted"}, [1]),
        ({"status": "pending"}, [2, 3]),
        ({"target": "t"}, [2]),
        ({"since_version": 1}, [2, 3]),
        ({"since_version": 1, "target": "t"}, [2]),
        ({"status": "expired"}, []),
    ],
)
async def test_interventions_are_found_by_status_target_and_version(
    filters: dict[str, Any], versions: list[int]
):
    """All filters together; the latest is the last of them."""
    execution = held(planned())
    await execution.async_intervene("one")
    await execution.async_emit("Go")
    await execution.async_intervene("two", target="t")
    await execution.async_intervene("three")

    assert [r["version"] for r in execution.get_interventions(**filters)] == versions
    latest = execution.get_latest_intervention("none", **filters)
    assert latest == "none" if not versions else latest["version"] == versions[-1]
    assert [r["version"] for r in execution.get_pending_interventions()] == [2, 3]
    assert [r["version"] for r in execution.get_pending_interventions("t")] == [2]


async def test_a_filter_that_nobody_knows_is_refused():
    """It would silently find everything."""
    with pytest.raises(TypeError, match="colour"):
        held(planned()).get_latest_intervention(colour="red")


async def test_marks_are_kept_for_each_consumer():
    """By default under the chunk's name; reading is not consuming; the last word counts."""

    async def applies(data: Any) -> None:
        for each in data.get_interventions():
            await data.async_mark_intervention_consumed(each["id"], note="done")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("Go").intervention_point(name="p").to(applies)
    flow.when("Sync").to(
        lambda data: data.mark_intervention_consumed(
            data.get_latest_intervention()["id"], consumer="sync", status="ignored"
        )
    )
    execution = held(flow)
    made = await execution.async_intervene("x")
    await execution.async_emit("Go")
    await execution.async_emit("Sync")
    await execution.async_mark_intervention_consumed(
        made["id"], consumer="ui", status="ignored", metadata={"k": 1}
    )
    said = await execution.async_mark_intervention_consumed(made["id"], consumer="ui")

    marks = said["consumers"]
    assert {name: (m["status"], m["note"], m["metadata"]) for name, m in marks.items()} == {
        "applies": ("applied", "done", {}),
        "sync": ("ignored", None, {}),
        "ui": ("applied", None, {}),
    }
    assert all(mark["consumed_at"] > 0 for mark in marks.values())
    assert await items_of(execution) == [
        ("append", 1),
        ("insert", 1),
        *[("consume", 1)] * 4,
    ]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"consumer": ""}, ValueError),
        ({"consumer": None}, ValueError),
        ({"consumer": "c", "status": "done"}, ValueError),
        ({"consumer": "c", "metadata": ["no"]}, TypeError),
    ],
)
async def test_a_wrong_mark_changes_nothing(how: dict[str, Any], error: type[Exception]):
    """And an unknown id is a KeyError."""
    execution = held(planned())
    made = await execution.async_intervene("x")
    with pytest.raises(error):
        await execution.async_mark_intervention_consumed(made["id"], **how)
    with pytest.raises(KeyError) as caught:
        await execution.async_mark_intervention_consumed("unknown", consumer="c")

    assert isinstance(caught.value, InterventionNotFound)
    assert execution.get_interventions() == [made]


async def test_the_mode_follows_from_the_flow_unless_it_is_chosen():
    """A point means planned; without one it is off; None switches it off."""
    plain: TriggerFlow[Any, Any, Any] = TriggerFlow()
    for execution in (held(plain), held(planned(), intervention_mode=None)):
        with pytest.raises(InterventionsOff, match="runtime intervention is disabled"):
            await execution.async_intervene("x")
        assert execution.get_interventions() == []
        assert execution._flow.run.intervening is None
    await held(plain, intervention_mode="planned").async_intervene("waits for ever")
    assert issubclass(InterventionsOff, RuntimeError)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"intervention_mode": "manual"}, ValueError, "planned"),
        ({"intervention_mode": True}, ValueError, "planned"),
        ({"intervention_mode": "auto"}, ValueError, "can not be used with explicit intervention"),
        ({"intervention_policy": len}, ValueError, "auto"),
        ({"intervention_mode": "planned", "intervention_policy": 5}, TypeError, "callable"),
    ],
)
def test_a_wrong_choice_is_refused(options: dict[str, Any], error: type[Exception], match: str):
    """At the creation of the execution."""
    with pytest.raises(error, match=match):
        planned().create_execution(**options)


async def test_an_intervention_into_a_run_that_is_not_open_is_refused():
    """Sealed and closed alike; the ledger stays as it was and can be read."""
    execution = held(planned())
    await execution.async_intervene("x")
    await execution.async_seal()
    with pytest.raises(RunNotOpen, match="sealed"):
        await execution.async_intervene("y")
    await execution.async_close()
    with pytest.raises(RuntimeError, match="closed"):
        await execution.async_intervene("y")
    with pytest.raises(TypeError, match="metadata"):
        await execution.async_intervene("y", metadata=[1])

    assert [r["payload"] for r in execution.get_interventions()] == ["x"]


async def test_the_end_of_the_run_lets_the_rest_expire():
    """The ledger is in the snapshot, by id; of a run that took none, there is no trace."""
    execution = held(planned())
    await execution.async_intervene("used")
    await execution.async_emit("Go")
    left = await execution.async_intervene("left")
    snapshot = await execution.async_close()

    ledger = snapshot["$interventions"]
    assert [r["status"] for r in ledger.values()] == ["inserted", "expired"]
    assert list(ledger)[1] == left["id"]
    assert ledger[left["id"]]["expired_at"] >= left["created_at"]
    assert await execution.async_close() == snapshot
    assert await items_of(execution) == [
        ("append", 1),
        ("insert", 1),
        ("append", 2),
        ("expire", 2),
    ]
    assert "$interventions" not in await held(planned()).async_close()


async def test_an_intervention_is_no_event_and_changes_nothing():
    """No handler runs, nothing pauses, no value is changed."""
    flow = planned()
    flow.when("intervention").to(collect)
    execution = held(flow)
    await execution.async_set_state("k", 1)
    await execution.async_intervene("x")

    assert execution.get_state() == {"k": 1}
    assert (execution.get_status(), execution.is_idle()) == ("created", True)


def test_blocking_twins_intervene_without_a_loop():
    """As everything that is async."""
    execution = held(planned())
    made = execution.intervene("x", author="a")
    execution.emit("Go", 1)
    execution.mark_intervention_consumed(made["id"], consumer="c")

    assert execution.get_latest_intervention()["consumers"]["c"]["status"] == "applied"


def test_a_point_is_known_by_its_name():
    """The same again adds nothing; another target is refused; so is a chain that turns around."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    cursor = flow.to(same)
    cursor.intervention_point(name="p", target="t")
    before = flow.fingerprint
    cursor.intervention_point(name="p", target="t")
    assert flow.fingerprint == before
    with pytest.raises(ValueError, match="already exists with a different definition"):
        cursor.intervention_point(name="p")
    with pytest.raises(ValueError, match="follow itself"):
        cursor.intervention_point(name="p", target="t").intervention_point(name="p", target="t")
    assert TriggerFlow().intervention_point(name="first").trigger_event == "point:first"


@pytest.mark.parametrize("options", [{"name": ""}, {"name": 5}, {"name": "p", "target": ""}])
def test_a_point_needs_a_name(options: dict[str, Any]):
    """A text with something in it; a target too, or None."""
    with pytest.raises(ValueError, match="intervention_point"):
        TriggerFlow().intervention_point(**options)


async def test_points_are_part_of_a_blueprint():
    """With their targets; the flow made from it takes up what its original would."""
    flow = planned()
    restored: TriggerFlow[Any, Any, Any] = TriggerFlow()
    for name in ("first", "second", "third"):
        restored.register_chunk_handler(see, name=name)
    restored.register_chunk_handler(keep)
    restored.load_blueprint(json.dumps(flow.save_blueprint()))
    assert restored.fingerprint == flow.fingerprint
    execution = held(restored)
    await execution.async_intervene("x", target="reviewer")
    await execution.async_emit("Go", 1)

    assert execution.get_state("seen") == [[], [], ["x"]]
