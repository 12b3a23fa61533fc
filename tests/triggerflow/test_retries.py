# SPDX-License-Identifier: Apache-2.0
"""Chunks that are called again, wherever they stand, and what of them is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import HandlerTimeout, MemoryStore, Retry, TriggerFlow
from holdfast.definition.blueprint import SEPARATOR
from holdfast.errors import DefinitionError, RunBusy, RunFailed

Flow = TriggerFlow[Any, Any, Any]
Opened = Callable[..., Any]


class Flaky:
    """A handler that fails so often, then gives the number of the call that ended."""

    def __init__(self, failures: int, error: type[BaseException] = ConnectionError) -> None:
        self.left = failures
        self.error = error
        self.calls: list[tuple[int, int]] = []

    async def __call__(self, data: Any) -> int:
        self.calls.append((data.attempt, data.failures))
        await data.async_append_state("tried", len(self.calls))
        if self.left:
            self.left -= 1
            raise self.error(f"call {len(self.calls)}")
        return len(self.calls)


async def keep(data: Any) -> None:
    """Keep what came."""
    await data.async_append_state("end", data.input)


async def test_a_chunk_is_called_until_it_ends_well(opened: Opened) -> None:
    """What the failed calls wrote is taken back; what follows sees one result."""
    flaky = Flaky(2)
    flow: Flow = TriggerFlow(name="f")
    flow.to(("flaky", flaky), retry=Retry(3)).to(keep)
    execution = opened(flow)
    await execution.async_start(1)
    assert await execution.async_close() == {"tried": [3], "end": [3]}
    assert flaky.calls == [(0, 0), (1, 1), (2, 2)]


async def test_after_the_last_call_the_failure_goes_its_old_way(opened: Opened) -> None:
    """The error of the last call is raised, and the delivery is parked."""
    flow: Flow = TriggerFlow(name="f")
    flow.to(("flaky", Flaky(3)), retry=Retry(3)).to(keep)
    execution = opened(flow)
    with pytest.raises(ConnectionError, match="call 3"):
        await execution.async_start(1)
    (parked,) = execution._flow.parked()
    assert (parked.failures, parked.attempt, parked.error) == (2, 2, "ConnectionError: call 3")


async def test_a_decision_gives_a_parked_chunk_a_fresh_count(opened: Opened) -> None:
    """As many calls as were declared, counted from the decision."""
    flaky = Flaky(3)
    flow: Flow = TriggerFlow(name="f")
    flow.to(("flaky", flaky), retry=Retry(2)).to(keep)
    execution = opened(flow)
    with pytest.raises(ConnectionError):
        await execution.async_start(1)
    await execution.async_retry()
    assert await execution.async_close() == {"tried": [4], "end": [4]}
    assert flaky.calls == [(0, 0), (1, 1), (2, 0), (3, 1)]


async def test_without_a_retry_one_failure_counts(opened: Opened) -> None:
    """And so with a Retry of one call."""
    for retry in (None, Retry(1)):
        flaky = Flaky(1)
        flow: Flow = TriggerFlow(name="f")
        flow.to(("flaky", flaky), retry=retry)
        with pytest.raises(ConnectionError):
            await opened(flow).async_start(1)
        assert len(flaky.calls) == 1


async def test_only_what_on_takes_is_called_again(opened: Opened) -> None:
    """By type, or by what a function says; one that raises itself leaves a note."""

    def broken(error: Exception) -> bool:
        raise LookupError("which errors")

    cases: list[tuple[Any, int]] = [
        (ConnectionError, 2),
        (ValueError, 1),
        ((ValueError, OSError), 2),
        (lambda error: "call 1" in str(error), 2),
        (broken, 1),
    ]
    for on, calls in cases:
        flaky = Flaky(5)
        flow: Flow = TriggerFlow(name="f")
        flow.to(("flaky", flaky), retry=Retry(2, on=on))
        with pytest.raises(ConnectionError) as raised:
            await opened(flow).async_start(1)
        assert len(flaky.calls) == calls
        notes = getattr(raised.value, "__notes__", [])
        assert notes == (["retry: on= raised LookupError: which errors"] if on is broken else [])


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit, KeyboardInterrupt, RunBusy])
async def test_what_ends_a_program_is_never_tried_again(error: Any) -> None:
    """Nor what says that a handler would wait for itself."""
    flaky = Flaky(1, error)
    flow: Flow = TriggerFlow(name="f")
    flow.to(("flaky", flaky), retry=Retry(5))
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(error):
        await execution.async_start(1)
    assert len(flaky.calls) == 1


async def test_a_retry_is_declared_wherever_a_chunk_is() -> None:
    """By the decorator, at the start, behind a signal, beside the chain, in a batch."""
    flow: Flow = TriggerFlow(name="f")
    handlers = {name: Flaky(1) for name in ("first", "second", "aside", "heard", "in_batch")}
    decorated = flow.chunk("second", retry=Retry(2))(handlers["second"])
    in_batch = flow.chunk("in_batch", retry=Retry(2))(handlers["in_batch"])
    chain = flow.to(("first", handlers["first"]), retry=Retry(2)).to(decorated)
    chain.side_branch(("aside", handlers["aside"]), retry=Retry(2)).batch(in_batch, keep)
    flow.when("first").to(("heard", handlers["heard"]), retry=Retry(2))
    await flow.async_start(1)
    assert {name: len(each.calls) for name, each in handlers.items()} == dict.fromkeys(handlers, 2)


async def test_a_decorator_takes_a_retry_without_a_name() -> None:
    """And gives back a chunk that another flow takes over with its retry."""
    flow: Flow = TriggerFlow(name="f")
    calls: list[int] = []

    @flow.chunk(retry=Retry(2), timeout_s=60.0)
    async def flaky(data: Any) -> str:
        calls.append(data.attempt)
        if len(calls) % 2:
            raise ConnectionError
        return "well"

    flow.to(flaky).to(keep)
    assert await flow.async_start(1) == {"end": ["well"]}
    other: Flow = TriggerFlow(name="other")
    other.to(flaky).to(keep)
    assert await other.async_start(1) == {"end": ["well"]}
    renamed: Flow = TriggerFlow(name="renamed")
    renamed.to(("again", flaky)).to(keep)
    assert await renamed.async_start(1) == {"end": ["well"]}
    assert calls == [0, 1] * 3


def test_a_chunk_has_one_retry_and_a_sub_flow_none() -> None:
    """What is said twice has to be the same; a refused call changes nothing."""
    flow: Flow = TriggerFlow(name="f")
    flaky = flow.chunk("flaky", retry=Retry(2))(Flaky(0))
    flow.to(flaky, retry=Retry(2))
    flow.when("E").to(flaky)
    before = flow.compiled()
    with pytest.raises(DefinitionError, match="'flaky' was given another retry or timeout"):
        flow.to(flaky, retry=Retry(3))
    with pytest.raises(DefinitionError, match="a sub-flow is none"):
        flow.to(TriggerFlow(name="inner"), retry=Retry(3))
    with pytest.raises(DefinitionError, match="retry: expected a Retry"):
        flow.to(keep, retry=3)  # type: ignore[arg-type]
    assert flow.compiled() is before


def test_neither_is_part_of_the_fingerprint() -> None:
    """A run goes on with a definition that tries harder."""

    def flow_with(**how: Any) -> Flow:
        flow: Flow = TriggerFlow(name="f")
        flow.to(keep, **how)
        return flow

    assert flow_with().fingerprint == flow_with(retry=Retry(3), timeout_s=5.0).fingerprint


async def test_items_and_joins_wait_for_the_branch_that_is_tried_again(opened: Opened) -> None:
    """The list keeps its order; the join is filled once."""
    flaky, aside = Flaky(2), Flaky(1)
    flow: Flow = TriggerFlow(name="f")

    async def item(data: Any) -> Any:
        if data.input == 1:
            await flaky(data)
        return data.input * 10

    async def listed(data: Any) -> Any:
        return data.input

    flow.for_each(concurrency=2).to(item, retry=Retry(5)).end_for_each().to(listed)
    flow.to(("aside", aside), retry=Retry(2))
    flow.when(["listed", "aside"]).to(keep)
    execution = opened(flow)
    await execution.async_start([0, 1, 2])
    (joined,) = (await execution.async_close())["end"]
    assert sorted(joined["event"].values(), key=str) == [2, [0, 10, 20]]
    assert (len(flaky.calls), len(aside.calls)) == (3, 2)


async def test_an_emit_finds_what_its_failed_call_had_made(opened: Opened) -> None:
    """The handler behind the signal ran once; the inner retry is the inner one's own."""
    inner, outer_calls = Flaky(1), []
    flow: Flow = TriggerFlow(name="f")

    async def outer(data: Any) -> Any:
        outer_calls.append(data.attempt)
        results = await data.async_emit("Inner", data.input)
        if len(outer_calls) < 3:
            raise ConnectionError("after the emit")
        return results

    flow.to(outer, retry=Retry(3)).to(keep)
    flow.when("Inner").to(("inner", inner), retry=Retry(2))
    execution = opened(flow)
    await execution.async_start(1)
    assert (await execution.async_close())["end"] == [[2]]
    assert outer_calls == [0, 1, 2]
    assert inner.calls == [(0, 0), (1, 1)]


