# SPDX-License-Identifier: Apache-2.0
"""Work that nobody awaits: taken in at once, waited for by the close, its errors told once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.handlers import Door, collect, double, fail, keep


async def test_a_signal_without_waiting_is_taken_in_and_runs_on_its_own():
    """The call returns before the handler has ended; the future holds what the handlers return."""
    door = Door()
    flow = TriggerFlow()
    flow.when("E").to(door).to(collect)
    execution = flow.create_execution(auto_close=False)

    future = await execution.async_emit_nowait("E", 3)
    assert future is not None
    assert not future.done()
    door.opened.set()
    await future

    assert execution.get_state("seen") == [3]


async def test_close_waits_for_what_runs_in_the_background():
    """And for what that starts in turn."""
    door = Door()

    async def start_more(data: Any) -> None:
        await data.async_emit_nowait("More", data.input)

    flow = TriggerFlow()
    flow.to(start_more)
    flow.when("More").to(door).to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)

    closing = asyncio.ensure_future(execution.async_close())
    await door.reached.wait()
    assert not closing.done()
    door.opened.set()

    assert await closing == {"seen": [1]}


async def test_a_background_error_is_raised_by_one_close_and_the_next_succeeds():
    """The execution stays open in between; the status stays failed."""
    flow = TriggerFlow()
    flow.when("Bad").to(fail)
    flow.when("Good").to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit_nowait("Bad", 1)
    await execution.async_emit_nowait("Bad", 2)

    with pytest.raises(LookupError, match="no 1"):
        await execution.async_close()
    assert execution.is_open()
    await execution.async_emit("Good", 3)

    assert await execution.async_close() == {"seen": [3]}
    assert execution.get_status() == "failed"


async def test_a_background_error_surfaces_out_of_a_hidden_execution():
    """The caller of `flow.async_start` gets it, and does not wait for ever."""

    async def start_bad(data: Any) -> None:
        await data.async_emit_nowait("Bad", 1)

    flow = TriggerFlow()
    flow.to(start_bad)
    flow.when("Bad").to(fail)

    with pytest.raises(LookupError):
        await flow.async_start()


async def test_a_background_error_surfaces_out_of_a_start_that_closes_by_itself():
    """As with `flow.async_start`; the execution can be closed afterwards."""

    async def start_bad(data: Any) -> None:
        await data.async_emit_nowait("Bad", 1)

    flow = TriggerFlow()
    flow.to(start_bad)
    flow.when("Bad").to(fail)
    execution = flow.create_execution()

    with pytest.raises(LookupError):
        await execution.async_start()

    assert execution.is_open()
    assert await execution.async_close() == {}


async def test_an_error_that_was_awaited_is_not_told_again_at_the_close():
    """Whoever awaited the emit has it."""
    flow = TriggerFlow()
    flow.when("Bad").to(fail)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(LookupError):
        await execution.async_emit("Bad", 1)

    assert await execution.async_close() == {}


async def test_a_failed_start_of_a_hidden_execution_leaves_nothing_running():
    """What it had started in the background is cancelled, since nobody could ever close it."""
    door = Door()

    async def start_and_fail(data: Any) -> None:
        await data.async_emit_nowait("Background")
        await door.reached.wait()
        raise LookupError

    flow = TriggerFlow()
    flow.to(start_and_fail)
    flow.when("Background").to(door)

    with pytest.raises(LookupError):
        await flow.async_start()
    await asyncio.sleep(0)

    assert door.cancelled == 1


async def test_a_parked_delivery_is_retried_with_what_followed_from_it():
    """The call waits for it, and the close has nothing more to tell."""
    fails = {"now": True}

    async def flaky(data: Any) -> Any:
        await data.async_append_state("tries", data.attempt)
        if fails["now"]:
            raise ConnectionError
        return data.input

    flow = TriggerFlow()
    flow.when("E").to(flaky).to(double).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit_nowait("E", 4)
    await execution.live.until_quiet()
    assert execution.get_status() == "failed"

    with pytest.raises(ConnectionError):
        await execution.async_retry()
    fails["now"] = False
    await execution.async_retry()

    assert execution.get_status() == "running"
    assert await execution.async_close() == {"tries": [2], "kept": 8}


async def test_a_parked_delivery_is_skipped_with_a_value():
    """It counts as done, with that value."""
    flow = TriggerFlow()
    flow.to(fail).to(double).to(keep)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(LookupError):
        await execution.async_start(1)

    await execution.async_skip(1, 21)

    assert await execution.async_close() == {"kept": 42}


async def test_siblings_that_were_stopped_are_retried_together():
    """No retry waits for another one that is still to come."""
    fails = {"now": True}
    door = Door("door")

    async def flaky(data: Any) -> Any:
        if fails["now"]:
            raise ConnectionError
        return data.input

    flow = TriggerFlow()
    flow.to(door).to(collect)
    flow.to(flaky).to(collect)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(ConnectionError):
        await execution.async_start(1)
    fails["now"] = False
    door.opened.set()

    await execution.async_retry()

    assert await execution.async_close() == {"seen": [1, 1]}


async def test_one_of_several_parked_deliveries_is_retried_alone():
    """The call returns when it has ended, although others of its signal are parked."""
    fails = {"now": True}
    door = Door("door")

    async def flaky(data: Any) -> Any:
        if fails["now"]:
            raise ConnectionError
        return data.input

    flow = TriggerFlow()
    flow.to(door).to(collect)
    flow.to(flaky).to(keep)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(ConnectionError):
        await execution.async_start(1)
    fails["now"] = False

    await execution.async_retry(2)

    assert execution.get_state() == {"kept": 1}
    assert execution.get_status() == "failed"


async def test_retrying_an_emitter_runs_what_failed_behind_its_emit_again():
    """A failure is no outcome: the emit made again does not wait for what is parked for ever."""
    fails = {"now": True}

    async def outer(data: Any) -> Any:
        return (await data.async_emit("Inner", data.input))[0]

    async def inner(data: Any) -> Any:
        await data.async_append_state("tries", data.attempt)
        if fails["now"]:
            raise ConnectionError
        return data.input + 1

    flow = TriggerFlow()
    flow.to(outer).to(keep)
    flow.when("Inner").to(inner)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(ConnectionError):
        await execution.async_start(1)
    fails["now"] = False

    await execution.async_retry(1)

    assert await execution.async_close() == {"tries": [1], "kept": 2}


async def test_retrying_an_emitter_and_what_failed_behind_its_emit_waits_for_both():
    """The emit made again and the retry both wait for the same work, and both hear of its end."""
    fails = {"now": True}

    async def outer(data: Any) -> Any:
        return (await data.async_emit("Inner", data.input))[0]

    async def inner(data: Any) -> Any:
        if fails["now"]:
            raise ConnectionError
        return data.input + 1

    flow = TriggerFlow()
    flow.to(outer).to(keep)
    flow.when("Inner").to(inner)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(ConnectionError):
        await execution.async_start(1)
    with pytest.raises(ConnectionError):
        await execution.async_retry()
    fails["now"] = False

    await execution.async_retry()

    assert await execution.async_close() == {"kept": 2}


async def test_a_retry_takes_back_what_the_failed_attempt_wrote():
    """An unfinished handler leaves no trace but what it sent."""
    fails = {"now": True}

    async def writes(data: Any) -> None:
        await data.async_set_state("new", 1)
        await data.async_set_state("old", "changed")
        await data.async_append_state("list", 2)
        await data.async_del_state("gone")
        await data.async_emit("Sent", "once")
        if fails["now"]:
            raise ConnectionError

    flow = TriggerFlow()
    flow.to(writes)
    flow.when("Sent").to(collect)
    execution = flow.create_execution(auto_close=False)
    execution.set_state("old", "old")
    execution.set_state("list", [1])
    execution.set_state("gone", "here")
    with pytest.raises(ConnectionError):
        await execution.async_start()
    fails["now"] = False

    await execution.async_retry()

    assert await execution.async_close() == {
        "old": "changed",
        "list": [1, 2],
        "seen": ["once"],
        "new": 1,
    }


async def test_the_future_of_a_signal_without_waiting_gives_what_its_handlers_return(opened: Any):
    """From outside and from a handler; live objects too, since nothing keeps them."""
    live = object()
    told: list[Any] = []

    async def gives(data: Any) -> Any:
        return live

    async def sends(data: Any) -> None:
        told.append(await (await data.async_emit_nowait("E", 3)))

    flow = TriggerFlow()
    flow.when("E").to(gives)
    flow.when("E").to(double)
    flow.when("Send").to(sends)
    execution = opened(flow)
    future = await execution.async_emit_nowait("E", 2)
    assert await future == [live, 4]
    await execution.async_emit("Send")

    assert told == [[live, 6]]
