# SPDX-License-Identifier: Apache-2.0
"""Every kind of edge inside a sub-workflow, into one and out of one."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Workflow, WorkflowBuilder
from holdfast.errors import WorkflowStrictException
from holdfast.workflow import Case, Default, SubWorkflowResponseMessage, WorkflowExecutor
from tests.workflow.graphs import Context, Do, Remembers, forward, give, warnings_of
from tests.workflow.subs import Answers, Shows, asking, inner, outer


def called(result: Any) -> list[str]:
    """Whose handlers were called, in order."""
    return [e.executor_id for e in result if e.type == "executor_invoked"]


def inside(declare: Any, works: dict[str, Any], *names: str) -> WorkflowExecutor:
    """A node "s" of executors by name; declare adds its edges."""

    def make() -> Workflow:
        made = {name: Remembers(name, works.get(name, forward)) for name in names}
        return declare(WorkflowBuilder(start_executor=made[names[0]]), made).build()  # type: ignore[no-any-return]

    return WorkflowExecutor(make, "s", allow_direct_output=True)


def lone(node: WorkflowExecutor) -> Workflow:
    """A workflow of that node alone."""
    return WorkflowBuilder(start_executor=node).build()


async def test_conditions_inside_decide_inside() -> None:
    """They are found under the group's name, wherever it stands."""

    def declare(made: WorkflowBuilder, of: Any) -> WorkflowBuilder:
        made.add_edge(of["x"], of["y"], condition=lambda n: n > 5)
        return made.add_edge(of["x"], of["z"], condition=lambda n: n <= 5)

    node = inside(declare, {"y": give, "z": give}, "x", "y", "z")
    assert called(await lone(node).run(9)) == ["s/x", "s/y"]
    assert called(await lone(node).run(1)) == ["s/x", "s/z"]


async def test_switch_and_selection_work_inside() -> None:
    """A selection sees the ids of its own graph."""
    seen: list[list[str]] = []

    def select(message: Any, ids: list[str]) -> list[str]:
        seen.append(ids)
        return [ids[0]]

    def declare(made: WorkflowBuilder, of: Any) -> WorkflowBuilder:
        cases = [Case(lambda n: n == 1, of["y"]), Default(of["z"])]
        made.add_switch_case_edge_group(of["x"], cases)
        return made.add_multi_selection_edge_group(of["z"], [of["u"], of["v"]], select)

    node = inside(declare, {"y": give, "u": give, "v": give}, "x", "y", "z", "u", "v")
    assert called(await lone(node).run(1)) == ["s/x", "s/y"]
    assert called(await lone(node).run(2)) == ["s/x", "s/z", "s/u"]
    assert seen == [["u", "v"]]


async def test_a_fan_in_inside_gathers_inside() -> None:
    """It keeps what came under its path."""

    def declare(made: WorkflowBuilder, of: Any) -> WorkflowBuilder:
        made.add_fan_out_edges(of["x"], [of["y"], of["z"]])
        return made.add_fan_in_edges([of["y"], of["z"]], of["t"])

    node = inside(declare, {"t": give}, "x", "y", "z", "t")
    assert (await lone(node).run("m")).get_outputs() == [["m", "m"]]


@pytest.mark.parametrize("when", ["all", "settled"])
async def test_sub_workflows_are_sources_and_target_of_a_fan_in(when: Any, place: Any) -> None:
    """What they yield is gathered; the list goes to the inner start; a restart keeps the half."""

    async def later(message: Any, ctx: Context) -> None:
        await ctx.send_message(f"{message} late")

    def made() -> Workflow:
        quick = WorkflowExecutor(inner("x>", {"x": give}), "quick")
        slow = WorkflowExecutor(inner("x>y", {"x": later, "y": give}), "slow")
        total = WorkflowExecutor(inner("x>", {"x": give}), "total", allow_direct_output=True)
        begin = Do("begin", forward)
        built = WorkflowBuilder(start_executor=begin, name="w")
        built.add_fan_out_edges(begin, [quick, slow])
        return built.add_fan_in_edges([quick, slow], total, when=when).build()

    result = await made().run("m", checkpoint_storage=place)
    assert result.get_outputs() == [["m", "m late"]]

    kept = await place.list_checkpoint_ids()
    for number in range(1, len(kept)):
        again = await made().run(checkpoint_id=kept[number], checkpoint_storage=place)
        assert again.get_outputs() == [["m", "m late"]]