@pytest.mark.parametrize("backoff", [0, 0.001])
async def test_what_failed_behind_an_emit_runs_again_with_its_emitter(
    opened: Opened, backoff: float
) -> None:
    """The emitter's own retry begins the inner one anew, with a fresh count."""
    inner = Flaky(3)
    flow: Flow = TriggerFlow(name="f")

    async def outer(data: Any) -> Any:
        return await data.async_emit("Inner", data.input)

    flow.to(outer, retry=Retry(2, backoff=backoff)).to(keep)
    flow.when("Inner").to(("inner", inner), retry=Retry(2))
    execution = opened(flow)
    await execution.async_start(1)
    assert (await execution.async_close())["end"] == [[4]]
    assert [failures for _, failures in inner.calls] == [0, 1, 0, 1]


async def test_a_pause_is_asked_again_under_its_id(opened: Opened) -> None:
    """The question that the failed call had opened is the one that is answered."""
    calls: list[int] = []
    flow: Flow = TriggerFlow(name="f")

    async def ask(data: Any) -> Any:
        calls.append(data.attempt)
        if len(calls) == 1:
            await data.async_pause_for(interrupt_id="stale")
        marker = await data.async_pause_for(interrupt_id="q")
        if len(calls) == 1:
            raise ConnectionError
        return marker

    flow.to(ask, retry=Retry(2)).to(keep)
    execution = opened(flow)
    await execution.async_start(1)
    assert list(execution.get_pending_interrupts()) == ["q"]
    await execution.async_continue_with("q", "yes")
    assert (await execution.async_close())["end"] == ["yes"]
    assert calls == [0, 1]


