# SPDX-License-Identifier: Apache-2.0
"""Scopes of state: private ones, named ones, and the shared one, in one store."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Engine, InMemoryCheckpointStorage
from holdfast.errors import RunFailed, WorkflowStrictException
from tests.workflow.graphs import Context, build, forward, sends, warnings_of


async def test_without_a_scope_state_is_private_to_the_executor() -> None:
    """Two executors use one key and do not meet; the shared state does not show it."""
    seen: list[Any] = []

    def own(value: str) -> Any:
        async def write(message: Any, ctx: Context) -> None:
            await ctx.queue_state_update("key", value)
            await ctx.send_message(message)

        return write

    async def look(message: Any, ctx: Context) -> None:
        seen.append((await ctx.read_state("key"), ctx.get_state("key"), ctx.export_state()))

    async def again(message: Any, ctx: Context) -> None:
        if message == "back":
            seen.append(await ctx.read_state("key"))
            return
        await ctx.queue_state_update("key", "of a")
        await ctx.send_message("back")

    works = {"s": forward, "a": again, "b": own("of b"), "c": look}
    result = await build("s>a s>b b>c a>a", works).run("x")

    assert seen in (["of a", (None, None, {})], [(None, None, {}), "of a"])
    assert warnings_of(result) == []


async def test_a_named_scope_is_shared_from_the_next_superstep_on() -> None:
    """The writer sees it at once, others after the barrier."""
    seen: list[Any] = []

    async def write(message: Any, ctx: Context) -> None:
        await ctx.queue_state_update("key", [1], "team")
        seen.append(await ctx.read_state("key", "team"))
        await ctx.send_message(message)

    async def beside(message: Any, ctx: Context) -> None:
        seen.append(await ctx.read_state("key", "team", default="not yet"))

    async def after(message: Any, ctx: Context) -> None:
        seen.append((await ctx.read_state("key", "team"), await ctx.read_state("key", "other")))

    await build("s>a s>b a>c", {"a": write, "b": beside, "c": after}).run("x")

    assert seen == [[1], "not yet", ([1], None)]


async def test_the_empty_name_is_the_shared_state() -> None:
    """Both faces write and read one store."""
    seen: list[Any] = []

    async def write(message: Any, ctx: Context) -> None:
        await ctx.queue_state_update("one", 1, "")
        ctx.set_state("two", 2)
        await ctx.send_message(message)

    async def read(message: Any, ctx: Context) -> None:
        seen.append((ctx.get_state("one"), await ctx.read_state("two", "")))
        seen.append(await ctx.read_state_keys(""))

    await build("a>b", {"a": write, "b": read}).run("x")

    assert seen == [(1, 2), ["one", "two"]]


async def test_none_takes_a_key_away() -> None:
    """One that is not there is no error."""
    seen: list[Any] = []

    async def change(message: Any, ctx: Context) -> None:
        await ctx.queue_state_update("gone", None, "team")
        await ctx.queue_state_update("key", 1, "team")
        seen.append(await ctx.read_state_keys("team"))
        await ctx.queue_state_update("key", None, "team")
        seen.append(await ctx.read_state_keys("team"))

    await build("a>", {"a": change}).run("x")

    assert seen == [["key"], []]


async def test_a_value_that_is_not_there_is_made_once() -> None:
    """By a function or an async one; what it gave is written."""
    made: list[str] = []
    seen: list[Any] = []

    def make() -> list[int]:
        made.append("made")
        return [1]

    async def make_later() -> int:
        return 7

    async def init(message: Any, ctx: Context) -> None:
        seen.append(await ctx.read_or_init_state("key", make))
        seen.append(await ctx.read_or_init_state("key", make))
        seen.append(await ctx.read_or_init_state("later", make_later, "team"))
        if message == "x":
            await ctx.send_message("again")

    await build("a>a", {"a": init}).run("x")

    assert (made, seen) == (["made"], [[1], [1], 7, [1], [1], 7])


async def test_a_scope_is_cleared_alone() -> None:
    """What the executor has just written in it too; others keep what they hold."""
    seen: list[Any] = []

    async def fill(message: Any, ctx: Context) -> None:
        for scope in ("one", "two", ""):
            await ctx.queue_state_update("key", 1, scope)
        await ctx.queue_state_update("key", 1)
        await ctx.send_message(message)

    async def clear(message: Any, ctx: Context) -> None:
        await ctx.queue_state_update("new", 1, "one")
        await ctx.queue_clear_scope("one")
        await ctx.queue_clear_scope()
        await ctx.send_message(message)

    async def look(message: Any, ctx: Context) -> None:
        seen.extend([await ctx.read_state_keys(scope) for scope in ("one", "two", "")])

    await build("a>b b>c", {"a": fill, "b": clear, "c": look}).run("x")

    assert seen == [[], ["key"], ["key"]]


async def test_names_with_slashes_do_not_meet() -> None:
    """Neither of scopes nor of executors nor of keys."""
    seen: list[Any] = []

    async def write(message: Any, ctx: Context) -> None:
        await ctx.queue_state_update("c", 1, "a/b")
        seen.append(await ctx.read_state("b/c", "a"))
        seen.append(await ctx.read_state("c", "a%2Fb"))
        seen.append(await ctx.read_state_keys("a/b"))

    await build("a>", {"a": write}).run("x")

    assert seen == [None, None, ["c"]]


@pytest.mark.parametrize("key", ["_x", "_own/a/key"])
async def test_reserved_keys_are_refused_in_every_scope(key: str) -> None:
    """ValueError to write; a private scope is not read by its prefix either."""
    found: list[Any] = []

    async def write(message: Any, ctx: Context) -> None:
        await ctx.queue_state_update("key", 1)
        for scope in (None, "", "team"):
            with pytest.raises(ValueError, match="reserved"):
                await ctx.queue_state_update(key, 1, scope)
        found.append((ctx.get_state(key), ctx.state.has(key)))

    await build("a>", {"a": write}).run("x")
    assert found == [(None, False)]


async def test_a_conflict_in_a_named_scope_is_told_by_its_name() -> None:
    """Private scopes cannot conflict."""

    def write(value: str) -> Any:
        async def do(message: Any, ctx: Context) -> None:
            await ctx.queue_state_update("key", value, "team")
            await ctx.queue_state_update("key", value)

        return do

    result = await build("s>a s>b", {"a": write("a"), "b": write("b")}).run("x")

    told = "state key 'key' of scope 'team' was written by a, b in one superstep; b wins"
    assert warnings_of(result) == [told]


async def test_scopes_are_part_of_every_checkpoint() -> None:
    """And come back into a workflow built anew."""
    storage = InMemoryCheckpointStorage()
    seen: list[Any] = []

    def workflow() -> Any:
        async def write(message: Any, ctx: Context) -> None:
            await ctx.queue_state_update("key", (1, 2))
            await ctx.queue_state_update("key", {3}, "team")
            await ctx.send_message(message)

        async def back(message: Any, ctx: Context) -> None:
            await ctx.send_message(message, target_id="d")

        async def read(message: Any, ctx: Context) -> None:
            seen.append(await ctx.read_state("key", "team"))

        return build("a>b b>c c>d", {"a": write, "c": back, "d": read}, name="scopes")

    await workflow().run("x", checkpoint_storage=storage)
    second = (await storage.list_checkpoints())[1]
    await workflow().run(checkpoint_id=second.checkpoint_id, checkpoint_storage=storage)

    assert seen == [{3}, {3}]


@pytest.mark.parametrize("how", [{"strict_state": True}, {"strict": True}])
async def test_a_conflict_stops_a_strict_run(how: dict[str, bool]) -> None:
    """Before anything of it is visible; by decision the last one wins, with a warning."""
    seen: list[Any] = []

    def write(value: str) -> Any:
        async def do(message: Any, ctx: Context) -> None:
            ctx.set_state("key", value)
            await ctx.send_message(value)

        return do

    async def read(message: Any, ctx: Context) -> None:
        seen.append((message, ctx.get_state("key")))

    works = {"a": write("of a"), "b": write("of b"), "t": read}
    workflow = build("s>a s>b a>t b>t", works, **how)
    with pytest.raises(WorkflowStrictException, match="'key' was written by a, b"):
        await workflow.run("x")
    assert seen == []
    result = await workflow.run(resume=True)

    assert seen == [("of a", "of b"), ("of b", "of b")]
    assert warnings_of(result) == ["state key 'key' was written by a, b in one superstep; b wins"]


async def test_a_strict_run_survives_its_stop_at_a_barrier(store: Any) -> None:
    """What was written is in the store; in another process the decision lets it go on."""

    async def clash(message: Any, ctx: Context) -> None:
        ctx.set_state("key", message)

    works = {"s": sends("x"), "a": clash, "b": clash}
    workflow = build("s>a s>b", works, strict_state=True, name="w")
    async with Engine(store, [workflow]) as engine:
        with pytest.raises(RunFailed, match="'key' was written by a, b") as caught:
            await (await engine.start(workflow, "x", run_id="r")).result()
        assert isinstance(caught.value.__cause__, WorkflowStrictException)
    assert [one.iteration_count for one in await store.list_checkpoints()] == [0, 1]
    async with Engine(store, [workflow]) as engine:
        await engine.retry("r")
        assert await (await engine.open("r")).result() == []
    assert [one.iteration_count for one in await store.list_checkpoints()] == [0, 1, 2]
