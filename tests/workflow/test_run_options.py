# SPDX-License-Identifier: Apache-2.0
"""What a run call may be given: combinations, types, and what handlers get of it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from holdfast import Engine, InMemoryCheckpointStorage, MemoryStore
from holdfast.errors import AnswerRefused, DefinitionError, InvalidId, RunError
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import Context, build, give


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "none of them"),
        ({"message": 1, "responses": {}}, "message and responses"),
        ({"message": None, "checkpoint_id": "c"}, "message and checkpoint_id"),
        ({"message": 1, "resume": True}, "message and resume"),
        ({"responses": {}, "resume": True}, "responses and resume"),
        ({"checkpoint_id": "c", "resume": True}, "checkpoint_id and resume"),
        ({"resume": True, "fresh": True}, "fresh= is for a run"),
        ({"checkpoint_id": "c", "run_id": "r"}, "goes without checkpoint_id"),
        ({"checkpoint_id": "c"}, "needs a checkpoint storage"),
        ({"checkpoint_id": 3}, "checkpoint_id= is text; found int"),
        ({"responses": ["r"]}, "responses= is a mapping"),
        ({"responses": {1: True}}, "responses= is a mapping"),
        ({"message": 1, "run_context": 3}, "run_context= is a mapping"),
        ({"message": 1, "on_graph_change": "ask"}, "found 'ask'"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("stream", [False, True], ids=["collected", "streamed"])
def test_what_makes_no_sense_is_refused_at_the_call(
    given: dict[str, Any], found: str, stream: bool
) -> None:
    """Before anything is awaited, as a ValueError that says what was given."""
    place = None if found.startswith("needs") else InMemoryCheckpointStorage()
    workflow = build("a>", checkpoint_storage=place)

    with pytest.raises(DefinitionError, match=found) as caught:
        workflow.run(stream=stream, **given)
    assert isinstance(caught.value, ValueError)
    assert workflow.status is WorkflowRunState.IDLE


def test_a_run_id_that_no_store_takes_is_refused_at_the_call() -> None:
    """Whether the run is kept or not."""
    with pytest.raises(InvalidId):
        build("a>").run(1, run_id="../r")


@pytest.mark.parametrize(
    "name",
    [
        "run_stream",
        "run_streaming",
        "run_from_checkpoint",
        "run_stream_from_checkpoint",
        "send_responses",
        "send_responses_streaming",
    ],
)
def test_the_older_names_refuse_at_the_call_too(name: str) -> None:
    """They are methods that call `run`, not coroutines that begin later."""
    method = getattr(build("a>"), name)
    wrong: Any = () if name in ("run_stream", "run_streaming") else ("c",)

    assert not inspect.iscoroutinefunction(method)
    with pytest.raises(DefinitionError):
        method(*wrong)


async def test_the_older_names_take_answers_with_a_checkpoint() -> None:
    """As the third argument, by place or by name."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", int, request_id="q")

    async def hear(_request: Any, answer: int, ctx: Context) -> None:
        await ctx.yield_output(answer)

    place = InMemoryCheckpointStorage()
    workflow = build("a>", {"a": (ask, hear)}, checkpoint_storage=place)
    await workflow.run("x")
    last = workflow.get_last_checkpoint_id()
    assert last is not None
    result = await workflow.run_from_checkpoint(last, place, {"q": 1})
    stream = workflow.run_stream_from_checkpoint(last, responses={"q": 2})

    assert result.get_outputs() == [1]
    assert (await stream.get_final_response()).get_outputs() == [2]


async def test_an_empty_set_of_answers_answers_nothing() -> None:
    """Refused while something is asked; without any question there is nothing to answer."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", int, request_id="q")

    place = MemoryStore()
    workflow = build("a>", {"a": ask}, checkpoint_storage=place)
    await workflow.run("x")
    with pytest.raises(AnswerRefused, match="holds no answer; open: q"):
        await workflow.run(responses={})
    assert workflow.status is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    with pytest.raises(AnswerRefused, match="holds no answer; open: q"):
        await workflow.run(checkpoint_id=workflow.get_last_checkpoint_id(), responses={})
    other = build("a>")
    await other.run("x")
    with pytest.raises(RunError, match="no request is open"):
        await other.run(responses={})


async def test_handlers_find_what_the_caller_gave() -> None:
    """`ctx.run_context` is that mapping; it stays for later calls of the run, in this process."""
    seen: list[Any] = []

    async def look(message: Any, ctx: Context) -> None:
        seen.append(ctx.run_context.get("client"))
        await ctx.request_info("?", int, request_id="q")

    async def hear(_request: Any, answer: int, ctx: Context) -> None:
        seen.append(ctx.run_context.get("client"))

    place = MemoryStore()
    workflow = build("a>", {"a": (look, hear)}, checkpoint_storage=place)
    live = object()
    await workflow.run("x", run_context={"client": live})
    await workflow.run(responses={"q": 1})
    await workflow.run("y")
    last = workflow.get_last_checkpoint_id()
    other = build("a>", {"a": (look, hear)})
    await other.run(
        checkpoint_id=last,
        checkpoint_storage=place,
        responses={"q": 1},
        run_context={"client": "another"},
    )

    assert seen == [live, live, None, "another"]
    for checkpoint in await place.list_checkpoints():
        assert b"client" not in b"".join(checkpoint.parts.values())


async def test_handlers_of_an_engine_find_its_resources() -> None:
    """Given once, for all its runs."""
    seen: list[Any] = []

    async def look(message: Any, ctx: Context) -> None:
        seen.append(ctx.run_context["client"])

    workflow = build("a>", {"a": look}, name="w")
    async with Engine("memory://", [workflow], resources={"client": "c"}) as engine:
        await (await engine.start(workflow, 1)).result()

    assert seen == ["c"]


async def test_a_result_names_its_run() -> None:
    """Collected, streamed, and on the exception of a call that failed."""

    async def fail(message: Any, ctx: Context) -> None:
        raise ValueError("no")

    workflow = build("a>", {"a": give})
    stream = workflow.run("y", stream=True, run_id="two")
    assert stream.run_id is None
    assert (await workflow.run("x", run_id="one")).run_id == "one"
    assert (await stream.get_final_response()).run_id == stream.run_id == "two"
    with pytest.raises(ValueError, match="no") as caught:
        await build("a>", {"a": fail}).run("x", run_id="three")
    assert caught.value.workflow_result.run_id == "three"


def test_a_workflow_describes_its_graph() -> None:
    """Ids, types, who gives results and who gives progress, without running anything."""
    workflow = build("a>b b>c", output_from=["c"], intermediate_output_from=["b"])
    same = build("a>b b>c", output_from=["c"], intermediate_output_from=["b"])

    assert workflow.get_start_executor().id == workflow.start_executor_id == "a"
    assert [e.id for e in workflow.get_executors_list()] == ["a", "b", "c"]
    assert [e.id for e in workflow.get_output_executors()] == ["c"]
    assert [e.id for e in workflow.get_intermediate_executors()] == ["b"]
    assert [workflow.is_terminal_executor(name) for name in "abc"] == [False, False, True]
    assert [workflow.is_intermediate_executor(name) for name in "abc"] == [False, True, False]
    assert workflow.input_types == [Any]
    assert workflow.output_types == [Any]
    assert workflow.graph_signature["nodes"] == {"a": "Do", "b": "Do", "c": "Do"}
    assert workflow.graph_signature_hash == same.graph_signature_hash == workflow.fingerprint
    assert workflow.id != same.id
