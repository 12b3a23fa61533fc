# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: when they are taken, what they are, and how a run goes on from each."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from holdfast import (
    Engine,
    Executor,
    InMemoryCheckpointStorage,
    MemoryStore,
    TriggerFlow,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from holdfast.errors import (
    DefinitionError,
    StoreUnavailable,
    ValueRefused,
    WorkflowCheckpointException,
)
from holdfast.testing.faults import FaultPlan, FaultyStore
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import (
    Context,
    OwnStorage,
    build,
    events_of,
    forward,
    give,
    warnings_of,
    words,
)


@dataclass
class Order:
    number: int


class First(Executor):
    @handler
    async def go(self, message: int, ctx: WorkflowContext[Order]) -> None:
        await ctx.send_message(Order(message))


class Second(Executor):
    @handler
    async def go(self, message: Order, ctx: WorkflowContext[Order, Order]) -> None:
        await ctx.yield_output(message)


async def mark(message: Any, ctx: Context) -> None:
    """Say that the message was here, and send it on."""
    ctx.set_state("trail", [*ctx.get_state("trail", []), message])
    await ctx.send_message(message + "'")


async def finish(message: Any, ctx: Context) -> None:
    """Yield the message and the trail."""
    await ctx.yield_output((message, ctx.get_state("trail")))


def chain(**how: Any) -> Workflow:
    """A -> b -> c, with state."""
    return build("a>b b>c", {"a": mark, "b": mark, "c": finish}, name="chain", **how)


END = [("x''", ["x", "x'"])]


async def test_every_superstep_is_a_checkpoint(place: Any) -> None:
    """Kinds, counts, parents and ids, in creation order; the events name them."""
    workflow = chain(checkpoint_storage=place)
    events = await events_of(workflow, "x")
    kept = await place.list_checkpoints()

    assert [(c.metadata["kind"], c.iteration_count) for c in kept] == [
        ("entry", 0),
        ("superstep", 1),
        ("superstep", 2),
        ("superstep", 3),
    ]
    ids = [c.checkpoint_id for c in kept]
    assert [c.previous_checkpoint_id for c in kept] == [None, *ids[:-1]]
    assert {(c.workflow_name, c.run_id) for c in kept} == {("chain", workflow.run_id)}
    told = [e.completion_info.checkpoint for e in events if e.type == "superstep_completed"]
    assert [info.checkpoint_id for info in told] == ids[1:]
    assert {info.run_id for info in told} == {workflow.run_id}
    assert workflow.get_last_checkpoint_id() == ids[-1]


async def test_a_checkpoint_is_down_before_its_event_is_told(place: Any) -> None:
    """Whoever hears of it can load it."""
    async for event in chain(checkpoint_storage=place).run("x", stream=True):
        if event.type == "superstep_completed":
            info = event.completion_info.checkpoint
            assert (await place.load(info.checkpoint_id)).iteration_count == event.iteration


@pytest.mark.parametrize("same", [True, False], ids=["same object", "new object"])
@pytest.mark.parametrize("number", range(4))
async def test_a_run_goes_on_from_each_checkpoint(place: Any, same: bool, number: int) -> None:
    """Only what came after it runs again, to the same end."""
    first = chain(checkpoint_storage=place)
    await first.run("x")
    kept = await place.list_checkpoints()
    workflow = first if same else chain()
    result = await workflow.run(
        checkpoint_id=kept[number].checkpoint_id, checkpoint_storage=None if same else place
    )

    assert result.get_outputs() == END
    invoked = [e.executor_id for e in result if e.type == "executor_invoked"]
    assert invoked == ["a", "b", "c"][number:]
    assert [e.iteration for e in result if e.type == "superstep_started"] == [1, 2, 3][number:]
    assert workflow.run_id == first.run_id


async def test_going_back_branches_and_deletes_nothing(place: Any) -> None:
    """New checkpoints follow the one that was restored; the old ones can still be restored."""
    workflow = chain(checkpoint_storage=place)
    await workflow.run("x")
    before = await place.list_checkpoints()
    await workflow.run(checkpoint_id=before[1].checkpoint_id)
    after = await place.list_checkpoints()

    assert after[:4] == before
    assert [c.iteration_count for c in after[4:]] == [2, 3]
    assert [c.previous_checkpoint_id for c in after[4:]] == [
        before[1].checkpoint_id,
        after[4].checkpoint_id,
    ]
    for checkpoint in after:
        result = await chain().run(checkpoint_id=checkpoint.checkpoint_id, checkpoint_storage=place)
        assert result.get_outputs() == END


