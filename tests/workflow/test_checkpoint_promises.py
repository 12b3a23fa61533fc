# SPDX-License-Identifier: Apache-2.0
"""What checkpoints promise where others are known to lose something."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    CheckpointManager,
    Executor,
    FileCheckpointStorage,
    InMemoryCheckpointStorage,
    MemoryStore,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    checkpoint_type,
    handler,
)
from holdfast.errors import ValueRefused, WorkflowCheckpointException
from holdfast.persistence.codec import Codec
from tests.workflow.graphs import Context, build, events_of, forward, give, warnings_of


@dataclass
class Invoice:
    """A class of an application that nobody registered by hand."""

    number: int
    lines: tuple[str, ...]


class Writes(Executor):
    @handler
    async def write(self, number: int, ctx: WorkflowContext[Invoice]) -> None:
        await ctx.send_message(Invoice(number, ("a", "b")))


class Books(Executor):
    @handler
    async def book(self, invoice: Invoice, ctx: WorkflowContext[None, Invoice]) -> None:
        await ctx.yield_output(invoice)


def invoices() -> Workflow:
    """One executor sends an application's class to another."""
    first, second = Writes("writes"), Books("books")
    return WorkflowBuilder(name="invoices", start_executor=first).add_edge(first, second).build()


async def test_no_superstep_with_an_application_class_is_left_out(tmp_path: Path) -> None:
    """What handlers name is known: every superstep is on disk, and the class comes back."""
    files = FileCheckpointStorage(tmp_path)
    events = await events_of(invoices(), 7, checkpoint_storage=files)
    kept = await files.list_checkpoints()
    again = await invoices().run(checkpoint_id=kept[1].checkpoint_id, checkpoint_storage=files)

    assert [one.iteration_count for one in kept] == [0, 1, 2]
    assert warnings_of(events) == []
    assert again.get_outputs() == [Invoice(7, ("a", "b"))]


async def test_a_class_that_nobody_named_is_refused_with_the_remedy(place: Any) -> None:
    """The run fails at the call that would lose it; the error says what to write."""

    @dataclass
    class Hidden:
        number: int

    async def lose(message: Any, ctx: Context) -> None:
        await ctx.send_message(Hidden(1))

    with pytest.raises(ValueRefused, match="Hidden") as caught:
        await build("a>b", {"a": lose}).run("x", checkpoint_storage=place)
    assert "register_type(Hidden" in str(caught.value.hint)


async def test_a_checkpoint_in_a_store_costs_what_changed() -> None:
    """A megabyte of state that nobody touches is written once, not once a superstep."""
    store = MemoryStore()

    async def begin(message: int, ctx: Context) -> None:
        if message == 0:
            ctx.set_state("big", "x" * 1_000_000)
        ctx.set_state("count", message)
        if message < 40:
            await ctx.send_message(message + 1)

    await build("a>b b>a", {"a": begin, "b": begin}, checkpoint_storage=store).run(0)
    sizes = sorted(one.size_bytes for one in await store.list_infos())

    assert len(sizes) == 42
    assert sum(size > 100_000 for size in sizes) <= 2
    assert sizes[20] < 2_000


@pytest.mark.parametrize("number", [10, 200])
async def test_a_checkpoint_in_a_store_costs_the_same_with_many_executors(number: int) -> None:
    """Those that did not run are neither asked nor written."""
    store = MemoryStore()
    asked: list[str] = []

    class Holds(Executor):
        @handler
        async def take(self, message: str, ctx: WorkflowContext[str]) -> None:
            await ctx.send_message(message)

        async def on_checkpoint_save(self) -> dict[str, Any]:
            asked.append(self.id)
            return {"padding": "x" * 200}

    chain = [Holds(f"e{n}") for n in range(number)]
    builder = WorkflowBuilder(start_executor=chain[0], max_iterations=300).add_chain(chain)
    await builder.build().run("x", checkpoint_storage=store)
    sizes = sorted(one.size_bytes for one in await store.list_infos())

    assert len(asked) == 2 * number
    assert sizes[number // 2] < 1_500


async def test_two_runs_of_one_workflow_never_mix(place: Any) -> None:
    """Each has its own chain, and its own latest; a handle sees only its own."""
    manager = CheckpointManager(place)
    workflow = build("a>b", {"b": give}, name="orders")
    one = await workflow.start("first", checkpoint_manager=manager)
    await one.until_idle()
    two = await workflow.start("second", checkpoint_manager=manager)
    await two.until_idle()

    for run in (one, two):
        assert await manager.index(run.run_id) == run.checkpoints
        assert await manager.latest(run.run_id) == run.last_checkpoint
        assert len(run.checkpoints) == 3
    assert not set(one.checkpoints) & set(two.checkpoints)
    resumed = await workflow.run(resume=True, run_id=one.run_id, checkpoint_storage=manager)
    assert resumed.get_outputs() == ["first"]


ODD: dict[str, Any] = {
    "keys that are no text": {1: "x", "1": "y", (2, 3): "z", None: 0},
    "a tuple in a list": [(1, 2), [1, 2]],
    "a set of bytes": {b"a", b"b"},
    "floats that are not numbers": [float("inf"), -0.0],
    "a key that looks like ours": {"$tuple": [1]},
}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD.keys())
async def test_a_value_comes_back_the_same_from_every_place(place: Any, value: Any) -> None:
    """As a message and as state; no place is kinder than another."""

    async def keep(message: Any, ctx: Context) -> None:
        ctx.set_state("value", message)
        await ctx.send_message(message)

    async def show(message: Any, ctx: Context) -> None:
        await ctx.yield_output((message, ctx.get_state("value")))

    works = {"a": keep, "b": show}
    await build("a>b", works, name="odd").run(value, checkpoint_storage=place)
    after = (await place.list_checkpoint_ids())[1]
    result = await build("a>b", works, name="odd").run(
        checkpoint_id=after, checkpoint_storage=place
    )
    ((message, state),) = result.get_outputs()

    assert message == state == value
    assert type(message) is type(value)
    assert repr(message) == repr(value) or isinstance(value, set)


