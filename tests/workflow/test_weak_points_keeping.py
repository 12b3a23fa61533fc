# SPDX-License-Identifier: Apache-2.0
"""Where checkpointing of graphs is known to go wrong: lost saves, growing costs, changed values."""

from __future__ import annotations

import asyncio
import gc
import math
import threading
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast import (
    Executor,
    FileCheckpointStorage,
    InMemoryCheckpointStorage,
    MemoryStore,
    SQLiteStore,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from holdfast.errors import WorkflowCheckpointException
from holdfast.persistence.codec import Codec
from tests.workflow.graphs import (
    Context,
    Do,
    Remembers,
    build,
    builder,
    events_of,
    forward,
    give,
    warnings_of,
)


@dataclass
class Parcel:
    weight: float


class Packs(Executor):
    @handler
    async def pack(self, message: int, ctx: WorkflowContext[Parcel]) -> None:
        await ctx.send_message(Parcel(float(message)))


class Ships(Executor):
    @handler
    async def ship(self, parcel: Parcel, ctx: WorkflowContext[Any, float]) -> None:
        await ctx.yield_output(parcel.weight)


async def test_messages_of_an_application_class_cost_no_checkpoint(tmp_path: Path) -> None:
    """Every superstep is on disk, though nobody registered the class."""
    packs, ships = Packs("packs"), Ships("ships")
    workflow = WorkflowBuilder(start_executor=packs).add_edge(packs, ships).build()
    result = await workflow.run(3, checkpoint_storage=FileCheckpointStorage(tmp_path))

    assert result.get_outputs() == [3.0]
    kept = await FileCheckpointStorage(tmp_path).list_checkpoints()
    assert [one.iteration_count for one in kept] == [0, 1, 2]


class Weighing(MemoryStore):
    """Lists how many bytes each commit has, without the anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[int] = []

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Append, and weigh."""
        self.weights.append(len(commit.delta))
        return await super().append(claim, commit, after=after)


async def heaviest_step(state_bytes: int, executors: int) -> int:
    """The bytes of the heaviest commit of a loop, once the state has been written."""

    async def loop(message: int, ctx: Context) -> None:
        if message == 0:
            ctx.set_state("large", "x" * state_bytes)
        if message < 20:
            await ctx.send_message(message + 1)

    new = builder("a>a", {"a": loop}, kind=Remembers)
    for number in range(executors):
        new.register(f"idle{number}", partial(Remembers, f"idle{number}", give))
        new.add_edge("a", f"idle{number}", condition=lambda _: False)
    store = Weighing()
    await new.build().run(0, checkpoint_storage=store)
    return max(store.weights[3:])


async def test_a_superstep_writes_the_same_beside_any_state_and_any_number_of_executors() -> None:
    """A megabyte that did not change and a hundred executors that did nothing add no byte."""
    assert await heaviest_step(1_000_000, 100) <= await heaviest_step(1, 1) + 16


class CountsHooks(Do):
    asked: ClassVar[Counter[str]] = Counter()

    async def on_checkpoint_save(self) -> dict[str, Any]:
        self.asked[self.id] += 1
        return {"n": len(self.seen)}


async def test_an_executor_is_asked_for_its_state_when_it_has_worked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once before the first superstep and once for each message: the sum is linear, not square."""
    monkeypatch.setattr(CountsHooks, "asked", Counter())
    names = [f"n{number:03}" for number in range(200)]
    edges = " ".join(f"{a}>{b}" for a, b in pairwise(names))
    workflow = build(edges, dict.fromkeys(names, forward), kind=CountsHooks, max_iterations=300)
    await workflow.run("x", checkpoint_storage=InMemoryCheckpointStorage())

    assert set(CountsHooks.asked.values()) == {2}
    assert len(CountsHooks.asked) == 200


AWKWARD = [
    {1: "x", (2, 3): "y"},
    (1, [2, (3,)]),
    {"set", "of", "text"},
    frozenset({1}),
    b"\x00\xff",
    Decimal("1.10"),
    -math.inf,
    2**80,
    1.0,
    True,
]


@pytest.mark.parametrize("value", AWKWARD, ids=lambda value: type(value).__name__)
async def test_a_value_is_the_same_whatever_kept_it(place: Any, value: Any) -> None:
    """As a message and in the state, in a new object that took the run up."""

    async def put(message: Any, ctx: Context) -> None:
        ctx.set_state("kept", message)
        await ctx.send_message(message)

    async def show(message: Any, ctx: Context) -> None:
        await ctx.yield_output((message, ctx.get_state("kept")))

    def make() -> Any:
        return build("a>b", {"a": put, "b": show}, name="same")

    await make().run(value, checkpoint_storage=place)
    middle = (await place.list_checkpoints())[1].checkpoint_id
    (found,) = (await make().run(checkpoint_id=middle, checkpoint_storage=place)).get_outputs()[-1:]

    assert found == (value, value)
    assert [type(one) for one in found] == [type(value)] * 2


async def test_a_file_cut_at_any_byte_is_refused_and_the_one_before_is_whole(
    tmp_path: Path,
) -> None:
    """A torn write never passes for a checkpoint."""
    workflow = build("a>b", {"b": give}, name="torn")
    await workflow.run("x", checkpoint_storage=FileCheckpointStorage(tmp_path))
    first, *_, last = await FileCheckpointStorage(tmp_path).list_checkpoints()
    path = tmp_path / f"{last.checkpoint_id}.json"
    whole = path.read_bytes().rstrip()
    storage = FileCheckpointStorage(tmp_path)

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(WorkflowCheckpointException):
            await storage.load(last.checkpoint_id)
    assert await storage.load(first.checkpoint_id) == first
    path.write_bytes(whole)
    assert await storage.load(last.checkpoint_id) == last


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_lists_of_a_store_decode_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids and summaries come from the index, whatever the checkpoints hold."""
    store = MemoryStore() if kind == "memory" else SQLiteStore(tmp_path / "r.db")
    workflow = build("a>b b>c", {"c": give}, name="listed")
    await workflow.run("x" * 10_000, checkpoint_storage=store)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a list decoded a value")

    monkeypatch.setattr(Codec, "decode", refuse)
    infos = await store.list_infos()
    assert [one.iteration_count for one in infos] == [0, 1, 2, 3]
    assert [one.checkpoint_id for one in infos] == await store.list_checkpoint_ids()
    assert await store.list_infos("another") == []
    if isinstance(store, SQLiteStore):
        await store.close()


async def test_two_orders_under_one_name_are_told_apart(place: Any) -> None:
    """The newest checkpoint of a run is its own, though another was saved later."""
    workflow = build("a>b", {"b": give}, name="orders", checkpoint_storage=place)
    first = await workflow.run("one")
    await workflow.run("two")
    of_first = [c for c in await place.list_checkpoints() if c.run_id == first.run_id]

    assert len(of_first) == 3
    again = build("a>b", {"b": give}, name="orders", checkpoint_storage=place)
    found = await again.run(resume=True, run_id=first.run_id)
    assert found.get_outputs() == ["one"]


async def test_a_class_may_move_to_another_module() -> None:
    """What counts is its name, or the type that it says it is; nothing is told."""

    def one(module: str, name: str, **how: Any) -> Executor:
        async def take(self: Any, message: Any, ctx: Context) -> None:
            await ctx.yield_output(message)

        made: Any = type(name, (Executor,), {"__module__": module, "take": handler(take)})
        executor: Executor = made("s", **how)
        return executor

    def make(last: Executor) -> Any:
        first = Do("a", forward)
        return WorkflowBuilder(name="m", start_executor=first).add_edge(first, last).build()

    storage = InMemoryCheckpointStorage()
    await make(one("app.steps", "Step")).run("x", checkpoint_storage=storage)
    middle = (await storage.list_checkpoints())[1].checkpoint_id
    for moved in (one("app.new", "Step"), one("app.new", "Renamed", type="Step")):
        how: dict[str, Any] = {"checkpoint_id": middle, "checkpoint_storage": storage}
        events = await events_of(make(moved), on_graph_change="fail", **how)
        assert warnings_of(events) == []
        assert [e.data for e in events if e.type == "output"] == ["x"]


async def test_a_message_that_cannot_be_copied_goes_to_many_as_it_is() -> None:
    """Nobody copies it for targets, nor for events."""
    message = {"lock": threading.Lock()}
    seen: list[Any] = []

    async def note(got: Any, ctx: Context) -> None:
        seen.append(got)

    names = [f"t{number}" for number in range(5)]
    workflow = build(" ".join(f"s>{n}" for n in names), dict.fromkeys(names, note))
    result = await workflow.run(message)

    assert [one is message for one in seen] == [True] * 5
    invoked = [event.data for event in result if event.type == "executor_invoked"]
    assert [one is message for one in invoked] == [True] * 6


async def test_a_stream_that_is_thrown_away_says_nothing() -> None:
    """No complaint from the loop, and the object takes the next message."""
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def wait(message: Any, ctx: Context) -> None:
        if message == "first":
            await asyncio.Event().wait()
        await ctx.yield_output(message)

    workflow = build("a>", {"a": wait})
    stream = workflow.run("first", stream=True)
    async for event in stream:
        if event.type == "executor_invoked":
            break
    del stream, event
    gc.collect()
    await asyncio.sleep(0)

    assert (await workflow.run("second")).get_outputs() == ["second"]
    assert told == []


async def test_another_function_that_decides_is_noticed_by_its_name() -> None:
    """Told, or refused when asked for; a lambda has no name, and is known by its place alone."""

    def always(_: Any) -> bool:
        return True

    def never(_: Any) -> bool:
        return False

    def make(condition: Any) -> Any:
        new = builder("a>b", {"b": forward}, name="decides")
        new.register("c", lambda: Do("c", give)).add_edge("b", "c", condition=condition)
        return new.build()

    storage = InMemoryCheckpointStorage()
    await make(always).run("x", checkpoint_storage=storage)
    first = (await storage.list_checkpoints())[0].checkpoint_id
    how: dict[str, Any] = {"checkpoint_id": first, "checkpoint_storage": storage}

    assert len(warnings_of(await make(never).run(**how))) == 1
    with pytest.raises(WorkflowCheckpointException):
        await make(never).run(**how, on_graph_change="fail")
    assert warnings_of(await make(always).run(**how, on_graph_change="fail")) == []