async def test_a_finished_run_gives_its_outputs_and_runs_nothing(place: Any) -> None:
    """No superstep, no new checkpoint."""
    await chain(checkpoint_storage=place).run("x")
    kept = await place.list_checkpoints()
    other = chain()
    events = await events_of(other, checkpoint_id=kept[-1].checkpoint_id, checkpoint_storage=place)
    result = await other.run(checkpoint_id=kept[-1].checkpoint_id, checkpoint_storage=place)

    assert words(events) == ["started", "status IN_PROGRESS", "status IDLE"]
    assert result.get_outputs() == END
    assert len(await place.list_checkpoints()) == len(kept)


async def test_outputs_from_before_are_part_of_the_result(place: Any) -> None:
    """A run that yields in every superstep gives all of them, wherever it goes on."""

    async def both(message: Any, ctx: Context) -> None:
        await ctx.yield_output(message)
        await ctx.send_message(message + 1)

    works = dict.fromkeys("abc", both)
    await build("a>b b>c", works, name="w", checkpoint_storage=place).run(1)
    for checkpoint in await place.list_checkpoints():
        result = await build("a>b b>c", works, name="w").run(
            checkpoint_id=checkpoint.checkpoint_id, checkpoint_storage=place
        )
        assert result.get_outputs() == [1, 2, 3]


async def test_the_place_of_one_call_takes_that_of_the_builder() -> None:
    """It alone is enough, too."""
    built, given = InMemoryCheckpointStorage(), OwnStorage()
    await chain(checkpoint_storage=built).run("x", checkpoint_storage=given)
    await chain().run("x", checkpoint_storage=given)

    assert await built.list_checkpoints() == []
    assert len(given.kept) == 8


async def test_every_run_has_a_chain_of_its_own(place: Any) -> None:
    """A second message begins without a parent, under another run id."""
    workflow = chain(checkpoint_storage=place)
    await workflow.run("x")
    await workflow.run("y")
    kept = await place.list_checkpoints()

    assert [c.previous_checkpoint_id is None for c in kept] == [True, False, False, False] * 2
    assert len({c.run_id for c in kept}) == 2


async def test_messages_of_an_own_type_come_back(place: Any) -> None:
    """Types in handler annotations need no list of what is allowed."""

    def make() -> Workflow:
        first, second = First("first"), Second("second")
        return WorkflowBuilder(start_executor=first, name="o").add_edge(first, second).build()

    await make().run(7, checkpoint_storage=place)
    kept = await place.list_checkpoints()
    result = await make().run(checkpoint_id=kept[1].checkpoint_id, checkpoint_storage=place)

    assert result.get_outputs() == [Order(7)]


async def test_a_message_that_would_not_come_back_is_refused(place: Any) -> None:
    """At the call, with the place: never a run that looks durable and is not."""

    async def lose(message: Any, ctx: Context) -> None:
        await ctx.send_message(object())

    workflow = build("a>b", {"a": lose}, checkpoint_storage=place)
    with pytest.raises(ValueRefused, match="message of a"):
        await workflow.run("x")
    assert workflow.status is WorkflowRunState.FAILED
    await build("a>b", {"a": lose}).run("x")


class Fails(OwnStorage):
    """Its save raises, from the given one on."""

    def __init__(self, at: int, error: Exception) -> None:
        super().__init__()
        self.at = at
        self.error = error

    async def save(self, checkpoint: Any) -> str:
        """Raise when it is time."""
        if len(self.kept) + 1 >= self.at:
            raise self.error
        return await super().save(checkpoint)


@pytest.mark.parametrize("at", range(1, 5))
async def test_a_storage_that_fails_fails_the_run(at: int) -> None:
    """Nobody is told of a superstep that is not down; nothing starts after it."""
    storage = Fails(at, OSError("disk gone"))
    workflow = chain(checkpoint_storage=storage)
    with pytest.raises(WorkflowCheckpointException, match="disk gone") as caught:
        await workflow.run("x")

    assert isinstance(caught.value.__cause__, OSError)
    assert workflow.status is WorkflowRunState.FAILED
    told = caught.value.workflow_result
    assert len([e for e in told if e.type == "superstep_completed"]) == max(at - 2, 0)
    assert words(told)[-2:] == ["failed", "status FAILED"]


@pytest.mark.parametrize("at", range(2, 5))
async def test_a_run_whose_save_failed_goes_on_from_the_last_good_one(at: int) -> None:
    """Resume restores what the storage has."""
    storage = Fails(at, OSError("disk full"))
    workflow = chain(checkpoint_storage=storage)
    with pytest.raises(WorkflowCheckpointException):
        await workflow.run("x")
    storage.at = 100
    result = await workflow.run(resume=True)

    assert result.get_outputs() == END
    assert [c.iteration_count for c in storage.kept.values()] == [0, 1, 2, 3]


