# SPDX-License-Identifier: Apache-2.0
"""Handlers that run out of time: those that leave, those that stay, and those in threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    HandlerTimeout,
    MemoryStore,
    Retry,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    executor,
    handler,
)
from holdfast.errors import RunFailed
from holdfast.runtime.clock import IDS
from holdfast.runtime.live import LEAVE_S
from holdfast.testing.clock import FakeClock
from tests.runtime.mortal import until

Flow = TriggerFlow[Any, Any, Any]


class Stubborn:
    """Ignores cancellation until it is let go; from the second call on it ends at once."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.cancelled = 0
        self.let_go = asyncio.Event()
        self.refused: list[str] = []

    async def work(self, context: Any, late: tuple[Any, ...]) -> str:
        """Stay, and then try to do what a call may do."""
        self.calls.append(context.attempt)
        if len(self.calls) > 1:
            return "well"
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
        for attempt in late:
            try:
                await attempt()
            except HandlerTimeout as error:
                self.refused.append(error.node)
        return "late"


def flow_of(stubborn: Stubborn, **how: Any) -> Flow:
    """The stubborn one as a chunk, and one that keeps."""

    async def stays(data: Any) -> str:
        late = (
            lambda: data.async_set_state("late", True),
            lambda: data.async_emit("Late"),
            lambda: data.async_emit_nowait("Late"),
            lambda: data.async_pause_for(interrupt_id="late"),
            lambda: data.step("late", str),
            lambda: data.async_put_into_stream("late"),
        )
        return await stubborn.work(data, late)

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    flow: Flow = TriggerFlow(name="flow")
    flow.to(stays, timeout_s=10, **how).to(keep)
    flow.when("Late").to(("heard", keep))
    return flow


def graph_of(stubborn: Stubborn, **how: Any) -> Any:
    """The stubborn one as an executor."""

    class Stays(Executor):
        @handler(timeout_s=10, **how)
        async def take(self, message: int, ctx: WorkflowContext[int, str]) -> None:
            """Yield what it gave."""

            async def write() -> None:
                ctx.set_state("late", True)

            late = (
                write,
                lambda: ctx.send_message(1),
                lambda: ctx.yield_output("late"),
                lambda: ctx.request_info("late", str),
                lambda: ctx.step("late", str),
                lambda: ctx.queue_state_update("late", True),
            )
            await ctx.yield_output(await stubborn.work(ctx, late))

    builder = WorkflowBuilder(name="graph", start_executor="stays")
    return builder.register("stays", lambda: Stays("stays")).build()


@pytest.fixture(params=[flow_of, graph_of], ids=["flow", "graph"])
def made(request: pytest.FixtureRequest) -> Any:
    """Makes a definition of either front."""
    return request.param


@pytest.fixture
async def stubborn() -> AsyncIterator[Stubborn]:
    """One that has left when the test is over, however that ended."""
    made = Stubborn()
    yield made
    made.let_go.set()


def engine(clock: FakeClock, definition: Any) -> Engine:
    """An engine on the clock, with a store of its own."""
    return Engine(MemoryStore(), [definition], times=(clock, IDS))