async def test_a_sub_flow_retries_inside(opened: Opened) -> None:
    """In its own frame: what its chunk wrote there is taken back."""
    flaky = Flaky(2)
    inner: Flow = TriggerFlow(name="inner")
    inner.to(("flaky", flaky), retry=Retry(3))
    flow: Flow = TriggerFlow(name="f")
    flow.to_sub_flow(inner, write_back={"runtime_data.inside": "snapshot.tried"}).to(keep)
    execution = opened(flow)
    await execution.async_start(1)
    assert (await execution.async_close())["inside"] == [3]
    assert flaky.calls == [(0, 0), (1, 1), (2, 2)]


async def test_a_bound_handler_keeps_the_retry_of_its_chunk(opened: Opened) -> None:
    """What is bound to one execution is a chunk like any other."""
    flaky = Flaky(1)
    flow: Flow = TriggerFlow(name="f")
    flow.to(keep)
    execution = opened(flow)
    execution.on("E", flow.chunk("flaky", retry=Retry(2))(flaky), binding_id="flaky")
    assert await execution.async_emit("E", 1) == [2]
    await execution.async_close()
    assert len(flaky.calls) == 2


async def test_a_skipping_run_skips_after_the_last_call() -> None:
    """The failures before it are no skips."""
    flow: Flow = TriggerFlow(name="f", skip_exceptions=True)
    flaky = Flaky(5)
    flow.to(("flaky", flaky), retry=Retry(3)).to(keep)
    assert await flow.async_start(1) == {"tried": [3]}
    assert len(flaky.calls) == 3


async def test_watchers_see_every_failure_that_is_tried_again() -> None:
    """With its number, its text, and when the next call is due."""
    flow: Flow = TriggerFlow(name="f")
    flow.to(("flaky", Flaky(1)), retry=Retry(2, backoff=0.001))
    execution = flow.create_execution(auto_close=True, auto_close_timeout=0.0)
    before = execution.live.clock.now()
    items = [item async for item in execution.get_async_runtime_stream(7)]
    (told,) = [item for item in items if item["type"] == "retry"]
    assert before < told.pop("runs_again_at") <= execution.live.clock.now()
    assert told.pop("signal")["value"] == 7
    assert told == {
        "type": "retry",
        "action": "schedule",
        "node": "flaky",
        "failures": 1,
        "error": "ConnectionError: call 1",
        "execution_id": execution.run_id,
    }


async def test_a_blueprint_keeps_retries_and_timeouts() -> None:
    """Of its own chunks and of those in sub-flows."""
    inner: Flow = TriggerFlow(name="inner")
    inner.to(keep, timeout_s=60.0)
    flow: Flow = TriggerFlow(name="f")
    flaky = Flaky(2)
    flow.to(("flaky", flaky), retry=Retry(3, backoff=(0, 0.0))).to_sub_flow(inner)
    again: Flow = TriggerFlow(name="again")
    again.register_chunk_handler(flaky, name="flaky").register_chunk_handler(keep)
    again.load_blueprint(flow.save_blueprint())
    assert again.save_blueprint()["operators"] == flow.save_blueprint()["operators"]
    (inside,) = [k for n, k in again.compiled().handlers.items() if n.endswith(f"{SEPARATOR}keep")]
    assert inside.tries.timeout_s == 60.0
    await again.async_start(1)
    assert len(flaky.calls) == 3