async def test_a_run_of_which_nothing_was_saved_begins_anew() -> None:
    """There is nothing to resume; a message works."""
    storage = Fails(1, OSError("disk full"))
    workflow = chain(checkpoint_storage=storage)
    with pytest.raises(WorkflowCheckpointException):
        await workflow.run("x")
    storage.at = 100

    assert (await workflow.run("x")).get_outputs() == END


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 9))
async def test_a_store_that_fails_fails_the_run_and_keeps_the_rest(at: int, when: Any) -> None:
    """At every call: the caller is told, and the run goes on from what the store has."""
    plan = FaultPlan(at, when=when)
    store = FaultyStore(MemoryStore(), plan)
    workflow = chain(checkpoint_storage=store)
    try:
        result = await workflow.run("x", run_id="r")
    except StoreUnavailable:
        assert workflow.status is WorkflowRunState.FAILED
        plan.disarm()
        if workflow.run_id is None:
            result = await workflow.run("x")
        else:
            result = await workflow.run(resume=True)

    assert result.get_outputs() == END
    assert workflow.status is WorkflowRunState.IDLE


async def test_an_unknown_checkpoint_leaves_the_object_as_it_was(place: Any) -> None:
    """Its run goes on as if nobody had asked."""
    workflow = chain(checkpoint_storage=place)
    await workflow.run("x")
    run_id, last = workflow.run_id, workflow.get_last_checkpoint_id()
    for unknown in ("nothing", "r@1", f"{run_id}@99", "../x", "", "@", f"{run_id}@-1"):
        with pytest.raises(WorkflowCheckpointException):
            await workflow.run(checkpoint_id=unknown)
        assert workflow.status is WorkflowRunState.FAILED

    assert (workflow.run_id, workflow.get_last_checkpoint_id()) == (run_id, last)
    assert (await workflow.run(checkpoint_id=last)).get_outputs() == END


@pytest.mark.parametrize(
    "damage",
    [
        {"frame/0": b"[1"},
        {"run": b"{}"},
        {"due/7": b"3"},
        {"what": b"1"},
        {"state/0/k": b'{"$:Unknown":{}}'},
        {"due/9": b'{"n":"gone","t":1}'},
    ],
    ids=["cut", "shape", "delivery", "unknown part", "unknown type", "unknown executor"],
)
async def test_a_damaged_checkpoint_leaves_the_object_as_it_was(damage: dict[str, bytes]) -> None:
    """Everything is checked before anything is changed, in the run and in its executors."""
    storage = OwnStorage()
    workflow = chain(checkpoint_storage=storage, instances=True)
    await workflow.run("x")
    seen = list(workflow.executors["a"].seen)
    last = workflow.get_last_checkpoint_id()
    storage.kept["own-2"].parts.update(damage)
    hash_before = storage.kept["own-2"].graph_signature_hash
    if "due/9" in damage:
        object.__setattr__(storage.kept["own-2"], "graph_signature_hash", "sha256:other")
    with pytest.raises(WorkflowCheckpointException):
        await workflow.run(checkpoint_id="own-2")

    object.__setattr__(storage.kept["own-2"], "graph_signature_hash", hash_before)
    assert workflow.executors["a"].seen == seen
    assert workflow.get_last_checkpoint_id() == last
    assert (await workflow.run(checkpoint_id=last)).get_outputs() == END


class Odd(OwnStorage):
    """Gives back whatever it was told to."""

    gives: Any = None

    async def load(self, checkpoint_id: str) -> Any:
        """Give it, or raise it."""
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


@pytest.mark.parametrize("gives", [None, {}, KeyError("x"), OSError("x")], ids=repr)
async def test_whatever_a_storage_says_is_one_kind_of_error(gives: Any) -> None:
    """A checkpoint that cannot be had is a WorkflowCheckpointException."""
    storage = Odd()
    storage.gives = gives

    with pytest.raises(WorkflowCheckpointException):
        await chain().run(checkpoint_id="c", checkpoint_storage=storage)


@pytest.mark.parametrize("wrong", ["runs.db", object(), {}], ids=["path", "object", "dict"])
def test_what_cannot_keep_checkpoints_is_refused_at_the_call(wrong: Any) -> None:
    """With what it lacks."""
    with pytest.raises(DefinitionError, match="without save and load"):
        chain().run("x", checkpoint_storage=wrong)


