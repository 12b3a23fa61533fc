# SPDX-License-Identifier: Apache-2.0
"""Questions of sub-workflows: for the graph around them first, and never lost."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Engine, Workflow, WorkflowBuilder, WorkflowContext, response_handler
from holdfast.errors import AnswerRefused, WaitExists
from holdfast.workflow import (
    RequestInfoEvent,
    SubWorkflowRequestMessage,
    SubWorkflowResponseMessage,
    WorkflowExecutor,
    WorkflowRunState,
)
from tests.workflow.graphs import Do, give, warnings_of, words
from tests.workflow.subs import Answers, Asks, Shows, Verdict, agree, asking, outer


def answered_by(work: Any, child: Workflow | None = None, **bound: Any) -> tuple[Workflow, Answers]:
    """A sub-workflow that asks, with somebody around it who takes what it asks."""
    boss = Answers("boss", work)
    made = outer(
        "s>boss boss>s s>show",
        {"s": (child or asking(), bound), "boss": boss, "show": Shows()},
    )
    return made, boss


async def test_the_graph_around_answers() -> None:
    """The question comes as a message, the answer goes to the executor that asked."""
    workflow, boss = answered_by(agree)
    result = await workflow.run("order")

    assert result.get_outputs() == ["order: True (1)"]
    assert result.get_request_info_events() == []
    assert result.get_final_state() is WorkflowRunState.IDLE
    event = boss.requests[0].source_event
    assert boss.requests[0].executor_id == "s"
    assert (event.request_id, event.data, event.response_type, event.source_executor_id) == (
        "q",
        {"about": "order"},
        bool,
        "ask",
    )
    assert [line for line in words(result) if line.startswith("executor_invoked")] == [
        "executor_invoked s/ask 'order'",
        f"executor_invoked boss {boss.requests[0]!r}",
        "executor_invoked s/ask True",
        "executor_invoked show 'order: True (1)'",
    ]


async def test_without_a_target_the_response_finds_its_way_too() -> None:
    """Along the edges: the sub-workflow takes it."""

    async def no(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        await ctx.send_message(request.create_response(False))

    workflow, _ = answered_by(no)
    assert (await workflow.run("order")).get_outputs() == ["order: False (1)"]


def test_a_response_of_another_type_is_a_type_error() -> None:
    """Where it is made."""
    event = RequestInfoEvent("?", "q", "ask", bool)
    request = SubWorkflowRequestMessage(event, "s")

    with pytest.raises(TypeError, match="request 'q' asks for bool; found str"):
        request.create_response("yes")
    assert request.create_response(True) == SubWorkflowResponseMessage(True, event)


async def test_a_response_made_by_hand_is_checked_when_it_is_sent() -> None:
    """It may be coerced as any answer; one that does not fit fails the handler that sent it."""

    async def by_hand(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        await ctx.send_message(
            SubWorkflowResponseMessage({"ok": True, "n": 1}, request.source_event)
        )

    workflow, _ = answered_by(by_hand, asking(form=Verdict))
    assert (await workflow.run("order")).get_outputs() == ["order: Verdict(ok=True, n=1.0)"]

    async def wrong(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        await ctx.send_message(SubWorkflowResponseMessage("yes", request.source_event))

    workflow, _ = answered_by(wrong)
    with pytest.raises(AnswerRefused, match="response to 'q': expected bool; found str"):
        await workflow.run("order")


async def test_a_response_to_no_question_is_told() -> None:
    """Unknown, or answered already: dropped with a warning, and the run goes on."""

    async def twice(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        other = RequestInfoEvent("?", "nobody", "ask", bool)
        await ctx.send_message(SubWorkflowResponseMessage(True, other))
        await ctx.send_message(request.create_response(True))
        await ctx.send_message(request.create_response(False))

    workflow, _ = answered_by(twice)
    result = await workflow.run("order")

    assert result.get_outputs() == ["order: True (1)"]
    assert warnings_of(result) == [
        "'s' has no open request 'nobody'; the response was dropped",
        "'s' has no open request 'q'; the response was dropped",
    ]


async def test_a_propagated_question_is_one_of_the_run() -> None:
    """Under the same id, from the path of the executor; nobody around is offered it."""
    child = (asking(), {"propagate_request": True})
    workflow = outer("s>b", {"s": child, "b": give})
    result = await workflow.run("order")

    asked = result.get_request_info_events()
    assert [(e.request_id, e.source_executor_id, e.response_type) for e in asked] == [
        ("q", "s/ask", bool)
    ]
    assert (result.get_outputs(), warnings_of(result)) == ([], [])
    assert workflow.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    assert (await workflow.run(responses={"q": True})).get_outputs() == ["order: True (1)"]


async def test_a_question_that_no_edge_takes_is_asked_outside() -> None:
    """Nobody there who takes requests: it must not wait for ever without a word."""
    workflow = outer("s>show", {"s": asking(), "show": Shows()})
    result = await workflow.run("order")

    assert [e.request_id for e in result.get_request_info_events()] == ["q"]
    assert (await workflow.run(responses={"q": False})).get_outputs() == ["order: False (1)"]


async def test_each_graph_around_is_offered_the_question_in_turn() -> None:
    """The inmost that takes it answers; one that nobody takes goes on outward."""
    lowest = asking()
    middle = outer("m>show", {"m": lowest, "show": Shows()})
    workflow, boss = answered_by(agree, middle)
    assert (await workflow.run("order")).get_outputs() == ["order: True (1)"]
    assert (boss.requests[0].executor_id, boss.requests[0].source_event.source_executor_id) == (
        "s",
        "m/ask",
    )

    inside = Answers("inside", agree)
    parts = {"m": asking(), "inside": inside, "show": Shows()}
    workflow, boss = answered_by(agree, outer("m>inside inside>m m>show", parts))
    assert (await workflow.run("order")).get_outputs() == ["order: True (1)"]
    assert (len(inside.requests), boss.requests) == (1, [])
    assert inside.requests[0].executor_id == "m"


async def test_what_a_propagating_node_lets_through_is_offered_further_out() -> None:
    """It is then a request of the workflow around, which stands in another."""
    middle = outer(
        "m>", {"m": (asking(), {"propagate_request": True, "allow_direct_output": True})}
    )
    workflow, boss = answered_by(agree, middle)

    assert (await workflow.run("order")).get_outputs() == ["order: True (1)"]
    assert boss.requests[0].executor_id == "s"


async def test_a_question_that_was_taken_and_not_answered_is_asked_outside() -> None:
    """When the run rests; a warning says why, and the outside may answer."""
    workflow, boss = answered_by(None)
    result = await workflow.run("order")

    assert len(boss.requests) == 1
    assert [e.request_id for e in result.get_request_info_events()] == ["q"]
    assert any("taken inside and not answered" in text for text in warnings_of(result))
    assert result.get_final_state() is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    assert (await workflow.run(responses={"q": True})).get_outputs() == ["order: True (1)"]


class Manager(Answers):
    """Asks the outside itself, and passes the answer on."""

    def __init__(self, id: str = "boss") -> None:
        super().__init__(id, self.ask)

    async def ask(self, request: SubWorkflowRequestMessage, ctx: Any) -> None:
        await ctx.request_info(request, bool, request_id="person")

    @response_handler
    async def heard(
        self,
        request: SubWorkflowRequestMessage,
        answer: bool,
        ctx: WorkflowContext[SubWorkflowResponseMessage],
    ) -> None:
        await ctx.send_message(request.create_response(answer))


async def test_whoever_takes_a_question_may_ask_somebody_else_first() -> None:
    """While that is open the inner question stays inside."""
    made = {"s": asking(), "boss": Manager(), "show": Shows()}
    workflow = outer("s>boss boss>s s>show", made)
    asked = await workflow.run("order")
    assert [e.request_id for e in asked.get_request_info_events()] == ["person"]
    assert warnings_of(asked) == []

    assert (await workflow.run(responses={"person": True})).get_outputs() == ["order: True (1)"]


async def test_two_sub_workflows_ask_at_once() -> None:
    """Each hears its own answer."""

    async def by_topic(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        answer = request.source_event.data["about"] == "order"
        await ctx.send_message(request.create_response(answer), target_id=request.executor_id)

    async def split(message: Any, ctx: Any) -> None:
        await ctx.send_message("order", target_id="s")
        await ctx.send_message("offer", target_id="t")

    boss = Answers("boss", by_topic)
    parts = {
        "a": split,
        "s": asking(request_id=None),
        "t": asking(request_id=None),
        "boss": boss,
        "show": Shows(),
    }
    workflow = outer("a>s a>t s>boss t>boss boss>s boss>t s>show t>show", parts)
    result = await workflow.run("both")

    assert sorted(result.get_outputs()) == ["offer: False (1)", "order: True (1)"]
    assert warnings_of(result) == []


async def test_a_response_without_a_target_does_not_reach_the_wrong_sub_workflow() -> None:
    """The one that did not ask it says so; the other hears it."""
    boss = Answers("boss", None)

    async def to_all(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        await ctx.send_message(request.create_response(True))

    boss.work = to_all
    parts = {"s": asking(), "t": asking(name="other"), "boss": boss, "show": Shows()}
    workflow = outer("s>boss boss>s boss>t s>show t>show", parts)
    result = await workflow.run("order")

    assert result.get_outputs() == ["order: True (1)"]
    assert warnings_of(result) == ["'t' has no open request 'q'; the response was dropped"]


async def test_an_id_that_is_open_cannot_be_asked_again() -> None:
    """Request ids are those of the run, whichever graph asks."""
    workflow = outer("a>s a>t", {"s": asking(), "t": asking(name="other")})

    with pytest.raises(WaitExists, match="wait 'q' is still open"):
        await workflow.run("order")


async def test_new_input_comes_in_while_a_question_is_open() -> None:
    """The sub-workflow goes on with it; both answers find their question."""
    workflow = outer("s>show", {"s": asking(request_id=None), "show": Shows()})
    (first,) = (await workflow.run("one")).get_request_info_events()
    (second,) = (await workflow.run("two")).get_request_info_events()
    result = await workflow.run(responses={first.request_id: True, second.request_id: False})

    assert sorted(result.get_outputs()) == ["one: True (2)", "two: False (2)"]


async def test_a_response_is_no_input() -> None:
    """Although the node that starts takes responses."""
    workflow = outer("s>show", {"s": asking(), "show": Shows()})
    with pytest.raises(ValueError, match="takes str; found SubWorkflowResponseMessage"):
        await workflow.run(
            SubWorkflowResponseMessage(True, RequestInfoEvent("?", "q", "ask", bool))
        )


async def test_a_node_that_propagates_sends_no_requests() -> None:
    """Its declared types say so, and edges are checked by them."""
    assert WorkflowExecutor(asking(), "s").output_types == [str, SubWorkflowRequestMessage]
    assert WorkflowExecutor(asking(), "s", propagate_request=True).output_types == [str]


async def test_a_kept_question_is_answered_inside_after_a_later_message(store: Any) -> None:
    """It was asked outside meanwhile: the store lets one answer win, and the other is told."""

    class Holds(Do):
        """Keeps the question until it hears a word."""

    held: list[SubWorkflowRequestMessage] = []

    async def keep(message: Any, ctx: Any) -> None:
        if isinstance(message, SubWorkflowRequestMessage):
            held.append(message)
        else:
            await ctx.send_message(held[0].create_response(True))

    async def route(message: Any, ctx: Any) -> None:
        await ctx.send_message(message, target_id="s" if message == "order" else "k")

    parts = {"a": route, "s": asking(), "k": Holds("k", keep), "show": Shows()}
    workflow = outer("a>s a>k s>k k>s s>show", parts, checkpoint_storage=store)
    first = await workflow.run("order")
    assert [e.request_id for e in first.get_request_info_events()] == ["q"]
    assert [w.status for w in (await store.waits(run_id=workflow.run_id, status=None)).items] == [
        "open"
    ]

    result = await workflow.run("now")
    assert result.get_outputs() == ["order: True (1)"]
    assert [w.status for w in (await store.waits(run_id=workflow.run_id, status=None)).items] == [
        "answered"
    ]

    # The outside was first: what is said inside afterwards is told, and changes nothing.
    second = await workflow.run("order", fresh=True)
    assert [e.request_id for e in second.get_request_info_events()] == ["q"]
    await workflow.run(responses={"q": False})
    result = await workflow.run("now")
    assert (result.get_outputs(), len(warnings_of(result))) == ([], 1)


async def test_an_engine_shows_only_what_is_asked_outside(store: Any) -> None:
    """What the graph around is to answer is no question of the store."""
    seen: list[Any] = []

    class Looks(Answers):
        async def look(self, request: SubWorkflowRequestMessage, ctx: Any) -> None:
            seen.append([wait.wait_id for wait in await engine.waits(run_id="r")])
            await ctx.send_message(request.create_response(True))

    def boss() -> Answers:
        made = Looks("boss")
        made.work = made.look
        return made

    builder = WorkflowBuilder(name="w").register("boss", boss).register("show", Shows)
    node = WorkflowExecutor(asking(), "s")
    builder.set_start_executor(node).add_edge(node, "boss").add_edge("boss", node)
    workflow = builder.add_edge(node, "show").build()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "order", run_id="r")
        assert await run.result() == ["order: True (1)"]
        assert await run.waits(status=None) == ()
    assert seen == [[]]


async def test_the_outside_may_answer_an_inner_question_through_an_engine(store: Any) -> None:
    """The wait has the schema of its type, like any other."""
    builder = WorkflowBuilder(name="w").register("show", Shows)
    node = WorkflowExecutor(asking(), "s", propagate_request=True)
    workflow = builder.set_start_executor(node).add_edge(node, "show").build()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "order", run_id="r")
        await run.until_idle()
        with pytest.raises(AnswerRefused):
            await run.answer("q", "yes")
        await run.answer("q", True)
        assert await run.result() == ["order: True (1)"]


async def test_requests_carry_what_the_inner_executor_named() -> None:
    """An inner executor may ask several things; give is who takes the rest."""
    child = WorkflowBuilder(start_executor=Asks("ask", Verdict)).build()
    workflow = outer("s>b", {"s": child, "b": give})
    result = await workflow.run("order")

    # b takes anything, so it took the question as a message, and nobody answered.
    assert isinstance(result.get_outputs()[0], SubWorkflowRequestMessage)
    (asked,) = result.get_request_info_events()
    assert (asked.response_type, asked.source_executor_id) == (Verdict, "s/ask")
