# SPDX-License-Identifier: Apache-2.0
"""A chunk: a handler with a name and a place, which can be called and used in any flow."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import BlockedLoop
from holdfast.triggerflow.chunk import Chunk
from tests.triggerflow.handlers import add_one, collect, double, keep


class Data:
    """What a handler needs of its data in these tests."""

    def __init__(self, value: Any) -> None:
        self.input = value


def halve(data: Any) -> Any:
    """Half the input, or an awaitable of it."""
    return double(data) if data.input is None else data.input / 2


async def test_a_chunk_can_be_called_without_a_flow():
    """Sync and async handlers alike, in both colours."""
    flow = TriggerFlow()
    slow, quick = flow.chunk(double), flow.chunk(halve)

    assert await slow.async_call(Data(2)) == 4
    assert await quick.async_call(Data(2)) == 1.0
    assert quick.call(Data(4)) == 2.0
    with pytest.raises(BlockedLoop):
        slow.call(Data(2))


def test_an_async_handler_is_called_from_blocking_code():
    """On a loop of the library's."""
    assert TriggerFlow().chunk(double).call(Data(3)) == 6


def test_a_chunk_tells_its_name_and_the_event_of_its_end():
    """An id that is its name, unless it has none of its own."""
    flow = TriggerFlow()
    named, by_place = flow.chunk("n")(double), flow.chunk(lambda data: 1)

    assert (named.id, named.name, named.trigger) == ("n", "n", "chunk:n")
    assert by_place.id == by_place.name == "lambda@chunk#1"
    assert by_place.trigger == f"chunk:{by_place.id}"


def test_declared_emits_cannot_be_changed_from_outside():
    """What is read is not what is kept."""
    chunk = TriggerFlow().chunk(double).declare_emits("A")
    before = chunk.emit_signals
    chunk.declare_emits("B")

    assert (before, chunk.emit_signals) == (("A",), ("A", "B"))


async def test_one_chunk_serves_several_flows_and_operators():
    """In `to`, `when` and `batch`, here and there."""
    home, away = TriggerFlow(), TriggerFlow()
    shared = home.chunk("shared")(double)
    home.to(shared)
    home.when(shared).to(keep)
    away.batch(shared, add_one).to(keep)
    away.when({"event": [shared, "add_one"]}, mode="simple_or").to(collect)

    assert await home.async_start(2) == {"kept": 4}
    snapshot = await away.async_start(2)
    assert (snapshot["kept"], sorted(snapshot["seen"])) == ({"shared": 4, "add_one": 3}, [3, 4])


async def test_a_chunk_under_a_second_name_is_a_second_stage():
    """The pair gives its function another name."""
    flow = TriggerFlow()
    first = flow.chunk(double)
    flow.to(first).to(("again", first)).to(keep)

    assert await flow.async_start(1) == {"kept": 4}


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (functools.partial(double), "double"),
        (functools.partial(functools.partial(add_one)), "add_one"),
        (len, "len"),
    ],
)
def test_the_name_of_a_callable_is_found(handler: Any, name: str):
    """A partial has its function's, a builtin its own."""
    chunk = TriggerFlow().chunk(handler)
    assert isinstance(chunk, Chunk)
    assert chunk.name == name


async def test_a_handler_that_emits_its_own_event_may_loop():
    """An event leads back to a chunk: that is a loop on purpose."""

    async def count(data: Any) -> None:
        await data.async_set_state("count", data.input)
        if data.input < 5:
            await data.async_emit("Loop", data.input + 1)

    flow = TriggerFlow()
    flow.to(count)
    flow.when("Loop").to(count)

    assert await flow.async_start(0) == {"count": 5}
    assert list(flow.chunks) == ["count"]


async def test_a_chunk_behind_its_own_end_is_refused():
    """A chain that begins at a chunk's end has passed it."""
    flow = TriggerFlow()
    chunk = flow.chunk(double)
    for trigger in (chunk, "double", [chunk], {"event": "double"}):
        with pytest.raises(ValueError, match="name="):
            flow.when(trigger).to(chunk)
