# SPDX-License-Identifier: Apache-2.0
"""Shared state: own writes at once, others' at the barrier, in one deterministic order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.errors import ValueRefused
from tests.workflow.graphs import Context, build, ignore, sends, warnings_of


def asks(found: list[Any], *keys: str) -> Any:
    """Note what these keys hold."""

    async def look(message: Any, ctx: Context) -> None:
        found.append(tuple(ctx.get_state(key) for key in keys))

    return look


async def test_own_writes_are_seen_at_once() -> None:
    """By the handler, and by the same executor's next call in the superstep."""
    found: list[Any] = []

    async def write(message: Any, ctx: Context) -> None:
        found.append(ctx.get_state("k"))
        ctx.set_state("k", message)
        found.append(ctx.get_state("k"))

    await build("a>b", {"a": sends(1, 2), "b": write}).run("x")

    assert found == [None, 1, 1, 2]


async def test_others_see_a_write_from_the_next_superstep_on() -> None:
    """Not before, although the writer ended long ago."""
    found: list[Any] = []
    wrote = asyncio.Event()

    async def write(message: Any, ctx: Context) -> None:
        ctx.set_state("k", 1)
        await ctx.send_message("x")
        wrote.set()

    async def beside(message: Any, ctx: Context) -> None:
        await wrote.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        found.append(ctx.get_state("k", "not yet"))

    works = {"a": write, "b": beside, "c": asks(found, "k")}
    await build("s>a s>b a>c", works).run("x")

    assert found == ["not yet", (1,)]


async def test_a_conflict_is_told_and_the_last_by_id_wins() -> None:
    """Whoever ended last."""
    found: list[Any] = []
    b_wrote = asyncio.Event()

    async def first(message: Any, ctx: Context) -> None:
        await b_wrote.wait()
        ctx.set_state("k", "of a")
        await ctx.send_message("x")

    async def second(message: Any, ctx: Context) -> None:
        ctx.set_state("k", "of b")
        b_wrote.set()

    works = {"a": first, "b": second, "c": asks(found, "k")}
    result = await build("s>a s>b a>c", works).run("x")

    assert found == [("of b",)]
    assert warnings_of(result) == [
        "state key 'k' was written by a, b in one superstep; b wins",
    ]


@pytest.mark.parametrize("key", ["_executor_state", "_"])
async def test_reserved_keys_are_refused(key: str) -> None:
    """What begins with an underscore is not for users."""

    async def write(message: Any, ctx: Context) -> None:
        ctx.set_state(key, 1)

    with pytest.raises(ValueError, match="reserved"):
        await build("a>", {"a": write}).run("x")


@pytest.mark.parametrize("key", ["", 3, None], ids=repr)
async def test_a_key_is_text(key: Any) -> None:
    """And not empty."""

    async def write(message: Any, ctx: Context) -> None:
        ctx.set_state(key, 1)

    with pytest.raises(TypeError, match="a state key is text"):
        await build("a>", {"a": write}).run("x")


async def test_what_is_read_and_written_are_copies() -> None:
    """Nobody can change the record from outside, nor see a change before its time."""
    found: list[Any] = []
    value = {"items": [1]}

    async def write(message: Any, ctx: Context) -> None:
        ctx.set_state("k", value)
        value["items"].append("after the write")
        ctx.get_state("k")["items"].append("into a copy")
        await ctx.send_message("x")

    async def change(message: Any, ctx: Context) -> None:
        ctx.get_state("k")["items"].append("into another copy")
        await ctx.send_message("x")

    works = {"a": write, "b": change, "c": asks(found, "k")}
    await build("a>b b>c", works).run("x")

    assert found == [({"items": [1]},)]


async def test_dotted_keys_are_keys_like_others() -> None:
    """The key space is flat."""
    found: list[Any] = []

    async def write(message: Any, ctx: Context) -> None:
        ctx.set_state("order", {"items": 1})
        ctx.set_state("order.total", 2)
        await ctx.send_message("x")

    works = {"a": write, "b": asks(found, "order", "order.items", "order.total")}
    await build("a>b", works).run("x")

    assert found == [({"items": 1}, None, 2)]


async def test_a_key_can_be_deleted() -> None:
    """For the deleter at once, for others at the barrier; an unknown one is a KeyError."""
    found: list[Any] = []

    async def delete(message: Any, ctx: Context) -> None:
        ctx.delete_state("k")
        found.append((ctx.get_state("k"), ctx.export_state()))
        with pytest.raises(KeyError):
            ctx.delete_state("k")
        await ctx.send_message("x")

    async def write(message: Any, ctx: Context) -> None:
        ctx.set_state("k", 1)
        ctx.set_state("other", 2)
        await ctx.send_message("x")

    works = {"a": write, "b": delete, "c": asks(found, "k", "other")}
    await build("a>b b>c", works).run("x")

    assert found == [(None, {"other": 2}), (None, 2)]


async def test_state_goes_over_to_the_next_run() -> None:
    """Unless that begins fresh."""
    found: list[Any] = []

    async def count(message: Any, ctx: Context) -> None:
        found.append(ctx.get_state("n", 0))
        ctx.set_state("n", ctx.get_state("n", 0) + 1)

    workflow = build("a>", {"a": count})
    await workflow.run(1)
    await workflow.run(1)
    await workflow.run(1, fresh=True)
    await workflow.run(1)

    assert found == [0, 1, 0, 1]


async def test_state_goes_over_into_a_kept_run(place: Any) -> None:
    """Its entry checkpoint holds what it took over."""
    found: list[Any] = []

    async def count(message: Any, ctx: Context) -> None:
        found.append(ctx.get_state("n", 0))
        ctx.set_state("n", ctx.get_state("n", 0) + 1)

    workflow = build("a>", {"a": count}, name="counter", checkpoint_storage=place)
    await workflow.run(1)
    await workflow.run(1, run_id="second")
    entries = [c for c in await place.list_checkpoints() if c.metadata["kind"] == "entry"]
    other = build("a>", {"a": count}, name="counter")
    await other.run(checkpoint_id=entries[1].checkpoint_id, checkpoint_storage=place)

    assert found == [0, 1, 1]


async def test_a_live_object_in_state_is_legal_in_memory_only(place: Any) -> None:
    """A kept run refuses it at the call, with the place."""
    refused: list[Any] = []

    async def write(message: Any, ctx: Context) -> None:
        try:
            ctx.set_state("lock", asyncio.Lock())
        except ValueRefused as error:
            refused.append(error.place)

    await build("a>", {"a": write}).run("x")
    await build("a>", {"a": write}, checkpoint_storage=place).run("x")

    assert refused == ["state.lock"]


async def test_a_write_that_nobody_reads_costs_no_event() -> None:
    """State changes are told once, with the superstep."""
    result = await build("a>b", {"b": ignore}).run("x")

    assert [e.completion_info.state_updated for e in result if e.type == "superstep_completed"] == [
        False,
        False,
    ]
