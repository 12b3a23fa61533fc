# SPDX-License-Identifier: Apache-2.0
"""Questions to the outside, and the answers: saved before told, refused without a trace."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    MemoryStore,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.errors import (
    AlreadyAnswered,
    AnswerRefused,
    RunError,
    WaitExists,
    WaitNotFound,
)
from holdfast.workflow import RequestInfoEvent, WorkflowRunState
from tests.workflow.graphs import Context, build, events_of, ignore, warnings_of, words


@dataclass
class Verdict:
    ok: bool
    n: float


class Asks(Executor):
    """Asks for a bool and for a verdict, and tells somebody else to go."""

    def __init__(self, id: str = "h") -> None:
        super().__init__(id)

    @handler
    async def start(self, message: str, ctx: WorkflowContext[str, Any]) -> None:
        await ctx.request_info(message, bool, request_id="r1")
        await ctx.request_info({"about": message}, Verdict, request_id="r2")
        await ctx.send_message("go")

    @response_handler
    async def on_bool(self, request: str, answer: bool, ctx: WorkflowContext[str, Any]) -> None:
        await ctx.yield_output((ctx.request_id, request, answer))

    @response_handler
    async def on_verdict(
        self, request: dict[str, str], answer: Verdict, ctx: WorkflowContext[str, Any]
    ) -> None:
        await ctx.yield_output((ctx.request_id, request, answer))


class Takes(Executor):
    def __init__(self) -> None:
        super().__init__("k")

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message("into nothing")


def asking(**how: Any) -> Workflow:
    """H asks twice and sends to k."""
    builder = WorkflowBuilder(name="asking", **how).register("h", Asks).register("k", Takes)
    return builder.set_start_executor("h").add_edge("h", "k").build()


async def test_questions_are_told_and_the_run_goes_on() -> None:
    """Trace 29.4: both events, the status once, and the others' work before the run rests."""
    workflow = asking()
    events = await events_of(workflow, "x")

    assert words(events) == [
        "started",
        "status IN_PROGRESS",
        "superstep_started 1",
        "executor_invoked h 'x'",
        "request_info r1",
        "status IN_PROGRESS_PENDING_REQUESTS",
        "request_info r2",
        "executor_completed h ['go']",
        "superstep_completed 1",
        "superstep_started 2",
        "executor_invoked k 'go'",
        "executor_completed k ['into nothing']",
        "superstep_completed 2",
        "status IDLE_WITH_PENDING_REQUESTS",
    ]
    asked = [event for event in events if isinstance(event, RequestInfoEvent)]
    assert [(e.source_executor_id, e.request_type, e.response_type) for e in asked] == [
        ("h", str, bool),
        ("h", dict, Verdict),
    ]
    assert all(
        e.completion_info.has_pending_requests for e in events if e.type == "superstep_completed"
    )


async def test_answers_may_come_one_by_one() -> None:
    """The rest stay open; a dict becomes the dataclass that was asked for."""
    workflow = asking()
    await workflow.run("x")
    first = await workflow.run(responses={"r1": True})
    assert workflow.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    second = await workflow.run(responses={"r2": {"ok": True, "n": 3}})

    assert first.get_outputs() == [("r1", "x", True)]
    assert second.get_outputs() == [("r2", {"about": "x"}, Verdict(ok=True, n=3.0))]
    assert workflow.status is WorkflowRunState.IDLE


async def test_answers_may_come_together() -> None:
    """They are handled in one superstep."""
    workflow = asking()
    await workflow.run("x")
    result = await workflow.run(responses={"r1": False, "r2": Verdict(ok=False, n=0.5)})

    assert [o[0] for o in result.get_outputs()] == ["r1", "r2"]
    assert [line for line in words(result) if line.startswith("superstep")] == [
        "superstep_started 3",
        "superstep_completed 3",
    ]


async def test_the_steps_of_a_conversation_are_checkpoints(place: Any) -> None:
    """Trace 29.4: iteration, kind and parent of each, the last executor's sending apart."""
    workflow = asking(checkpoint_storage=place)
    await workflow.run("x")
    await workflow.run(responses={"r1": True})
    await workflow.run(responses={"r2": {"ok": True, "n": 3}})
    kept = await place.list_checkpoints()

    assert [(c.iteration_count, c.metadata["kind"], _open(c)) for c in kept] == [
        (0, "entry", []),
        (1, "superstep", ["r1", "r2"]),
        (2, "superstep", ["r1", "r2"]),
        (2, "response", ["r2"]),
        (3, "superstep", ["r2"]),
        (3, "response", []),
        (4, "superstep", []),
    ]
    parents = [c.previous_checkpoint_id for c in kept]
    assert parents == [None, *(c.checkpoint_id for c in kept[:-1])]