async def test_a_changed_graph_goes_on_with_a_warning(place: Any) -> None:
    """While everything that the checkpoint needs is still there."""
    await chain(checkpoint_storage=place).run("x")
    kept = await place.list_checkpoints()
    works = {"a": mark, "b": mark, "c": finish, "d": give}
    grown = build("a>b b>c c>d", works, name="chain")
    result = await grown.run(checkpoint_id=kept[1].checkpoint_id, checkpoint_storage=place)

    assert result.get_outputs() == END
    assert "definition has changed" in warnings_of(result)[0]


async def test_a_graph_that_lost_what_is_needed_is_refused(place: Any) -> None:
    """With the names of what is gone."""
    await chain(checkpoint_storage=place).run("x")
    kept = await place.list_checkpoints()
    other = build("a>c", {"a": forward, "c": finish}, name="chain")

    with pytest.raises(WorkflowCheckpointException, match="changed in b"):
        await other.run(checkpoint_id=kept[1].checkpoint_id, checkpoint_storage=place)


async def test_a_run_of_another_front_is_no_checkpoint() -> None:
    """A flow's run in the same store is not taken for a workflow's."""

    async def step(data: Any) -> int:
        return 1

    flow = TriggerFlow(name="flow")
    flow.to(step)
    store = MemoryStore()
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="r")
        await run.result()

    with pytest.raises(WorkflowCheckpointException, match="is no checkpoint"):
        await chain().run(checkpoint_id="r@1", checkpoint_storage=store)


async def test_questions_answered_on_one_branch_can_be_asked_on_another(store: Any) -> None:
    """Going back to before the answer: the same question is open again, and only once."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info(message, int, request_id="r")

    async def hear(request: Any, response: Any, ctx: Context) -> None:
        await ctx.yield_output((request, response))

    def make() -> Workflow:
        return build("a>", {"a": (ask, hear)}, name="w", checkpoint_storage=store)

    workflow = make()
    await workflow.run("x", run_id="run")
    asked = workflow.get_last_checkpoint_id()
    assert (await workflow.run(responses={"r": 1})).get_outputs() == [("x", 1)]
    for answer in (2, 3):
        result = await make().run(checkpoint_id=asked, responses={"r": answer})
        assert result.get_outputs() == [("x", answer)]
    entry = (await store.list_checkpoints(run_id="run"))[0].checkpoint_id
    again = make()
    await again.run(checkpoint_id=entry)
    page = await store.waits(run_id="run", status="open")
    assert [row.wait_id for row in page.items] == ["r"]
    assert (await again.run(responses={"r": 4})).get_outputs() == [("x", 4)]


async def test_questions_of_a_branch_that_is_left_are_withdrawn(store: Any) -> None:
    """Back before the question: nobody can answer it any more."""

    async def ask(message: Any, ctx: Context) -> None:
        if message == "ask":
            await ctx.request_info(message, int, request_id="r")
        elif ctx.get_state("asks", default=True):
            await ctx.send_message("ask")

    workflow = build("a>b", {"a": ask, "b": ask}, name="w", checkpoint_storage=store)
    await workflow.run("x", run_id="run")
    kept = await store.list_checkpoints(run_id="run")
    workflow.executors["b"].work = forward
    await workflow.run(checkpoint_id=kept[1].checkpoint_id)
    page = await store.waits(run_id="run")

    assert {row.status for row in page.items} <= {"withdrawn", "open"}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_going_back_never_leaves_a_question_that_only_the_record_asks(when: Any) -> None:
    """The store may fail at any call: what the head asks and what is open are the same."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("first", int, request_id="r")

    async def hear(request: Any, response: Any, ctx: Context) -> None:
        await ctx.request_info("second", int, request_id="r")

    for k in range(1, 40):
        inner, plan = MemoryStore(), FaultPlan(when=when)
        store = FaultyStore(inner, plan)

        def make(store: Any = store) -> Workflow:
            return build("a>", {"a": (ask, hear)}, name="w", checkpoint_storage=store)

        workflow = make()
        await workflow.run("x", run_id="run")
        asked = workflow.get_last_checkpoint_id()
        await workflow.run(responses={"r": 1})
        plan.at = plan.calls + k
        with contextlib.suppress(WorkflowCheckpointException, StoreUnavailable):
            await make().run(checkpoint_id=asked)
        failed = plan.failed
        plan.disarm()
        async with Engine(inner) as engine:
            waits = await engine.waits(run_id="run")
            assert (await engine.state("run")).waits == {
                row.wait_id: msgspec.json.decode(row.payload) for row in waits
            }
        if not failed:
            break
    assert k > 4
