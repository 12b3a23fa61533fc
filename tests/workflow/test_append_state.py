# SPDX-License-Identifier: Apache-2.0
"""Growing a list of the shared state: it costs the item, and nobody's append is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import MemoryStore, WorkflowBuilder, WorkflowContext, executor
from holdfast.persistence.parts import merge


@executor
async def grow(message: int, ctx: WorkflowContext[int, int]) -> None:
    """Append the message, and go on to the next one."""
    ctx.append_state("items", f"{message:04d}" + "x" * 200)
    if message:
        await ctx.send_message(message - 1)


async def test_a_step_writes_the_item_whatever_the_length_of_the_list() -> None:
    """The delta of the last superstep is within 5 % of that of the tenth, and read back whole."""
    store = MemoryStore()
    workflow = WorkflowBuilder(
        name="grow", start_executor=grow, max_iterations=2000, checkpoint_storage=store
    ).add_edge(grow, grow)
    await workflow.build().run(400, run_id="run")
    head = await store.read("run")
    sizes = [len(delta) for delta in head.deltas]
    assert abs(sizes[-2] - sizes[9]) <= 0.05 * sizes[9]
    parts = merge(head.anchor, head.deltas)
    part = parts["state/0/items"]
    assert isinstance(part, list)
    assert len(part) == 401


async def test_own_appends_are_seen_at_once_and_others_at_the_barrier() -> None:
    """Set, append and append again in one call read as one list."""
    seen: list[Any] = []

    @executor
    async def first(_message: str, ctx: WorkflowContext[str]) -> None:
        ctx.append_state("list", 1)
        ctx.append_state("list", [2])
        seen.append(ctx.get_state("list"))
        ctx.set_state("other", [0])
        ctx.append_state("other", 1)
        seen.append(ctx.get_state("other"))
        seen.append(ctx.export_state())
        await ctx.send_message("on")

    @executor
    async def second(_message: str, ctx: WorkflowContext) -> None:
        ctx.append_state("list", 3)
        seen.append(ctx.get_state("list"))

    await WorkflowBuilder(start_executor=first).add_edge(first, second).build().run("go")
    assert seen == [
        [1, [2]],
        [0, 1],
        {"list": [1, [2]], "other": [0, 1]},
        [1, [2], 3],
    ]


async def test_appends_of_several_executors_all_stand_in_the_order_of_their_ids() -> None:
    """No conflict, no warning: a superstep's appends follow executor ids, not timing."""
    builder = WorkflowBuilder(start_executor="start")

    @executor(id="start")
    async def start(message: str, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(message)

    builder.register("start", lambda: start)
    made = {name: _appender(name) for name in ("c", "a", "b")}
    for name, one in made.items():
        builder.register(name, lambda one=one: one)
        builder.add_edge("start", name)
    workflow = builder.build()
    result = await workflow.run("go")
    assert [event for event in result if event.type == "warning"] == []
    assert await _state(workflow, "who") == ["a", "b", "c"]


def _appender(name: str) -> Any:
    @executor(id=name)
    async def append(message: str, ctx: WorkflowContext) -> None:
        ctx.append_state("who", name)

    return append


async def _state(workflow: Any, key: str) -> Any:
    store = MemoryStore()
    await workflow.run("again", fresh=True, checkpoint_storage=store, run_id="seen")
    stored = await store.read("seen")
    part = merge(stored.anchor, stored.deltas)[f"state/0/{key}"]
    return [json.loads(item) for item in part] if isinstance(part, list) else json.loads(part)


async def test_appending_to_something_else_than_a_list_is_refused() -> None:
    """TypeError at the call, naming the key and what is there."""

    @executor
    async def wrong(_message: str, ctx: WorkflowContext) -> None:
        ctx.set_state("key", {"a": 1})
        ctx.append_state("key", 1)

    with pytest.raises(TypeError, match="'key' holds a dict"):
        await WorkflowBuilder(start_executor=wrong).build().run("go")


async def test_a_write_replaces_what_was_appended_before() -> None:
    """And is the list that grows from there."""
    seen: list[Any] = []

    @executor
    async def write(message: str, ctx: WorkflowContext[str]) -> None:
        ctx.append_state("key", 1)
        ctx.set_state("key", [7])
        ctx.append_state("key", 8)
        seen.append(ctx.get_state("key"))
        await ctx.send_message(message)

    @executor
    async def read(_message: str, ctx: WorkflowContext) -> None:
        seen.append(ctx.get_state("key"))

    await WorkflowBuilder(start_executor=write).add_edge(write, read).build().run("go")
    assert seen == [[7, 8], [7, 8]]