def test_a_blueprint_refuses_a_choice_of_errors() -> None:
    """That is code. A config for readers names it, and cannot be loaded."""
    flow: Flow = TriggerFlow(name="f")
    flow.to(keep, retry=Retry(3, on=(ValueError, OSError)))
    with pytest.raises(DefinitionError, match="'keep': which failures its Retry takes is code"):
        flow.save_blueprint()
    told = flow.get_flow_config(validate_serializable=False)
    (operator,) = told["operators"]
    assert operator["tries"]["retry"] == {
        "attempts": 3,
        "backoff": 0.0,
        "on": ["ValueError", "OSError"],
    }
    with pytest.raises(DefinitionError, match="found 'on'"):
        TriggerFlow(name="g").register_chunk_handler(keep).load_blueprint(told)


async def test_a_timeout_fails_the_call_and_names_it(opened: Opened) -> None:
    """It is a TimeoutError too, and a retry takes it like any other."""
    left: list[str] = []
    flow: Flow = TriggerFlow(name="f")

    async def slow(data: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("left")

    flow.to(slow, timeout_s=0.01, retry=Retry(3))
    with pytest.raises(HandlerTimeout, match=r"'slow' took longer than 0\.01 s") as raised:
        await opened(flow).async_start(1)
    assert isinstance(raised.value, TimeoutError)
    assert (raised.value.node, raised.value.timeout_s) == ("slow", 0.01)
    assert left == ["left"] * 3


async def test_a_handler_that_is_quicker_is_called_as_ever(opened: Opened) -> None:
    """Its value goes on, and what it raises is its own."""
    flow: Flow = TriggerFlow(name="f")
    flow.to(("flaky", Flaky(1, ValueError)), timeout_s=60.0, retry=Retry(2)).to(keep)
    execution = opened(flow)
    await execution.async_start(1)
    assert (await execution.async_close())["end"] == [2]


async def test_a_handler_with_a_timeout_cannot_wait_for_itself(opened: Opened) -> None:
    """It is known in its own task too."""
    flow: Flow = TriggerFlow(name="f")

    async def closes(data: Any) -> None:
        await data.execution.async_close()

    flow.to(closes, timeout_s=60.0)
    with pytest.raises(RunBusy):
        await opened(flow).async_start(1)


async def test_cancelling_the_caller_cancels_a_handler_with_a_timeout(opened: Opened) -> None:
    """It stays due, like any handler, and runs again when the execution goes on."""
    begun, cancelled = asyncio.Event(), []
    flow: Flow = TriggerFlow(name="f")

    async def slow(data: Any) -> None:
        begun.set()
        if data.attempt:
            return
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    flow.to(slow, timeout_s=60.0).to(keep)
    execution = opened(flow)
    start = asyncio.ensure_future(execution.async_start(1))
    await begun.wait()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert cancelled == [1]
    await execution.async_resume()
    assert (await execution.async_close())["end"] == [None]


async def test_a_caller_that_is_cancelled_while_it_waits_leaves_the_chunk_due(
    opened: Opened,
) -> None:
    """Nothing calls it behind his back; it goes on where the execution does."""
    flaky = Flaky(1)
    flow: Flow = TriggerFlow(name="f")
    flow.to(("flaky", flaky), retry=Retry(2, backoff=0.02)).to(keep)
    execution = opened(flow)
    start = asyncio.ensure_future(execution.async_start(1))
    for _ in range(50):
        await asyncio.sleep(0)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not execution.live.run.timers
    await execution.async_resume()
    assert execution.live.run.timers
    assert (await execution.async_close())["end"] == [2]
    assert flaky.calls == [(0, 0), (1, 1)]


async def test_a_kept_run_stands_when_the_last_call_failed() -> None:
    """Whoever waits for its end is told."""
    flow: Flow = TriggerFlow(name="f")
    flow.to(("flaky", Flaky(9)), retry=Retry(2))
    execution = flow.create_execution(auto_close=False, store=MemoryStore())
    with pytest.raises(ConnectionError):
        await execution.async_start(1)
    with pytest.raises((RunFailed, ConnectionError)):
        await execution.outcome()


async def test_a_durable_step_of_a_failed_call_is_found(opened: Opened) -> None:
    """Its function is called once; a step that failed is called again."""
    charged: list[int] = []
    flow: Flow = TriggerFlow(name="f")

    async def charge(amount: int) -> int:
        charged.append(amount)
        return amount * 10

    async def ship(failures: int) -> str:
        if failures < 2:
            raise ConnectionError
        return "shipped"

    async def shop(data: Any) -> Any:
        paid = await data.step("charge", charge, data.input)
        return paid, await data.step("ship", ship, data.failures)

    flow.to(shop, retry=Retry(3)).to(keep)
    execution = opened(flow)
    await execution.async_start(7)
    assert (await execution.async_close())["end"] == [(70, "shipped")]
    assert charged == [7]