def _open(checkpoint: Any) -> list[str]:
    waits = (name for name in checkpoint.parts if name.startswith("wait/"))
    return sorted(
        name.removeprefix("wait/")
        for name in waits
        if b'"answered":true' not in checkpoint.parts[name]
    )


async def test_a_question_can_be_answered_in_another_object(place: Any) -> None:
    """What is still asked is shown again, what is answered in the same call is not."""
    await asking(checkpoint_storage=place).run("x")
    kept = await place.list_checkpoints()
    other = asking()
    events = await events_of(
        other,
        checkpoint_id=kept[2].checkpoint_id,
        checkpoint_storage=place,
        responses={"r1": False},
    )

    assert words(events) == [
        "started",
        "status IN_PROGRESS",
        "request_info r2",
        "status IN_PROGRESS_PENDING_REQUESTS",
        "superstep_started 3",
        "executor_invoked h False",
        "output h ('r1', 'x', False)",
        "executor_completed h [('r1', 'x', False)]",
        "superstep_completed 3",
        "status IDLE_WITH_PENDING_REQUESTS",
    ]
    again = next(event for event in events if event.type == "request_info")
    assert (again.data, again.response_type) == ({"about": "x"}, Verdict)
    result = await other.run(responses={"r2": {"ok": True, "n": 3}})
    assert result.get_outputs() == [("r2", {"about": "x"}, Verdict(ok=True, n=3.0))]


async def test_a_restored_run_may_be_answered_in_a_later_call(place: Any) -> None:
    """Restoring alone shows the questions and runs nothing."""
    await asking(checkpoint_storage=place).run("x")
    last = (await place.list_checkpoints())[-1]
    other = asking()
    shown = await other.run(checkpoint_id=last.checkpoint_id, checkpoint_storage=place)
    assert words(shown) == ["request_info r1", "request_info r2"]
    assert shown.get_final_state() is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS

    result = await other.run(responses={"r1": True})
    assert result.get_outputs() == [("r1", "x", True)]


@pytest.mark.parametrize(
    ("responses", "error", "text"),
    [
        ({"r9": True}, WaitNotFound, "no open request 'r9'; open: r1, r2"),
        ({"r1": "yes"}, AnswerRefused, "'r1': expected bool; found str"),
        ({"r1": None}, AnswerRefused, "'r1': expected bool; found NoneType"),
        ({"r2": {"ok": True}}, AnswerRefused, "'r2': expected Verdict; found dict"),
        ({"r1": True, "r2": 3}, AnswerRefused, "'r2': expected Verdict; found int"),
    ],
    ids=["unknown", "type", "none", "fields", "second"],
)
async def test_a_refused_answer_changes_nothing(
    responses: dict[str, Any], error: type[Exception], text: str
) -> None:
    """Every one is checked before the first is taken; the questions stay open."""
    workflow = asking(checkpoint_storage=MemoryStore())
    await workflow.run("x")
    last = workflow.get_last_checkpoint_id()
    with pytest.raises(error, match=text) as caught:
        await workflow.run(responses=responses)

    assert isinstance(caught.value, ValueError)
    assert workflow.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    assert workflow.get_last_checkpoint_id() == last
    result = await workflow.run(responses={"r1": True, "r2": {"ok": True, "n": 1}})
    assert len(result.get_outputs()) == 2


async def test_there_must_be_a_question() -> None:
    """For an empty set of answers too."""
    workflow = build("a>", {"a": ignore})
    await workflow.run("x")

    for responses in ({}, {"r": 1}):
        with pytest.raises(RunError, match="no request is open"):
            await workflow.run(responses=responses)


async def test_a_question_is_answered_once() -> None:
    """The second answer finds no question."""
    workflow = asking()
    await workflow.run("x")
    await workflow.run(responses={"r1": True})

    with pytest.raises(WaitNotFound, match="'r1'; open: r2"):
        await workflow.run(responses={"r1": True})


async def test_no_answer_is_an_answer_where_none_fits() -> None:
    """The type decides."""

    class MayBeNone(Executor):
        @handler
        async def start(self, message: str, ctx: WorkflowContext[Any, Any]) -> None:
            await ctx.request_info("?", int | None, request_id="r")

        @response_handler
        async def hear(
            self, request: str, answer: int | None, ctx: WorkflowContext[Any, Any]
        ) -> None:
            await ctx.yield_output(answer)

    workflow = WorkflowBuilder(start_executor=MayBeNone("a")).build()
    await workflow.run("x")

    assert (await workflow.run(responses={"r": None})).get_outputs() == [None]


