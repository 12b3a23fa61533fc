# SPDX-License-Identifier: Apache-2.0
"""How runs are begun: once, by START, and what a start gives back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import PauseNotAllowed
from tests.triggerflow.handlers import Door, ask, collect, fail, in_jumping_time, keep


def held(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


def seen() -> TriggerFlow[Any, Any, Any]:
    """A flow that collects its input."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="seen")
    flow.to(collect)
    return flow


async def test_the_start_value_is_no_event():
    """It is what START carries."""
    flow = seen()
    flow.when("go").to(fail)
    execution = held(flow)
    await execution.async_start("go")

    assert execution.get_state() == {"seen": ["go"]}


async def test_start_can_be_sent_as_an_event_and_marks_nothing():
    """The handlers run; a start afterwards still dispatches, once."""
    execution = held(seen())
    await execution.async_emit("START", 1)
    assert not execution.started
    await execution.async_start(2)
    await execution.async_start(3)
    await execution.async_emit("START", 4)

    assert execution.get_state() == {"seen": [1, 2, 4]}
    assert execution.started


async def test_a_loaded_run_that_was_never_started_can_be():
    """Having state is not having been started."""
    execution = held(seen())
    await execution.async_set_state("k", 1)
    restored = held(seen())
    restored.load(execution.save())
    assert not restored.started
    await restored.async_start(1)
    again = held(seen())
    again.load(restored.save())

    assert again.started
    await again.async_start(2)
    assert again.get_state() == {"k": 1, "seen": [1]}


async def test_a_start_waits_for_what_is_awaited_and_not_for_the_rest():
    """Work that nobody awaits may still be under way."""
    door = Door()

    async def emits(data: Any) -> None:
        await data.async_emit_nowait("Later")
        await data.async_emit("Now")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(emits)
    flow.when("Now").to(collect)
    flow.when("Later").to(door).to(keep)
    execution = held(flow)
    await execution.async_start()
    assert execution.get_state() == {"seen": [None]}
    assert not execution.is_idle()
    door.opened.set()
    assert await execution.async_close() == {"seen": [None], "kept": None}


async def test_a_started_execution_is_given_back_once_its_start_has_settled():
    """Or has paused: the caller holds it and goes on."""
    flow = seen()
    flow.to(ask).to(keep)
    execution = await flow.async_start_execution(1, auto_close=False, runtime_resources={"r": 1})
    assert (execution.get_status(), execution.get_state()) == ("waiting", {"seen": [1]})
    assert execution.get_runtime_resource("r") == 1
    await execution.async_continue_with("q-1", 2)
    assert await execution.async_close() == {"seen": [1], "kept": 2}

    failing: TriggerFlow[Any, Any, Any] = TriggerFlow()
    failing.to(fail)
    with pytest.raises(LookupError):
        await failing.async_start_execution(1)
    with pytest.raises(TypeError):
        await flow.async_start_execution(1, owner_id="o")
    with pytest.raises(TypeError):
        await flow.async_start_execution()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("options", "seconds"), [({}, 10), ({"timeout": 3}, 3), ({"auto_close_timeout": 2}, 2)]
)
def test_a_started_execution_closes_by_itself(options: dict[str, Any], seconds: float):
    """After the idle seconds that its starter chose, else ten."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        execution = await seen().async_start_execution(1, **options)
        ended = asyncio.Event()
        execution.on_closed = lambda _: ended.set()
        began = loop.time()
        await ended.wait()
        return loop.time() - began

    assert in_jumping_time(story()) == pytest.approx(seconds, abs=0.2)


def test_the_idle_seconds_of_a_start_are_those_of_the_execution_from_then_on():
    """Also when the starter stops waiting."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        door = Door()
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
        flow.to(collect)
        flow.when("E").to(door)
        execution = flow.create_execution()
        ended = asyncio.Event()
        execution.on_closed = lambda _: ended.set()
        start = asyncio.ensure_future(execution.async_start(1, timeout=5))
        await asyncio.sleep(1)
        start.cancel()
        await asyncio.wait({start})
        began = loop.time()
        await ended.wait()
        return loop.time() - began

    assert in_jumping_time(story()) == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize(
    "unknown",
    [
        "owner_id",
        "lease_ttl",
        "record_store",
        "execution_resources",
        "parent_run_context",
        "run_context",
    ],
)
def test_what_no_execution_takes_is_a_type_error(unknown: str):
    """As any keyword that does not exist."""
    with pytest.raises(TypeError, match=unknown):
        seen().create_execution(**{unknown: None})


async def test_an_execution_whose_handle_nobody_has_cannot_pause():
    """As under `flow.start`: nobody could answer."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(ask)
    with pytest.raises(PauseNotAllowed, match="requires an exposed execution handle"):
        await flow.async_start(1)
    with pytest.raises(PauseNotAllowed):
        await held(flow, resume_handle_exposed=False).async_start(1)
    await held(flow).async_start(1)


async def test_a_hidden_start_takes_its_idle_seconds_under_two_names():
    """`timeout` wins; both default to none."""
    for options in ({}, {"timeout": 0.0}, {"auto_close_timeout": 0.0}, {"timeout": None}):
        assert await seen().async_start(1, **options) == {"seen": [1]}