async def test_a_file_cut_at_any_byte_is_never_taken_for_a_checkpoint(tmp_path: Path) -> None:
    """It cannot be loaded, is in no list of whole checkpoints, and harms none of the others."""
    files = FileCheckpointStorage(tmp_path / "kept", durability="none")
    await build("a>b", {"b": give}, name="cut").run("x", checkpoint_storage=files, run_id="r")
    first, *_, newest = await files.list_checkpoint_ids()
    path = tmp_path / "kept" / f"{newest}.json"
    whole = path.read_bytes()
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(WorkflowCheckpointException):
            await files.load(newest)
        if length % 97 == 0:
            assert newest not in [one.checkpoint_id for one in await files.list_checkpoints()]
            assert (await files.load(first)).iteration_count == 0
    path.write_bytes(whole)
    assert (await files.get_latest(run_id="r")).checkpoint_id == newest  # type: ignore[union-attr]


class Moved(Executor):
    """Another class, which says that it stands for the one before."""

    def __init__(self, id: str) -> None:
        super().__init__(id, type="Books")

    @handler
    async def book(self, invoice: Invoice, ctx: WorkflowContext[None, Invoice]) -> None:
        await ctx.yield_output(Invoice(-invoice.number, invoice.lines))


async def test_an_executor_may_get_another_class(place: Any) -> None:
    """The structure is what counts: not the module, the class object or the code."""
    await invoices().run(7, checkpoint_storage=place)
    after = (await place.list_checkpoint_ids())[1]
    first, second = Writes("writes"), Moved("books")
    changed = WorkflowBuilder(name="renamed", start_executor=first).add_edge(first, second).build()
    result = await changed.run(
        checkpoint_id=after, checkpoint_storage=place, on_graph_change="fail"
    )

    assert result.get_outputs() == [Invoice(-7, ("a", "b"))]
    assert warnings_of(result) == []


async def test_another_condition_does_not_go_unnoticed(place: Any) -> None:
    """A condition of another name is another graph: refused when strict, told otherwise."""

    def is_large(message: Any) -> bool:
        return True

    def is_small(message: Any) -> bool:
        return True

    def conditional(condition: Any) -> Workflow:
        first, second = Writes("writes"), Books("books")
        builder = WorkflowBuilder(name="invoices", start_executor=first)
        return builder.add_edge(first, second, condition=condition).build()

    await conditional(is_large).run(7, checkpoint_storage=place)
    after = (await place.list_checkpoint_ids())[1]
    with pytest.raises(WorkflowCheckpointException):
        await conditional(is_small).run(
            checkpoint_id=after, checkpoint_storage=place, on_graph_change="fail"
        )
    result = await conditional(is_small).run(checkpoint_id=after, checkpoint_storage=place)
    assert result.get_outputs() == [Invoice(7, ("a", "b"))]
    assert len(warnings_of(result)) == 1


async def test_a_class_of_today_reads_checkpoints_of_yesterday() -> None:
    """A field was added and the name has a new version; the message under way is brought along."""
    storage = InMemoryCheckpointStorage(verify=True)

    @checkpoint_type("promises.order.v1")
    @dataclass
    class Old:
        total: int

    works = {"b": give}
    before = build("a>b", {**works, "a": sends_one(Old(5))}, name="upgrade")
    await before.run("x", checkpoint_storage=storage)
    entry, after, *_ = await storage.list_checkpoints()

    @dataclass
    class New:
        total: int
        currency: str

    today = build("a>b", works, name="upgrade")
    today.register_type(
        New,
        "promises.order.v3",
        upgrade={"promises.order.v2": lambda old: {**old, "currency": "EUR"}},
    )
    # The file of yesterday, as a program that knew only the older class had written it.
    parts = {n: raw.replace(b"order.v1", b"order.v2") for n, raw in after.parts.items()}
    await storage.save(type(after)(**{**fields_of(after), "parts": parts}))
    result = await today.run(checkpoint_id=after.checkpoint_id, checkpoint_storage=storage)

    assert result.get_outputs() == [New(5, "EUR")]
    assert Codec(today.types).decode(Codec(today.types).encode(New(1, "USD"))) == New(1, "USD")
    assert entry.iteration_count == 0


def sends_one(message: Any) -> Any:
    """Send this, whatever came."""

    async def send(_message: Any, ctx: Context) -> None:
        await forward(message, ctx)

    return send


def fields_of(checkpoint: Any) -> dict[str, Any]:
    """The fields of a checkpoint by name."""
    return {name: getattr(checkpoint, name) for name in type(checkpoint).__slots__}
