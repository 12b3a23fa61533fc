# SPDX-License-Identifier: Apache-2.0
"""State: kept per execution, addressed by dotted keys, never reachable through a shared object."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import ValueRefused
from tests.triggerflow.handlers import collect, keep

NOTHING = object()


@pytest.fixture(params=["memory", "store"])
def execution(request: pytest.FixtureRequest) -> Any:
    """An open execution, kept in memory or in a store."""
    store = MemoryStore() if request.param == "store" else None
    return TriggerFlow(name="state").create_execution(auto_close=False, store=store, run_id="r")


@pytest.mark.parametrize(
    "value", [0, "", None, [], {}, set(), (), False, [1, [2]], {"a": {"b": 1}}]
)
async def test_set_replaces_the_whole_value(execution: Any, value: Any):
    """Empty and falsy values are values like any other."""
    await execution.async_set_state("k", {"old": 1})
    await execution.async_set_state("k", value)

    assert execution.get_state("k", NOTHING) == value


async def test_dotted_keys_address_nested_dicts(execution: Any):
    """Missing levels are made; the neighbours stay."""
    await execution.async_set_state("a.b.c", 1)
    await execution.async_set_state("a.d", 2)
    await execution.async_append_state("a.b.list", 3)
    await execution.async_append_state("a.b.list", 4)

    assert execution.get_state() == {"a": {"b": {"c": 1, "list": [3, 4]}, "d": 2}}
    assert execution.get_state("a.b.c") == 1
    assert execution.get_state("a.x.c", NOTHING) is NOTHING
    assert execution.get_state("a.b.c.d", NOTHING) is NOTHING

    await execution.async_del_state("a.b.c")
    await execution.async_del_state("a.x.y")
    assert execution.get_state() == {"a": {"b": {"list": [3, 4]}, "d": 2}}


async def test_a_dotted_key_through_something_else_is_a_type_error(execution: Any):
    """And nothing is changed."""
    await execution.async_set_state("a", [1])

    with pytest.raises(TypeError, match="'a' holds a list"):
        await execution.async_set_state("a.b", 1)
    with pytest.raises(TypeError):
        await execution.async_set_state("", 1)
    with pytest.raises(TypeError):
        await execution.async_set_state(3, 1)
    assert execution.get_state() == {"a": [1]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (NOTHING, ["x"]),
        ([], ["x"]),
        ([1], [1, "x"]),
        ({1}, {1, "x"}),
        (1, [1, "x"]),
        (None, [None, "x"]),
        ("text", ["text", "x"]),
        ((1, 2), [(1, 2), "x"]),
        ({"a": 1}, [{"a": 1}, "x"]),
    ],
)
async def test_append_grows_what_there_is(execution: Any, before: Any, after: Any):
    """A list grows, a set takes the value in, anything else becomes the first of two."""
    if before is not NOTHING:
        await execution.async_set_state("k", before)
    await execution.async_append_state("k", "x")

    assert execution.get_state("k") == after
    assert type(execution.get_state("k")) is type(after)


async def test_deleting_what_is_not_there_does_nothing(execution: Any):
    """And falsy values can be deleted."""
    await execution.async_set_state("zero", 0)
    await execution.async_del_state("zero")
    await execution.async_del_state("never")

    assert execution.get_state() == {}


async def test_what_is_set_and_read_shares_nothing_with_the_state(execution: Any):
    """Neither the object that was handed in nor the one that was handed out reaches it."""
    mine = {"list": [1]}
    await execution.async_set_state("k", mine)
    item = [3]
    await execution.async_append_state("items", item)
    mine["list"].append(2)
    item.append(4)
    execution.get_state("k")["list"].append(5)
    execution.get_state()["k"]["list"].append(6)
    execution.get_state("k.list").append(7)

    assert execution.get_state() == {"k": {"list": [1]}, "items": [[3]]}


async def test_reading_one_key_copies_only_that_key():
    """The others are not touched, however large."""

    class Loud:
        def __deepcopy__(self, memo: Any) -> Any:
            raise AssertionError("copied")

    execution = TriggerFlow().create_execution(auto_close=False)
    execution._flow.run.frames[0].state["loud"] = SimpleNamespace(value=Loud())
    await execution.async_set_state("k", [1])
    await execution.async_append_state("k", 2)

    assert execution.get_state("k") == [1, 2]


async def test_live_objects_may_be_in_the_state_of_a_run_in_memory():
    """They are given out as they are; a save names their place."""
    lock = open  # an object that cannot be copied or kept
    execution = TriggerFlow().create_execution(auto_close=False)
    await execution.async_set_state("tools.lock", lock)

    assert execution.get_state("tools.lock") is lock
    with pytest.raises(ValueRefused) as caught:
        execution.save()
    assert caught.value.place == "state.tools.lock"


async def test_a_kept_run_refuses_at_the_call_what_would_not_come_back():
    """With the place, and nothing is changed; the run goes on."""
    execution = TriggerFlow().create_execution(auto_close=False, store=MemoryStore())
    await execution.async_set_state("k", [1])

    with pytest.raises(ValueRefused) as caught:
        await execution.async_set_state("k", {"deep": [open]})
    with pytest.raises(ValueRefused):
        await execution.async_append_state("k", open)

    assert caught.value.place == "state.k.deep[0]"
    assert execution.get_state() == {"k": [1]}


async def test_executions_do_not_share_state():
    """Two runs of one flow, at the same time."""
    flow = TriggerFlow()
    flow.to(collect)
    one, other = flow.create_execution(), flow.create_execution()

    assert await one.async_start(1) == {"seen": [1]}
    assert await other.async_start(2) == {"seen": [2]}


async def test_watchers_fire_on_the_key_as_it_is_written():
    """`a.b` does not fire on `a`, nor `a` on `a.b`; None tells of a deletion."""
    flow = TriggerFlow()
    flow.when({"runtime_data": "a"}).to(collect)
    flow.when({"runtime_data": "a.b"}).to(keep)
    execution = flow.create_execution(auto_close=False)

    await execution.async_set_state("a", {"x": 1})
    await execution.async_set_state("a.b", 2)
    await execution.async_append_state("a.b", 3)
    await execution.async_set_state("other", 4)
    await execution.async_del_state("a")

    assert execution.get_state("seen") == [{"x": 1}, None]
    assert execution.get_state("kept") == [2, 3]


async def test_watchers_are_waited_for_and_their_errors_fail_the_setter():
    """Unless `emit=False`, which tells nobody."""

    async def check(data: Any) -> None:
        if data.input < 0:
            raise ValueError("negative")
        await data.async_append_state("checked", data.input)

    flow = TriggerFlow()
    flow.when({"runtime_data": "k"}).to(check)
    execution = flow.create_execution(auto_close=False)

    await execution.async_set_state("k", 1)
    await execution.async_set_state("k", -1, emit=False)
    with pytest.raises(ValueError, match="negative"):
        await execution.async_set_state("k", -2)

    assert execution.get_state() == {"k": -2, "checked": [1]}


async def test_a_handler_tells_watchers_and_waits_for_them():
    """In the scope of the handler, so that what they emit joins with what it emits."""

    async def set_both(data: Any) -> None:
        await data.async_set_state("k", 1)
        await data.async_append_state("order", "setter")
        await data.async_emit("E", 2)

    async def watch(data: Any) -> None:
        await data.async_append_state("order", f"watcher of {data.event}, a {data.type}")

    flow = TriggerFlow()
    flow.to(set_both)
    flow.when({"runtime_data": "k"}).to(watch)
    flow.when({"runtime_data": "k", "event": "E"}).to(keep)

    assert await flow.async_start() == {
        "k": 1,
        "order": ["watcher of k, a runtime_data", "setter"],
        "kept": {"runtime_data": {"k": 1}, "event": {"E": 2}},
    }


async def test_a_sync_handler_writes_and_reads_at_once():
    """From its own thread, with watchers and without."""

    def sync(data: Any) -> Any:
        data.set_state("k", data.input)
        data.append_state("list", data.get_state("k"))
        data.append_state("list", 2)
        data.set_state("gone", 1)
        data.del_state("gone")
        return data.get_state()

    flow = TriggerFlow()
    flow.to(sync)
    flow.when({"runtime_data": "k"}).to(collect)

    assert await flow.async_start(1) == {"k": 1, "seen": [1], "list": [1, 2]}


async def test_an_async_handler_may_write_without_waiting_where_nobody_watches():
    """The sync forms are local operations then."""

    async def local(data: Any) -> None:
        data.set_state("k", 1)
        data.append_state("k", 2)
        data.set_state("x", 1)
        data.del_state("x")

    flow = TriggerFlow()
    flow.to(local)

    assert await flow.async_start() == {"k": [1, 2]}


async def test_state_written_after_the_close_is_not_in_the_snapshot():
    """It is accepted, and seen by `get_state` only; watchers of a closed run do not run."""
    flow = TriggerFlow()
    flow.when({"runtime_data": "late"}).to(collect)
    execution = flow.create_execution(auto_close=False, store=MemoryStore())
    await execution.async_set_state("k", 1)
    snapshot = await execution.async_close()
    await execution.async_set_state("late", 2)
    execution.set_state("later", 3)

    assert snapshot == await execution.async_close() == {"k": 1}
    assert execution.get_state() == {"k": 1, "late": 2, "later": 3}