async def test_a_condition_that_fails_about_a_result_parks_the_routing_only() -> None:
    """The inner executor ended; what its sub-workflow sends by it is routed again."""
    fails = [True]
    runs: list[str] = []

    def pick(message: Any) -> bool:
        if fails:
            fails.pop()
            raise ConnectionError("down")
        return True

    async def work(message: Any, ctx: Context) -> None:
        runs.append("x")
        ctx.set_state("seen", 1)
        await ctx.yield_output(message)

    node = WorkflowExecutor(inner("x>", {"x": work}), "s")
    end = Do("b", give)
    workflow = WorkflowBuilder(start_executor=node).add_edge(node, end, condition=pick).build()
    with pytest.raises(ConnectionError):
        await workflow.run("m")
    result = await workflow.run(resume=True)

    assert (result.get_outputs(), runs) == (["m"], ["x"])


async def test_a_question_is_offered_although_the_routing_of_a_message_failed() -> None:
    """Both were made by one handler; the end of that handler stands."""
    fails = [True]

    def pick(message: Any) -> bool:
        if fails:
            fails.pop()
            raise ConnectionError("down")
        return True

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info(message, bool, request_id="q")
        await ctx.send_message("on")

    async def heard(request: Any, answer: Any, ctx: Context) -> None:
        await ctx.yield_output(f"{request}: {answer}")

    def make() -> Workflow:
        x, y = Do("x", ask, heard), Do("y", give)
        return WorkflowBuilder(start_executor=x).add_edge(x, y, condition=pick).build()

    async def agree(request: Any, ctx: Any) -> None:
        await ctx.send_message(request.create_response(True))

    node, boss, show = WorkflowExecutor(make, "s"), Answers("boss", agree), Shows()
    built = WorkflowBuilder(start_executor=node).add_edge(node, boss).add_edge(boss, node)
    workflow = built.add_edge(node, show).build()
    with pytest.raises(ConnectionError):
        await workflow.run("m")
    result = await workflow.run(resume=True)

    assert sorted(result.get_outputs()) == ["m: True", "on"]
    assert (len(boss.requests), warnings_of(result)) == (1, [])


async def test_a_condition_may_keep_a_question_from_the_graph_around() -> None:
    """An edge that does not open does not take it: it goes on outward."""
    node, boss = WorkflowExecutor(asking(), "s"), Answers("boss", None)
    built = WorkflowBuilder(start_executor=node)
    built.add_edge(node, boss, condition=lambda message: False).add_edge(boss, node)
    workflow = built.add_edge(node, Shows()).build()
    result = await workflow.run("order")

    assert boss.requests == []
    assert [e.request_id for e in result.get_request_info_events()] == ["q"]
    assert warnings_of(result) == []


async def test_strict_stops_for_a_question_that_is_left_unanswered() -> None:
    """Where it would be a warning; by decision the outside is asked after all."""
    parts = {"s": asking(), "boss": Answers("boss", None), "show": Shows()}
    workflow = outer("s>boss boss>s s>show", parts, strict=True)
    with pytest.raises(WorkflowStrictException, match="'q' of 's/ask' was taken inside"):
        await workflow.run("order")

    result = await workflow.run(resume=True)
    assert [e.request_id for e in result.get_request_info_events()] == ["q"]
    assert (await workflow.run(responses={"q": True})).get_outputs() == ["order: True (1)"]


async def test_strict_stops_for_a_response_to_no_question() -> None:
    """The end of the handler that sent it stands, and its routing is to be decided."""

    async def twice(request: Any, ctx: Any) -> None:
        await ctx.send_message(request.create_response(True))
        await ctx.send_message(
            SubWorkflowResponseMessage(True, type(request.source_event)("?", "z", "ask", bool))
        )

    parts = {"s": asking(), "boss": Answers("boss", twice), "show": Shows()}
    workflow = outer("s>boss boss>s s>show", parts, strict=True)
    with pytest.raises(WorkflowStrictException, match="'s' has no open request 'z'"):
        await workflow.run("order")