async def turns() -> None:
    """Let everything happen that needs no time."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_handler_that_stays_is_told_and_runs_again_when_it_has_left(
    made: Any, stubborn: Stubborn
) -> None:
    """Not twice at once, however long it stays; what it still tries to do is refused."""
    clock = FakeClock()
    definition = made(stubborn, retry=Retry(2))
    async with engine(clock, definition) as one:
        run = await one.start(definition, 1, run_id="r")
        await until(lambda: bool(stubborn.calls))
        clock.pass_s(9.9)
        await turns()
        assert stubborn.cancelled == 0
        clock.pass_s(0.1)
        await turns()
        (delivery,) = (await one.driven("r")).live.run.deliveries.values()
        assert (stubborn.cancelled, delivery.failures) == (1, 0)
        clock.pass_s(LEAVE_S)
        await turns()
        assert (delivery.failures, delivery.error) == (
            1,
            "HandlerTimeout: handler 'stays' took longer than 10 s",
        )
        clock.pass_s(3600)
        await turns()
        assert stubborn.calls == [0]
        stubborn.let_go.set()
        result = await run.result()
        assert result in ({"end": "well"}, ["well"])
    assert stubborn.refused == ["stays"] * 6
    assert stubborn.calls == [0, 1]


async def test_a_decision_does_not_run_it_twice_at_once_either(
    made: Any, stubborn: Stubborn
) -> None:
    """A manual retry waits until the handler that stayed has left."""
    clock = FakeClock()
    definition = made(stubborn)
    async with engine(clock, definition) as one:
        run = await one.start(definition, 1, run_id="r")
        await until(lambda: bool(stubborn.calls))
        clock.pass_s(10 + LEAVE_S)
        await turns()
        clock.pass_s(LEAVE_S)
        await turns()
        with pytest.raises((HandlerTimeout, RunFailed)):
            await run.result()
        await one.retry("r")
        await turns()
        assert stubborn.calls == [0]
        stubborn.let_go.set()
        assert await (await one.open("r")).result() in ({"end": "well"}, ["well"])
    assert stubborn.calls == [0, 1]


async def test_closing_leaves_a_handler_that_stays_behind(made: Any, stubborn: Stubborn) -> None:
    """An engine that closes does not wait for it, and its delivery stays due for the next one."""
    clock = FakeClock()
    definition = made(stubborn, retry=Retry(2))
    store = MemoryStore()
    async with Engine(store, [definition], times=(clock, IDS)) as one:
        await one.start(definition, 1, run_id="r")
        await until(lambda: bool(stubborn.calls))
        clock.pass_s(10)
        await turns()
        clock.pass_s(LEAVE_S)
        await turns()
    row = await store.row("r")
    assert (row.due, row.owner, row.status) == (True, None, "running")
    stubborn.let_go.set()
    await turns()
    clock.forget()
    async with Engine(store, [definition], times=(clock, IDS)) as two:
        assert await (await two.open("r")).result() in ({"end": "well"}, ["well"])


async def test_a_sync_handler_is_told_at_its_time_and_its_result_is_dropped() -> None:
    """Nothing stops a thread: the next call begins when it has come back."""
    let_go, began, calls = threading.Event(), threading.Event(), []
    flow: Flow = TriggerFlow(name="flow")

    def blocks(data: Any) -> str:
        calls.append(data.attempt)
        if len(calls) == 1:
            began.set()
            let_go.wait(30)
            with pytest.raises(HandlerTimeout):
                data.set_state("late", True)
            return "late"
        return "well"

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    flow.to(blocks, timeout_s=10, retry=Retry(2)).to(keep)
    clock = FakeClock()
    async with engine(clock, flow) as one:
        run = await one.start(flow, 1, run_id="r")
        await asyncio.to_thread(began.wait, 30)
        clock.pass_s(10)
        await turns()
        (delivery,) = (await one.driven("r")).live.run.deliveries.values()
        assert (delivery.failures, calls) == (1, [0])
        clock.pass_s(3600)
        await turns()
        assert calls == [0]
        let_go.set()
        assert await run.result() == {"end": "well"}
    assert calls == [0, 1]


async def test_a_sync_function_executor_times_out_too() -> None:
    """In its thread."""
    let_go, began = threading.Event(), threading.Event()

    @executor(timeout_s=10)
    def blocks(message: int) -> None:
        began.set()
        let_go.wait(30)

    clock, workflow = FakeClock(), WorkflowBuilder(start_executor=blocks, name="g").build()
    async with engine(clock, workflow) as one:
        run = await one.start(workflow, 1, run_id="r")
        await asyncio.to_thread(began.wait, 30)
        clock.pass_s(10)
        with pytest.raises(RunFailed) as raised:
            await run.result()
        assert isinstance(raised.value.__cause__, HandlerTimeout)
        let_go.set()


async def test_what_it_raises_while_it_leaves_is_the_cause() -> None:
    """The timeout is the failure; a clean-up that fails is told with it."""
    flow: Flow = TriggerFlow(name="flow")

    async def leaves(data: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("while leaving")

    flow.to(leaves, timeout_s=0.01)
    with pytest.raises(HandlerTimeout) as raised:
        await flow.async_start(1)
    assert isinstance(raised.value.__cause__, LookupError)


async def test_one_that_ends_well_although_it_was_cancelled_has_failed() -> None:
    """Its time was up before."""
    flow: Flow = TriggerFlow(name="flow")

    async def swallows(data: Any) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "too late"

    flow.to(swallows, timeout_s=0.01)
    with pytest.raises(HandlerTimeout):
        await flow.async_start(1)


async def test_waiting_for_a_permit_is_not_counted() -> None:
    """The time begins when the handler does."""
    clock, doors, ended = FakeClock(), [asyncio.Event(), asyncio.Event()], []
    flow: Flow = TriggerFlow(name="flow")

    async def work(data: Any) -> None:
        await doors[data.input].wait()
        ended.append(data.input)

    flow.for_each(concurrency=2).to(work, timeout_s=10).end_for_each()
    async with engine(clock, flow) as one:
        run = await one.start(flow, [0, 1], run_id="r")
        (await one.driven("r"))._flow.limit(1)  # type: ignore[attr-defined]
        await turns()
        clock.pass_s(9)
        doors[0].set()
        await turns()
        clock.pass_s(9)
        await turns()
        doors[1].set()
        await run.result()
    assert ended == [0, 1]


async def test_no_timer_is_left_when_a_handler_ends_in_time(made: Any, stubborn: Stubborn) -> None:
    """Nothing rings for what is over."""
    clock = FakeClock()
    stubborn.calls.append(-1)
    definition = made(stubborn)
    async with engine(clock, definition) as one:
        run = await one.start(definition, 1, run_id="r")
        before = clock.pending
        await run.result()
        assert clock.pending <= before
        assert not any("TimedCall" in repr(call) for _, _, call in clock._calls)


async def test_a_retry_after_a_timeout_keeps_what_its_call_had_sent() -> None:
    """The emit that had ended is found; what was written is taken back."""
    heard: list[int] = []
    clock = FakeClock()
    flow: Flow = TriggerFlow(name="flow")

    async def outer(data: Any) -> Any:
        await data.async_set_state("tried", data.attempt)
        results = await data.async_emit("Inner", data.input)
        if data.failures == 0:
            await asyncio.Event().wait()
        return results

    async def inner(data: Any) -> int:
        heard.append(data.input)
        return len(heard)

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    flow.to(outer, timeout_s=10, retry=Retry(2, backoff=5)).to(keep)
    flow.when("Inner").to(inner)
    async with engine(clock, flow) as one:
        run = await one.start(flow, 1, run_id="r")
        await turns()
        clock.pass_s(10)
        await turns()
        assert (await one.driven("r")).live.run.frames[0].state == {}
        clock.pass_s(5)
        assert await run.result() == {"end": [1], "tried": 1}
    assert heard == [1]
