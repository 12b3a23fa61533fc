# SPDX-License-Identifier: Apache-2.0
"""The mode "auto": interventions are taken up by target, or as a policy says."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.intervened import automatic, see


def held(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


async def test_untargeted_ones_are_taken_up_before_the_next_chunk():
    """Whichever comes next."""
    execution = held(automatic(), intervention_mode="auto")
    await execution.async_intervene("x")
    await execution.async_emit("Go")

    assert execution.get_state("seen") == [["x"], ["x"]]
    insertion = execution.get_latest_intervention()["insertion"]
    assert (insertion["mode"], insertion["operator_id"]) == ("auto", "one")


@pytest.mark.parametrize(
    ("target", "event", "seen"),
    [
        ("two", "Go", [[], ["x"]]),
        ("chunk", "Go", [["x"], ["x"]]),
        ("chunk:two", "Go", [[], []]),
        ("item", "Each", [["x"], ["x"]]),
        ("loop", "Each", [["x"], ["x"]]),
        ("for_each", "Each", [["x"], ["x"]]),
        ("each@loop", "Each", [["x"], ["x"]]),
        ("end_for_each", "Each", [[], ["x"]]),
    ],
)
async def test_a_target_is_a_name_an_id_or_a_kind_of_a_node_or_its_group(
    target: str, event: str, seen: list[list[str]]
):
    """Nodes that only route count too: what is meant for them is there behind them."""
    execution = held(automatic(), intervention_mode="auto")
    await execution.async_intervene("x", target=target)
    await execution.async_emit(event, [1])

    assert execution.get_state("seen") == seen


async def test_what_is_meant_for_a_join_is_there_behind_it():
    """The chunk that runs when both have come sees it."""
    execution = held(automatic(), intervention_mode="auto")
    await execution.async_intervene("x", target="when")
    await execution.async_emit("Go")
    await execution.async_emit("A")
    await execution.async_emit("B")

    assert execution.get_state("seen") == [[], [], ["x"]]


async def test_a_policy_chooses_by_what_it_is_told():
    """Sync or async; it answers an id, several, or None; its name is in the insertion."""
    told: list[dict[str, Any]] = []

    async def second_only(context: dict[str, Any]) -> Any:
        told.append(context)
        if context["operator_name"] != "two":
            return None
        return [r["id"] for r in context["pending_interventions"] if r["version"] != 2]

    execution = held(automatic(), intervention_mode="auto", intervention_policy=second_only)
    for n in range(3):
        await execution.async_intervene(n)
    await execution.async_set_state("k", 1)
    await execution.async_emit("Go", "v")

    assert execution.get_state("seen") == [[], [0, 2]]
    assert [r["status"] for r in execution.get_interventions()] == [
        "inserted",
        "pending",
        "inserted",
    ]
    assert execution.get_interventions()[0]["insertion"]["policy"] == "second_only"
    assert set(told[0]) == {
        "execution_id",
        "flow_name",
        "signal",
        "operator",
        "operator_id",
        "operator_name",
        "operator_kind",
        "group_id",
        "group_kind",
        "pending_interventions",
        "state",
        "latest_inserted_version",
    }
    assert (told[0]["flow_name"], told[0]["operator_id"]) == ("automatic", "one")
    assert (told[0]["state"], told[0]["latest_inserted_version"]) == ({"k": 1}, 0)
    assert [r["version"] for r in told[1]["pending_interventions"]] == [1, 2, 3]


async def test_a_policy_inside_a_loop_is_told_its_group():
    """The loop's id, and its kind."""
    told = []

    def policy(context: dict[str, Any]) -> None:
        told.append((context["operator_name"], context["group_id"], context["group_kind"]))

    execution = held(automatic(), intervention_mode="auto", intervention_policy=policy)
    await execution.async_intervene("x")
    await execution.async_emit("Each", [1])

    assert told == [("item", "each@loop", "for_each"), ("end", None, None)]


async def test_a_policy_that_raises_or_answers_nonsense_inserts_nothing():
    """The run goes on; watchers are warned."""

    def policy(context: dict[str, Any]) -> Any:
        if context["operator_name"] == "one":
            raise LookupError
        return "unknown"

    execution = held(automatic(), intervention_mode="auto", intervention_policy=policy)
    await execution.async_intervene("x")
    await execution.async_emit("Go", 1)

    assert execution.get_state("seen") == [[], []]
    assert [r["status"] for r in execution.get_interventions()] == ["pending"]
    await execution.async_stop_stream()
    items = [item async for item in execution.get_async_runtime_stream()]
    assert [item["code"] for item in items if item["type"] == "warning"] == [
        "intervention.policy-failed",
        "intervention.unknown",
    ]


async def test_untargeted_ones_wait_for_a_chunk_and_not_for_a_match():
    """A condition judges a value: only what names the match is taken up before it."""
    for target, before in ((None, "chunk"), ("match@choice", "match"), ("match", "match")):
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
        chosen = flow.when("Go").match(name="choice").case(lambda data: True).to(see, name="one")
        chosen.end_match()
        execution = held(flow, intervention_mode="auto")
        await execution.async_intervene("x", target=target)
        await execution.async_emit("Go")

        assert execution.get_state("seen") == [["x"]]
        assert execution.get_latest_intervention()["insertion"]["operator_kind"] == before


@pytest.mark.parametrize("target", ["child", "inner", "chunk", None])
async def test_a_target_may_lie_in_a_sub_flow(target: str | None):
    """A chunk of it, or the sub-flow as a whole; its chunks see the ledger of the run."""
    child: TriggerFlow[Any, Any, Any] = TriggerFlow(name="child")
    child.to(see, name="inner")
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("Go").to_sub_flow(child, write_back={"state": {"seen": "snapshot.seen"}})
    execution = held(flow, intervention_mode="auto")
    await execution.async_intervene("x", target=target)
    await execution.async_emit("Go", 1)

    assert execution.get_state("seen") == [["x"]]


async def test_a_point_in_a_sub_flow_takes_interventions_of_the_run_up():
    """So the mode of the execution is planned."""
    child: TriggerFlow[Any, Any, Any] = TriggerFlow(name="child")
    child.intervention_point(name="p").to(see, name="inner")
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("Go").to_sub_flow(child, write_back={"state": {"seen": "snapshot.seen"}})
    execution = held(flow)
    await execution.async_intervene("x")
    await execution.async_emit("Go", 1)

    assert execution.get_state("seen") == [["x"]]
