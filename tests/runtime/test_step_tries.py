# SPDX-License-Identifier: Apache-2.0
"""Steps that call their function again, and end a call that takes too long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Retry, Step, TriggerFlow, current_step
from holdfast.errors import DefinitionError, RunBusy, StepRefused, StepTimeout
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import TypeRegistry
from holdfast.runtime.live import LEAVE_S
from holdfast.runtime.step_call import Call
from holdfast.runtime.steps import digest_of
from holdfast.testing.clock import FakeClock
from tests.runtime.mortal import until
from tests.runtime.test_sleeping import timed, turns
from tests.workflow.graphs import Context, build


def flow_of(handler: Any, **how: Any) -> TriggerFlow[Any, Any, Any]:
    """A flow of one handler."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="tries")
    flow.to(handler, **how)
    return flow


class Shaky:
    """Fails as often as it is told to; takes note of each call."""

    def __init__(self, fails: int, error: Callable[[], BaseException] = ConnectionError) -> None:
        self.fails = fails
        self.error = error
        self.steps: list[Step] = []

    async def call(self) -> int:
        """Fail, or say how often it was called."""
        self.steps.append(current_step())
        if len(self.steps) <= self.fails:
            raise self.error()
        return len(self.steps)


async def test_a_failing_function_is_called_again_under_one_key() -> None:
    """The waits between the calls are those of the retry, on the run's clock."""
    clock, shaky = FakeClock(), Shaky(2)

    async def work(data: Any) -> None:
        retry = Retry(3, backoff=10.0)
        await data.async_set_state("end", await data.step("call", shaky.call, retry=retry))

    execution = timed(flow_of(work), clock)
    running = asyncio.ensure_future(execution.async_start(None))
    for calls, wait_s in ((1, 9.9), (1, 0.1), (2, 19.9), (2, 0.1)):
        await turns()
        assert len(shaky.steps) == calls
        clock.pass_s(wait_s)
    await running

    assert (await execution.async_close())["end"] == 3
    assert [step.attempt for step in shaky.steps] == [0, 1, 2]
    assert len({step.key for step in shaky.steps}) == 1


async def test_the_last_failure_goes_through() -> None:
    """As does one that the retry does not take, and what no retry takes."""
    for shaky, error, calls in (
        (Shaky(9), ConnectionError, 2),
        (Shaky(9, lambda: ValueError("other")), ValueError, 1),
        (Shaky(9, asyncio.CancelledError), asyncio.CancelledError, 1),
    ):
        found: list[BaseException] = []

        async def work(data: Any, shaky: Shaky = shaky, found: Any = found) -> None:
            try:
                await data.step("call", shaky.call, retry=Retry(2, on=OSError))
            except BaseException as raised:
                found.append(raised)

        await flow_of(work).async_start(None)
        assert [type(one) for one in found] == [error]
        assert len(shaky.steps) == calls


async def test_what_a_function_may_not_do_is_not_tried_again() -> None:
    """It would be refused again."""
    calls: list[int] = []

    async def work(data: Any) -> None:
        async def change() -> None:
            calls.append(1)
            await data.async_set_state("k", 1)

        with pytest.raises(StepRefused):
            await data.step("change", change, retry=Retry(5))

    await flow_of(work).async_start(None)
    assert calls == [1]