async def test_an_id_is_asked_once() -> None:
    """By the same handler or by another one, while the first is open."""

    async def twice(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", str, request_id="r")
        await ctx.request_info("?", str, request_id="r")

    with pytest.raises(WaitExists, match="'r' is still open"):
        await build("a>", {"a": twice}).run("x")

    async def once(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", str, request_id="r")
        await ctx.send_message(message)

    with pytest.raises(WaitExists, match="'r' is still open"):
        await build("a>b", {"a": once, "b": once}).run("x")


async def test_the_handler_of_an_answer_asks_again_under_its_id(place: Any) -> None:
    """A new generation of the request; the handler keeps what it was called with."""
    told: list[Any] = []

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("how many?", int, request_id="r")

    async def again(request: Any, response: Any, ctx: Context) -> None:
        told.append((request, response, ctx.request_id))
        if response < 3:
            await ctx.request_info(f"more than {response}?", int, request_id="r")
            told.append(ctx.request_id)
        else:
            await ctx.yield_output(response)

    workflow = build("a>", {"a": (ask, again)}, checkpoint_storage=place)
    await workflow.run("x")
    for answer in (1, 2):
        result = await workflow.run(responses={"r": answer})
        (event,) = result.get_request_info_events()
        assert (event.request_id, event.data) == ("r", f"more than {answer}?")
    assert (await workflow.run(responses={"r": 3})).get_outputs() == [3]

    assert told == [
        ("how many?", 1, "r"),
        "r",
        ("more than 1?", 2, "r"),
        "r",
        ("more than 2?", 3, "r"),
    ]
    assert workflow.status is WorkflowRunState.IDLE


async def test_nobody_else_asks_under_an_id_whose_answer_is_being_handled() -> None:
    """The handler of the answer still looks at it."""
    reached, gate = asyncio.Event(), asyncio.Event()

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", str, request_id="r")

    async def slow(request: Any, response: Any, ctx: Context) -> None:
        reached.set()
        await gate.wait()
        await ctx.yield_output((request, response))

    async def ask_too(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", str, request_id="other")

    async def meddle(request: Any, response: Any, ctx: Context) -> None:
        await reached.wait()
        with pytest.raises(WaitExists, match="still being handled"):
            await ctx.request_info("!", str, request_id="r")
        gate.set()

    workflow = build("s>a s>b", {"a": (ask, slow), "b": (ask_too, meddle)})
    await workflow.run("x")
    result = await workflow.run(responses={"r": "answer", "other": "go"})

    assert result.get_outputs() == [("?", "answer")]
    assert workflow.status is WorkflowRunState.IDLE


async def test_an_id_is_free_again_when_its_answer_was_handled() -> None:
    """For anybody."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", str, request_id="r")

    async def send(request: Any, response: Any, ctx: Context) -> None:
        await ctx.send_message("later")

    workflow = build("a>b", {"a": (ask, send), "b": ask})
    await workflow.run("x")
    result = await workflow.run(responses={"r": "later"})
    assert words(result)[-2:] == ["executor_completed b None", "superstep_completed 3"]
    assert workflow.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS


async def test_ids_are_made_when_none_is_given() -> None:
    """Each is fresh."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info(1, str)
        await ctx.request_info(2, str)

    result = await build("a>", {"a": ask}).run("x")
    ids = [event.request_id for event in result.get_request_info_events()]

    assert len(set(ids)) == 2


async def test_a_question_that_no_handler_takes_an_answer_to_is_told() -> None:
    """Once for each kind of question; it is asked all the same."""

    class Forgets(Executor):
        @handler
        async def start(self, message: str, ctx: WorkflowContext[Any, Any]) -> None:
            await ctx.request_info(message, float, request_id="r1")
            await ctx.request_info(message, float, request_id="r2")
            await ctx.request_info(message, bool | None, request_id="r3")

        @response_handler
        async def hear(self, request: str, answer: bool, ctx: WorkflowContext[Any, Any]) -> None:
            await ctx.yield_output(answer)

    result = await WorkflowBuilder(start_executor=Forgets("f")).build().run("x")
    asked = [event.request_id for event in result.get_request_info_events()]

    assert asked == ["r1", "r2", "r3"]
    assert warnings_of(result) == [
        "executor 'f' asks a str for float, and no response handler of it takes such an answer"
    ]


class Watching(MemoryStore):
    """Notes which questions the store holds when an append is done."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Append, then look."""
        seq = await super().append(claim, commit, after=after)
        self.open.extend(wait.wait_id for wait in commit.waits)
        return seq


async def test_a_question_is_saved_before_it_is_told() -> None:
    """Whoever hears of it can answer it, whatever happens to the process."""
    store = Watching()
    saved = [
        list(store.open)
        async for event in asking(checkpoint_storage=store).run("x", stream=True)
        if event.type == "request_info"
    ]

    assert saved[0][:1] == ["r1"]
    assert saved[1] == ["r1", "r2"]


async def test_a_message_continues_a_run_that_asks() -> None:
    """The questions stay open, the supersteps count on, the run id stays."""
    workflow = build("a>", {"a": (_ask_once, _say)})
    await workflow.run("ask")
    run_id = workflow.run_id
    result = await workflow.run("more")

    assert words(result)[0] == "superstep_started 2"
    assert workflow.run_id == run_id
    assert workflow.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    assert (await workflow.run(responses={"r": 1})).get_outputs() == [1]


async def _ask_once(message: Any, ctx: Context) -> None:
    if message == "ask":
        await ctx.request_info("?", int, request_id="r")


async def _say(request: Any, response: Any, ctx: Context) -> None:
    await ctx.yield_output(response)


@pytest.mark.parametrize("how", [{"fresh": True}, {"run_id": "another"}], ids=["fresh", "run id"])
async def test_a_message_may_begin_another_run_all_the_same(how: dict[str, Any]) -> None:
    """When it says so; the old questions are not asked any more."""
    workflow = build("a>", {"a": (_ask_once, _say)})
    await workflow.run("ask")
    result = await workflow.run("more", **how)

    assert words(result)[-1] == "superstep_completed 1"
    assert workflow.status is WorkflowRunState.IDLE


async def test_a_failed_run_that_asks_is_left_with_a_warning() -> None:
    """A new message begins a new run, and says whose answers nobody will hear."""

    async def ask_and_fail(message: Any, ctx: Context) -> None:
        await _ask_once(message, ctx)
        await ctx.send_message(message)

    async def fail(message: Any, ctx: Context) -> None:
        if message == "ask":
            raise ValueError("no")

    workflow = build("a>b", {"a": (ask_and_fail, _say), "b": fail})
    with pytest.raises(ValueError, match="no"):
        await workflow.run("ask")
    result = await workflow.run("more")

    assert "nobody will hear the answers to 'r'" in warnings_of(result)[0]
    assert workflow.status is WorkflowRunState.IDLE


async def test_answers_take_up_what_had_failed() -> None:
    """They continue the run: failed work runs again, the answer comes after it."""
    fails = [True]

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", int, request_id="r")
        await ctx.send_message("x")

    async def fail(message: Any, ctx: Context) -> None:
        if fails:
            fails.pop()
            raise ValueError("no")

    for place in (None, MemoryStore()):
        fails[:] = [True]
        workflow = build("a>b", {"a": (ask, _say), "b": fail}, checkpoint_storage=place)
        with pytest.raises(ValueError, match="no"):
            await workflow.run("go")
        result = await workflow.run(responses={"r": 1})

        assert [line for line in words(result) if "invoked" in line] == [
            "executor_invoked b 'x'",
            "executor_invoked a 1",
        ]
        assert workflow.status is WorkflowRunState.IDLE


async def test_an_answer_after_a_break_takes_up_what_was_stopped() -> None:
    """The usual way: break at the question, ask a person, go on with the answer."""
    stopped: list[str] = []

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", int, request_id="r")
        await ctx.send_message("x")

    async def slow(message: Any, ctx: Context) -> None:
        if not stopped:
            stopped.append("once")
            await asyncio.Event().wait()
        await ctx.yield_output("slow")

    workflow = build("a>b", {"a": (ask, _say), "b": slow})
    async for event in workflow.run("go", stream=True):
        if event.type == "executor_invoked" and event.executor_id == "b":
            break
    result = await workflow.run(responses={"r": 1})

    assert sorted(map(str, result.get_outputs())) == ["1", "slow"]


async def test_an_answer_that_another_gave_first_is_refused(store: Any) -> None:
    """The store settles; what was answered is heard by resume."""
    workflow = build("a>", {"a": (_ask_once, _say)}, name="w", checkpoint_storage=store)
    await workflow.run("ask")
    async with Engine(store, recover=False) as engine:
        assert workflow.run_id is not None
        await engine.answer(workflow.run_id, "r", 7)
    with pytest.raises(AlreadyAnswered):
        await workflow.run(responses={"r": 8})

    assert (await workflow.run(resume=True)).get_outputs() == [7]


async def test_a_run_that_another_object_moved_on_is_read_anew(store: Any) -> None:
    """Two objects over one store take turns."""
    works = {"a": (_ask_once, _say)}
    one = build("a>", works, name="w", checkpoint_storage=store)
    await one.run("ask")
    other = build("a>", works, name="w", checkpoint_storage=store)
    await other.run(checkpoint_id=one.get_last_checkpoint_id(), responses={"r": 1})

    result = await one.run(resume=True)
    assert result.get_outputs() == [1]
    assert one.status is WorkflowRunState.IDLE
