# SPDX-License-Identifier: Apache-2.0
"""`ctx.state`: the shared state as an object."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflow.graphs import Context, build


async def seen_by(work: Any) -> None:
    """Let one handler do this."""
    await build("a>", {"a": work}).run("x")


async def test_it_reads_and_writes_what_the_plain_methods_do() -> None:
    """One store with two faces."""

    async def use(message: Any, ctx: Context) -> None:
        ctx.state.set("one", [1])
        ctx.set_state("two", 2)

        assert (ctx.get_state("one"), ctx.state.get("two")) == ([1], 2)
        assert (ctx.state.get("three", "default"), ctx.state.get("three")) == ("default", None)
        assert (ctx.state.has("one"), ctx.state.has("three")) == (True, False)
        assert ctx.state.export_state() == ctx.export_state() == {"one": [1], "two": 2}

    await seen_by(use)


async def test_delete_needs_something_to_delete() -> None:
    """KeyError where the key is not there, or not any more."""

    async def use(message: Any, ctx: Context) -> None:
        ctx.state.set("one", None)
        ctx.state.delete("one")
        with pytest.raises(KeyError):
            ctx.state.delete("one")
        assert not ctx.state.has("one")

    await seen_by(use)


async def test_clear_takes_every_shared_key_and_no_other() -> None:
    """Those that were there, and those that were just written; scopes stay."""
    found: list[Any] = []

    async def fill(message: Any, ctx: Context) -> None:
        ctx.state.import_state({"one": 1, "two": 2})
        await ctx.queue_state_update("own", 3, "team")
        await ctx.send_message(message)

    async def clear(message: Any, ctx: Context) -> None:
        ctx.state.set("three", 3)
        ctx.state.clear()
        found.append(ctx.state.export_state())
        await ctx.send_message(message)

    async def look(message: Any, ctx: Context) -> None:
        found.append((ctx.state.export_state(), await ctx.read_state("own", "team")))

    await build("a>b b>c", {"a": fill, "b": clear, "c": look}).run("x")
    assert found == [{}, ({}, 3)]


async def test_import_merges() -> None:
    """Keys that it does not name stay."""

    async def use(message: Any, ctx: Context) -> None:
        ctx.state.set("one", 1)
        ctx.state.import_state({"two": 2})
        assert ctx.state.export_state() == {"one": 1, "two": 2}

    await seen_by(use)


async def test_an_import_with_a_reserved_key_writes_nothing() -> None:
    """The mapping is looked at before anything of it is taken."""

    async def use(message: Any, ctx: Context) -> None:
        with pytest.raises(ValueError, match="'_x'"):
            ctx.state.import_state({"one": 1, "_x": 2})
        assert ctx.state.export_state() == {}

    await seen_by(use)


async def test_values_are_copies_both_ways() -> None:
    """Nobody changes the state by changing what he read or wrote."""

    async def use(message: Any, ctx: Context) -> None:
        mine: list[Any] = [[]]
        ctx.state.set("one", mine)
        mine[0].append("changed")
        ctx.state.get("one")[0].append("changed")
        assert ctx.state.get("one") == [[]]

    await seen_by(use)


async def test_it_does_not_offer_to_commit() -> None:
    """The engine commits at the barrier, and discards what a failed handler wrote."""

    async def use(message: Any, ctx: Context) -> None:
        assert not hasattr(ctx.state, "commit")
        assert not hasattr(ctx.state, "discard")

    await seen_by(use)
