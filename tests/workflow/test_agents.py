# SPDX-License-Identifier: Apache-2.0
"""Agents as nodes: anything with `run` and a name, wrapped once, kept like any executor."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Engine, InMemoryCheckpointStorage, Workflow, WorkflowBuilder
from holdfast.errors import (
    DefinitionError,
    RunError,
    WorkflowCheckpointException,
    WorkflowValidationError,
)
from holdfast.workflow import (
    AgentExecutor,
    AgentExecutorRequest,
    AgentExecutorResponse,
    AgentResponse,
    Case,
    Default,
    WorkflowExecutor,
)
from tests.workflow.agents import Asks, Echo, Question, Said, Session, Streams, WithSession
from tests.workflow.graphs import Context, Do, events_of, warnings_of


def alone(agent: Any, **how: Any) -> Workflow:
    """A workflow of one agent."""
    return WorkflowBuilder(start_executor=agent, name="w", **how).build()


async def test_an_agent_stands_wherever_an_executor_does() -> None:
    """As start, as source and as target, in every kind of edge; wrapped once."""
    first, second = Echo("first"), Echo("second")
    builder = WorkflowBuilder(start_executor=first).add_edge(first, second)
    builder.add_edge(second, first, condition=lambda message: False)
    workflow = builder.build()

    assert [one.type for one in workflow.executors.values()] == ["AgentExecutor"] * 2
    result = await workflow.run("hi")
    assert [response.text for response in result.get_outputs()] == [
        "first: hi",
        "second: hi|first: hi",
    ]
    assert warnings_of(result) == []

    third = Echo("third")
    switch = WorkflowBuilder(start_executor=first)
    switch.add_switch_case_edge_group(first, [Case(lambda m: True, second), Default(third)])
    assert list(switch.build().executors) == ["first", "second", "third"]


def test_what_is_no_agent_is_refused() -> None:
    """A class, an object without a name, a workflow: each with what to do."""
    with pytest.raises(TypeError, match="an agent has a method run"):
        WorkflowBuilder(start_executor=Echo)  # type: ignore[arg-type]
    nameless = Echo("")
    with pytest.raises(TypeError, match="Expected an executor"):
        WorkflowBuilder(start_executor=nameless)
    with pytest.raises(TypeError, match="wrap it: WorkflowExecutor"):
        WorkflowBuilder(start_executor=alone(Echo()))
    with pytest.raises(WorkflowValidationError, match="Two executors have the id 'echo'"):
        WorkflowBuilder(start_executor=Echo()).add_edge("echo", Echo())


def test_the_id_is_the_one_given_else_the_name_else_the_id_of_the_agent() -> None:
    """None of them is a ValueError."""

    class ById:
        id = "by-id"
        name = None

        async def run(self, messages: Any) -> str:
            return ""

    assert AgentExecutor(Echo("n"), id="given").id == "given"
    assert AgentExecutor(Echo("n")).id == "n"
    assert AgentExecutor(ById()).id == "by-id"
    with pytest.raises(DefinitionError, match="no name and no id"):
        AgentExecutor(Echo(""))
    with pytest.raises(TypeError, match="An agent has a method run; int has none"):
        AgentExecutor(3)


def test_modes_are_checked_when_the_node_is_made() -> None:
    """An unknown one, and a custom one without its filter."""
    with pytest.raises(DefinitionError, match="context_mode is 'all'"):
        AgentExecutor(Echo(), context_mode="all")  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="needs a context_filter"):
        AgentExecutor(Echo(), context_mode="custom")


def test_designation_takes_agents() -> None:
    """Whose yields are results."""
    first, second = Echo("first"), Echo("second")
    builder = WorkflowBuilder(start_executor=first, output_from=[second])
    workflow = builder.add_edge(first, second).build()

    assert workflow.plan.graph.outputs == ("second",)


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ("hi", ["hi"]),
        (["a", {"role": "user"}], ["a", {"role": "user"}]),
        (AgentExecutorRequest(["a", "b"]), ["a", "b"]),
        (AgentExecutorResponse("x", "last", ["one", "last"]), ["one", "last"]),
        (AgentExecutorResponse("x", Said(["last"])), ["last"]),
        (
            [AgentExecutorResponse("x", "p", ["o", "p"]), AgentExecutorResponse("y", "q", ["q"])],
            ["o", "p", "q"],
        ),
    ],
)
async def test_what_a_node_takes(message: Any, heard: list[Any]) -> None:
    """Text, lists, requests, the turns of others, and lists of those from a fan-in."""
    agent = Echo()
    await alone(agent).run(message)
    assert agent.heard == [heard]


async def test_a_request_may_only_be_heard() -> None:
    """The agent does not answer it; it hears it with the next one."""
    agent = Echo()
    workflow = alone(agent)
    quiet = await workflow.run(AgentExecutorRequest(["first"], should_respond=False))
    assert (quiet.get_outputs(), agent.heard) == ([], [])

    await workflow.run("second")
    assert agent.heard == [["first", "second"]]
    await workflow.run("third")
    assert agent.heard[-1] == ["third"]


async def test_a_turn_carries_the_conversation() -> None:
    """Who spoke, what, and all that was said so far."""
    turns: list[AgentExecutorResponse] = []

    async def keep(turn: Any, ctx: Context) -> None:
        turns.append(turn)

    agent, sink = Echo(), Do("sink", keep)
    workflow = WorkflowBuilder(start_executor=agent).add_edge(agent, sink).build()
    await workflow.run("hi")
    await workflow.run("ho")

    assert turns[0] == AgentExecutorResponse(
        "echo", AgentResponse(["echo: hi"]), ["hi", "echo: hi"]
    )
    assert turns[1].full_conversation == ["hi", "echo: hi", "ho", "echo: ho"]
    assert turns[0].full_conversation == ["hi", "echo: hi"]


@pytest.mark.parametrize(
    ("mode", "heard"),
    [
        ("full", ["hi", "first: hi"]),
        ("last_agent", ["first: hi"]),
        ("custom", ["HI", "FIRST: HI"]),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
async def test_how_much_of_a_conversation_is_heard(
    mode: Any, heard: list[str], is_async: bool
) -> None:
    """All of it, the last turn, or what a filter picks; the conversation itself stays whole."""

    def shout(messages: list[Any]) -> list[str]:
        return [message.upper() for message in messages]

    async def shout_later(messages: list[Any]) -> list[str]:
        return shout(messages)

    turns: list[AgentExecutorResponse] = []

    async def keep(turn: Any, ctx: Context) -> None:
        turns.append(turn)

    first, second = Echo("first"), Echo("second")
    node = AgentExecutor(
        second, context_mode=mode, context_filter=shout_later if is_async else shout
    )
    sink = Do("sink", keep)
    builder = WorkflowBuilder(start_executor=first).add_edge(first, node)
    await builder.add_edge(node, sink).build().run("hi")

    assert second.heard == [heard]
    assert turns[0].full_conversation[:2] == ["hi", "first: hi"]
    assert len(turns[0].full_conversation) == 3


def test_a_turn_in_other_words_keeps_what_was_said_before() -> None:
    """Only the messages of that turn are replaced."""
    turn = AgentExecutorResponse("a", Said(["x", "y"]), ["hi", "x", "y"])
    other = turn.with_text("z")

    assert other.full_conversation == ["hi", "z"]
    assert other.agent_response == AgentResponse(["z"])
    assert other.agent_response.text == "z"
    assert turn.full_conversation == ["hi", "x", "y"]


async def test_a_session_is_made_once_and_handed_to_each_run() -> None:
    """By the agent, where it can; one that is given is used as it is."""
    workflow = alone(WithSession())
    assert (await workflow.run("a")).get_outputs()[0].text == "turn 1: a"
    assert (await workflow.run("b")).get_outputs()[0].text == "turn 2: b"

    node = AgentExecutor(WithSession(), session=Session(10))
    assert (await alone(node).run("c")).get_outputs()[0].text == "turn 11: c"


@pytest.mark.parametrize(("final", "text"), [(False, "one two"), (True, "final")])
async def test_a_streamed_run_yields_updates(final: bool, text: str) -> None:
    """And sends the response that they make, or that the stream ends with."""
    turns: list[AgentExecutorResponse] = []

    async def keep(turn: Any, ctx: Context) -> None:
        turns.append(turn)

    agent, sink = Streams(final=final), Do("sink", keep)
    workflow = WorkflowBuilder(start_executor=agent).add_edge(agent, sink).build()
    events = await events_of(workflow, "hi")

    assert [e.data for e in events if e.type == "output"] == ["one ", "two"]
    assert turns[0].agent_response.text == text
    assert [response.text for response in (await workflow.run("hi")).get_outputs()] == ["one two"]
    assert agent.asked == [True, False]


async def test_an_agent_that_cannot_stream_is_not_asked_to() -> None:
    """Its one response is yielded in a streamed run too."""
    events = await events_of(alone(Echo()), "hi")
    assert [e.data.text for e in events if e.type == "output"] == ["echo: hi"]


async def test_what_an_agent_wants_to_know_is_asked_and_answered_in_order() -> None:
    """Each under its id; the agent goes on with the last answer, and hears them as it asked."""
    agent = Asks()
    workflow = alone(agent)
    asked = await workflow.run("a chair")
    assert [e.request_id for e in asked.get_request_info_events()] == ["size", "color"]
    assert asked.get_request_info_events()[0].data == Question("size", "how large?")

    assert (await workflow.run(responses={"color": "red"})).get_outputs() == []
    result = await workflow.run(responses={"size": 7})
    assert agent.heard == [["a chair"], [7, "red"]]
    assert [response.text for response in result.get_outputs()] == ["made with [7, 'red']"]


async def test_a_question_without_an_id_is_an_error() -> None:
    """Nobody could answer it."""

    class Vague(Asks):
        async def run(self, messages: Any) -> Said:
            return Said([], [Question("")])

    with pytest.raises(RunError, match="asks for input without an id"):
        await alone(Vague()).run("x")


async def test_a_failing_agent_leaves_its_node_as_it_was() -> None:
    """It hears its message once when it runs again, after what it had heard before."""

    class Fails(Echo):
        async def run(self, messages: Any) -> str:
            if not self.heard:
                self.heard.append(["failed"])
                raise ConnectionError("down")
            return await super().run(messages)

    agent = Fails()
    workflow = alone(agent)
    await workflow.run(AgentExecutorRequest(["before"], should_respond=False))
    with pytest.raises(ConnectionError):
        await workflow.run("hi")
    await workflow.run(resume=True)

    assert agent.heard == [["failed"], ["before", "hi"]]


async def test_what_a_node_has_heard_survives_into_a_new_object(place: Any) -> None:
    """The cache, the conversation, the session, and the answers that came so far."""
    first = alone(Asks(), checkpoint_storage=place)
    await first.run(AgentExecutorRequest(["heard"], should_respond=False))
    await first.run("a chair", fresh=False)
    await first.run(responses={"color": "red"})
    last = (await place.list_checkpoint_ids())[-1]

    agent = Asks()
    agent.heard.append([])
    again = alone(agent, checkpoint_storage=place)
    result = await again.run(checkpoint_id=last, responses={"size": 7})
    assert agent.heard[-1] == [7, "red"]
    assert result.get_outputs()[-1].text == "made with [7, 'red']"


async def test_a_session_survives_through_its_own_dict(place: Any) -> None:
    """By `to_dict` and `from_dict` of its class."""
    first = alone(WithSession(), checkpoint_storage=place)
    await first.run("a")
    last = (await place.list_checkpoint_ids())[-1]
    again = alone(WithSession(), checkpoint_storage=place)
    await again.run(checkpoint_id=last)

    assert (await again.run("b")).get_outputs()[-1].text == "turn 2: b"


@pytest.mark.parametrize(
    "state",
    [
        {"cache": "text"},
        {"full_conversation": {}},
        {"pending_agent_requests": []},
        {"pending_responses_to_agent": 1},
        {"pending_request_order": "q"},
    ],
)
async def test_damaged_state_is_refused(state: dict[str, Any]) -> None:
    """With the key, and nothing of the node has changed."""
    node = AgentExecutor(Echo())
    with pytest.raises(WorkflowCheckpointException, match=next(iter(state))):
        await node.on_checkpoint_restore({"cache": ["new"], **state})
    assert (await node.on_checkpoint_save())["cache"] == []


async def test_state_of_other_keys_is_passed_over_and_missing_is_empty() -> None:
    """Older and newer checkpoints can be read."""
    node = AgentExecutor(Echo())
    await node.on_checkpoint_restore({"cache": ["a"], "of a later version": 1})

    assert await node.on_checkpoint_save() == {
        "cache": ["a"],
        "full_conversation": [],
        "agent_session": None,
        "pending_agent_requests": {},
        "pending_responses_to_agent": {},
        "pending_request_order": [],
    }


async def test_an_engine_runs_agents_from_factories(store: Any) -> None:
    """Each run has a node of its own; the agent may be shared."""
    agent = Echo()
    builder = WorkflowBuilder(name="w").register("echo", lambda: AgentExecutor(agent))
    workflow = builder.set_start_executor("echo").build()
    async with Engine(store, [workflow]) as engine:
        runs = [await engine.start(workflow, f"m{n}") for n in range(3)]
        outputs = [(await run.result())[0].text for run in runs]

    assert outputs == ["echo: m0", "echo: m1", "echo: m2"]


async def test_agents_work_inside_sub_workflows() -> None:
    """Their questions are offered to the graph around, like any other."""
    inner = WorkflowExecutor(lambda: alone(Asks()), "inner", allow_direct_output=True)
    workflow = WorkflowBuilder(start_executor=inner).build()
    asked = await workflow.run("a chair")
    assert [e.source_executor_id for e in asked.get_request_info_events()] == ["inner/asks"] * 2

    result = await workflow.run(responses={"size": 1, "color": "red"})
    assert [response.text for response in result.get_outputs()] == ["made with [1, 'red']"]


async def test_a_response_of_a_class_of_its_own_is_kept_by_its_annotation() -> None:
    """`run(...) -> Said` says what may stand in the record."""
    storage = InMemoryCheckpointStorage()
    workflow = alone(WithSession(), checkpoint_storage=storage)
    await workflow.run("a")
    last = (await storage.list_checkpoint_ids())[-1]
    again = alone(WithSession(), checkpoint_storage=storage)

    assert (await again.run(checkpoint_id=last)).get_outputs() == [Said(["turn 1: a"])]


def test_a_blueprint_takes_the_agent_itself() -> None:
    """It is wrapped as the builder does."""
    workflow = alone(Echo())
    made = WorkflowBuilder.from_blueprint(
        workflow.save_blueprint(), executors={"echo": Echo()}
    ).build()
    assert made.fingerprint == workflow.fingerprint