class Hangs:
    """Waits for ever, as often as it is told to; takes note of what happens to it."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.trail: list[str] = []

    async def call(self) -> str:
        """Hang, or return."""
        self.trail.append("begun")
        if self.trail.count("begun") > self.times:
            return "at last"
        try:
            await asyncio.Event().wait()
        finally:
            self.trail.append("cancelled")
        raise AssertionError


async def test_a_function_that_takes_too_long_is_cancelled_and_told() -> None:
    """By an error that names the step; a retry calls it again."""
    clock, hangs = FakeClock(), Hangs(2)
    told: list[StepTimeout] = []

    async def work(data: Any) -> None:
        with pytest.raises(StepTimeout) as raised:
            await data.step("hang", hangs.call, timeout_s=5)
        told.append(raised.value)
        retried = await data.step("hang", hangs.call, timeout_s=5, retry=Retry(2))
        assert retried == "at last"

    running = asyncio.ensure_future(timed(flow_of(work), clock).async_start(None))
    for _ in range(2):
        await turns()
        clock.pass_s(5)
    await running
    assert hangs.trail == ["begun", "cancelled", "begun", "cancelled", "begun"]
    assert isinstance(told[0], TimeoutError)
    assert (told[0].step, told[0].timeout_s) == ("hang", 5)
    assert clock.pending == 0


async def test_cancelling_the_run_cancels_a_function_with_a_timeout() -> None:
    """It is not taken for one that took too long."""
    hangs = Hangs(1)

    async def take(_message: Any, ctx: Context) -> None:
        await ctx.step("hang", hangs.call, timeout_s=1000)

    running = asyncio.ensure_future(build("a>", {"a": take}).run("x"))
    await until(lambda: hangs.trail == ["begun"])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert hangs.trail == ["begun", "cancelled"]


async def test_a_function_that_does_not_stop_is_left_and_not_called_beside_itself() -> None:
    """The time to leave is short; the next call waits for as long as it takes."""
    clock = FakeClock()
    stop = asyncio.Event()
    calls: list[int] = []

    async def stubborn() -> int:
        calls.append(1)
        if len(calls) == 1:
            while not stop.is_set():
                try:
                    await stop.wait()
                except asyncio.CancelledError:
                    continue
        return len(calls)

    async def work(data: Any) -> None:
        with pytest.raises(StepTimeout):
            await data.step("once", stubborn, timeout_s=5, key="a")
        with pytest.raises(StepTimeout):
            await data.step("never", asyncio.Event().wait, timeout_s=5)
        await data.async_set_state("told", True)

    execution = timed(flow_of(work), clock)
    running = asyncio.ensure_future(execution.async_start(None))
    for seconds in (5, LEAVE_S, 5):
        await turns()
        clock.pass_s(seconds)
    await running
    assert (await execution.async_close())["told"]
    stop.set()
    await turns()
    assert not execution._flow.live.stepping


async def test_a_retry_waits_for_the_call_that_was_left_behind() -> None:
    """A sync function cannot be stopped at all: its thread comes back before the next call."""
    clock = FakeClock()
    door = threading.Event()
    at_work: list[int] = []
    most: list[int] = []

    def slow() -> str:
        at_work.append(1)
        most.append(len(at_work))
        if len(most) == 1:
            door.wait(10)
        at_work.pop()
        return f"call {len(most)}"

    async def work(data: Any) -> None:
        found = await data.step("slow", slow, timeout_s=5, retry=Retry(2))
        await data.async_set_state("end", found)

    execution = timed(flow_of(work), clock)
    running = asyncio.ensure_future(execution.async_start(None))
    await until_set(lambda: bool(most))
    clock.pass_s(5)
    await turns()
    assert most == [1]
    door.set()
    await asyncio.wait_for(running, 5)

    assert (await execution.async_close())["end"] == "call 2"
    assert most == [1, 1]


async def until_set(holds: Callable[[], bool]) -> None:
    """Give way to the loop, and to threads, until something holds."""
    for _ in range(500):
        if holds():
            return
        await asyncio.to_thread(threading.Event().wait, 0.001)
    raise AssertionError("it never came to hold")


async def test_a_repeat_waits_for_the_thread_that_a_cancelled_attempt_left() -> None:
    """Two calls at once would share a key."""
    door = threading.Event()
    trail: list[str] = []

    def slow() -> str:
        trail.append("begins")
        if len(trail) == 1:
            door.wait(10)
        trail.append("ends")
        return "done"

    async def work(data: Any) -> None:
        await data.async_set_state("end", await data.step("slow", slow))

    execution = timed(flow_of(work), FakeClock())
    running = asyncio.ensure_future(execution.async_start(None))
    await until_set(lambda: bool(trail))
    running.cancel()
    await asyncio.wait({running})
    await execution.async_resume()
    await turns()
    assert trail == ["begins"]
    door.set()

    assert await execution.async_close() == {"end": "done"}
    assert trail == ["begins", "ends", "begins", "ends"]


async def test_a_handler_that_is_tried_again_finds_the_steps_it_had_finished() -> None:
    """The retry of a handler is a repeat like any other."""
    shaky, calls = Shaky(0), []

    async def work(data: Any) -> None:
        calls.append(await data.step("call", shaky.call))
        if len(calls) < 3:
            raise ConnectionError

    await flow_of(work, retry=Retry(3)).async_start(None)
    assert calls == [1, 1, 1]
    assert len(shaky.steps) == 1


async def test_a_handler_needs_no_permit_between_two_calls() -> None:
    """Others work while it waits, and one at a time with it."""
    clock, shaky = FakeClock(), Shaky(1)
    trail: list[str] = []

    async def work(data: Any) -> None:
        trail.append("fails")
        await data.step("call", shaky.call, retry=Retry(2, backoff=60.0))
        trail.append("goes on")

    flow = flow_of(work)
    flow.to(lambda data: trail.append("another"))
    running = asyncio.ensure_future(timed(flow, clock, concurrency=1).async_start(None))
    await until_set(lambda: len(trail) == 2)
    clock.pass_s(60)
    await running
    assert trail == ["fails", "another", "goes on"]


@pytest.mark.parametrize("timeout_s", [None, 5.0])
async def test_a_function_in_a_task_of_its_own_cannot_wait_for_its_run(
    timeout_s: float | None,
) -> None:
    """It would wait for itself: this is told, with a timeout as in a gather."""

    async def work(data: Any) -> None:
        steps = (data.step(name, data.execution.async_close, timeout_s=timeout_s) for name in "ab")
        for error in await asyncio.gather(*steps, return_exceptions=True):
            assert isinstance(error, RunBusy)

    execution = timed(flow_of(work), FakeClock())
    await asyncio.wait_for(execution.async_start(None), 5)
    assert await execution.async_close() == {}


async def test_an_earlier_call_of_the_handler_begins_no_step_any_more() -> None:
    """What it left behind must not take up the lines that the repeat is to find."""
    late: list[Any] = []
    shaky = Shaky(0)

    async def work(data: Any) -> None:
        late.append(data)
        await data.step("call", shaky.call)
        if len(late) == 1:
            raise ConnectionError
        with pytest.raises(StepRefused, match="has ended and cannot begin step 'call'"):
            await late[0].step("call", shaky.call)
        with pytest.raises(StepRefused, match="has ended and cannot sleep"):
            await late[0].sleep(1)

    await flow_of(work, retry=Retry(2)).async_start(None)
    assert len(late) == 2
    assert len(shaky.steps) == 1


async def test_a_retry_or_timeout_that_cannot_be_is_refused() -> None:
    """As it is for handlers."""

    async def work(data: Any) -> None:
        with pytest.raises(DefinitionError, match="expected a Retry"):
            await data.step("call", asyncio.sleep, 0, retry=3)
        for timeout_s in (0, -1, "1", float("nan"), True):
            with pytest.raises(DefinitionError, match="timeout_s"):
                await data.step("call", asyncio.sleep, 0, timeout_s=timeout_s)

    await flow_of(work).async_start(None)


def test_the_digest_of_a_step_is_the_same_in_every_release() -> None:
    """Otherwise an upgrade in the middle of a handler would call its finished steps again."""
    codec = Codec(TypeRegistry())

    def digest(*args: Any, key: str | None = None, **kwargs: Any) -> str:
        return digest_of(codec, Call("charge", asyncio.sleep, args, kwargs, key))

    assert digest() == "361a4addb017ab13c9"
    assert digest("T-1", (1, 2.5), b=1, a={2}) == "66df8672e7a9a1df46"
    assert digest("anything", key="T-1") == "63fec1f768c88c7db6"
