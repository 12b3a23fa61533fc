# SPDX-License-Identifier: Apache-2.0
"""A run that closes by itself: when, after how long, and what it does with errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import RunFailed
from tests.triggerflow.handlers import (
    ask,
    collect,
    double,
    fail,
    in_jumping_time,
    keep,
    same,
)


def held(flow: TriggerFlow, **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


async def test_a_run_that_somebody_waits_for_closes_at_once_when_it_is_idle():
    """Including what runs in the background; no time passes, nothing polls."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    flow = TriggerFlow()
    flow.to(same).to(lambda data: data.emit_nowait("Background", data.input))
    flow.when("Background").to(double).to(keep)

    assert await flow.create_execution().async_start(2) == {"kept": 4}
    assert await flow.async_start(3) == {"kept": 6}
    assert loop.time() - began < 5


def test_a_run_that_nobody_waits_for_closes_after_its_idle_seconds():
    """The clock begins with the first activity, starts over with each, and waits for answers."""
    times = {}

    async def story() -> None:
        loop = asyncio.get_running_loop()
        flow = TriggerFlow()
        flow.when("E").to(collect)
        flow.when("Ask").to(ask)
        execution = flow.create_execution(auto_close_timeout=4)
        ended = asyncio.Event()
        execution.on_closed = lambda _: ended.set()
        execution.set_state("only", "state")
        await asyncio.sleep(100)
        assert execution.is_open()
        await execution.async_emit("E", 1)
        await asyncio.sleep(3)
        await execution.async_emit("E", 2)
        await asyncio.sleep(3)
        await execution.async_put_into_stream("item")
        await asyncio.sleep(3)
        await execution.async_emit("Ask", 1)
        await asyncio.sleep(100)
        assert execution.is_open()
        await execution.async_continue_with("q-1", 1)
        began = loop.time()
        await ended.wait()
        times["idle"] = loop.time() - began
        assert execution.get_state() == {"only": "state", "seen": [1, 2]}
        assert execution.is_closed()

    in_jumping_time(story())
    assert times["idle"] == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize(
    ("options", "start", "seconds"),
    [
        ({}, {}, 0),
        ({}, {"timeout": 7}, 7),
        ({"auto_close_timeout": 3}, {}, 3),
        ({"auto_close_timeout": 3}, {"timeout": 0}, 0),
        ({"auto_close_timeout": 0}, {}, 0),
        ({"auto_close_timeout": 10}, {}, 10),
    ],
)
def test_the_idle_seconds_of_a_start_that_is_waited_for(
    options: dict[str, Any], start: dict[str, Any], seconds: float
):
    """Those of the start, else those of the execution, else none."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        flow = TriggerFlow()
        flow.to(keep)
        execution = flow.create_execution(**options)
        began = loop.time()
        assert await execution.async_start(1, **start) == {"kept": 1}
        return loop.time() - began

    assert in_jumping_time(story()) == pytest.approx(seconds, abs=0.2)


def test_no_idle_seconds_never_close():
    """`auto_close_timeout=None` leaves it to somebody else, whom the start waits for."""

    async def story() -> None:
        flow = TriggerFlow()
        flow.to(keep)
        execution = flow.create_execution(auto_close_timeout=None)
        start = asyncio.ensure_future(execution.async_start(1))
        await asyncio.sleep(1000)
        assert not start.done()
        await execution.async_close()
        assert await start == {"kept": 1}

    in_jumping_time(story())


def test_a_failed_run_closes_by_itself_later_and_stays_failed():
    """The error went to whoever started it; until then signals are taken."""

    async def story() -> None:
        flow = TriggerFlow()
        flow.to(fail)
        flow.when("E").to(collect)
        execution = flow.create_execution()
        with pytest.raises(LookupError):
            await execution.async_start(1)
        await asyncio.sleep(5)
        assert execution.is_open()
        await execution.async_emit("E", 1)
        await asyncio.sleep(11)
        assert (execution.get_status(), execution.is_closed()) == ("failed", True)
        assert await execution.async_close() == {"seen": [1]}

    in_jumping_time(story())


def test_a_background_error_nobody_was_there_to_hear_is_told_by_the_next_close():
    """The run closes by itself all the same; the error is raised once."""

    async def story() -> None:
        flow = TriggerFlow()
        flow.when("E").to(fail)
        execution = flow.create_execution()
        await execution.async_emit_nowait("E", 1)
        await asyncio.sleep(20)
        assert execution.is_closed()
        with pytest.raises(LookupError):
            await execution.async_close()
        assert await execution.async_close() == {}

    in_jumping_time(story())


async def test_a_start_waits_for_an_answer_somebody_else_gives():
    """A pause stops the idle clock; the run closes at once behind the answer."""
    flow = TriggerFlow()
    flow.to(ask).to(keep)
    execution = flow.create_execution()
    start = asyncio.ensure_future(execution.async_start(1))
    await asyncio.sleep(0)
    await execution.live.until_quiet()
    await execution.async_continue_with("q-1", "yes")

    assert await start == {"kept": "yes"}


async def test_a_kept_run_that_failed_is_not_closed_by_itself():
    """What is parked could never be retried; whoever waits is told."""
    flow = TriggerFlow()
    flow.to(fail).to(keep)
    execution = flow.create_execution(store=MemoryStore())
    with pytest.raises(LookupError):
        await execution.async_start(1)
    with pytest.raises(RunFailed, match="LookupError"):
        await execution.async_start(1)
    assert execution.is_open()

    await execution.async_skip(1, "instead")
    assert await execution.async_start() == {"kept": "instead"}


@pytest.mark.parametrize("options", [{"auto_close": False}, {"auto_close_timeout": None}])
async def test_a_hidden_execution_has_to_close(options: dict[str, Any]):
    """The call waits for it, so it would never return."""
    with pytest.raises(ValueError, match="waits for the close"):
        await TriggerFlow().async_start(1, **options)


@pytest.mark.parametrize("activity", ["intervene", "unseal", "item", "result"])
def test_what_else_begins_the_idle_time_anew(activity: str):
    """An intervention, unsealing, a stream item, a result."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        flow = TriggerFlow()
        flow.when("E").to(keep)
        execution = flow.create_execution(auto_close_timeout=4, intervention_mode="planned")
        ended = asyncio.Event()
        execution.on_closed = lambda _: ended.set()
        await execution.async_emit("E", 1)
        await asyncio.sleep(3)
        match activity:
            case "intervene":
                await execution.async_intervene("x")
            case "unseal":
                await execution.async_seal()
                await execution.async_unseal()
            case "item":
                execution.put_into_stream("item")
            case _:
                execution.set_state("$final_result", 1)
        began = loop.time()
        await ended.wait()
        return loop.time() - began

    assert in_jumping_time(story()) == pytest.approx(4, abs=0.2)


def test_what_is_written_without_a_loop_needs_none():
    """A run that nobody drives has no clock to begin anew."""
    execution = TriggerFlow().create_execution()
    execution.set_state("$final_result", 1)
    execution.put_into_stream("item")

    assert execution.result.get_final_result() == 1
    assert execution.close() == {"$final_result": 1}
