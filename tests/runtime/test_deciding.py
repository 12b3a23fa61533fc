# SPDX-License-Identifier: Apache-2.0
"""Decisions posted by a process without definitions: each does its work, or says why it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast import Engine, TriggerFlow
from holdfast.errors import (
    AlreadyAnswered,
    AnswerConflict,
    DefinitionError,
    DeliveryNotFound,
    NotParked,
    RunCancelled,
    RunClosed,
    RunNotFound,
    RunOpen,
    WaitClosed,
    WaitNotFound,
    WrongFront,
)
from holdfast.runtime.engine import Parked
from tests.runtime.mortal import FRONTS, Handler, MortalStore, Processes, processes, until


@dataclass
class World:
    """A store, processes on it, and one that has no definition."""

    store: MortalStore
    made: Processes
    outside: Engine


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The outsider is there before any run is."""
    async with processes() as (store, made):
        yield World(store, made, await made.begin())


@pytest.fixture(params=list(FRONTS))
def front(request: Any) -> str:
    """Both fronts."""
    name: str = request.param
    return name


class Failing(Handler):
    """Raises until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.is_mended = False

    async def work(self, value: Any) -> Any:
        """Raise, or give the value."""
        self.begun += 1
        if not self.is_mended:
            raise ValueError("no")
        return value


def asking(handler: Handler | None = None) -> TriggerFlow[Any, Any, Any]:
    """A flow that asks first; a signal begins what takes its time."""

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="q")

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    async def work(data: Any) -> None:
        if handler is not None:
            await handler.work(data.input)
        await data.async_set_state("worked", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="asking")
    flow.to(ask).to(keep)
    flow.when("Work").to(work)
    return flow


#: Every decision that any run may be told.
DECISIONS: dict[str, Callable[[Engine, str], Awaitable[Any]]] = {
    "cancel": lambda engine, run_id: engine.cancel(run_id, request_id="d"),
    "retry": lambda engine, run_id: engine.retry(run_id, request_id="d"),
    "retry one": lambda engine, run_id: engine.retry(run_id, 2, request_id="d"),
    "skip": lambda engine, run_id: engine.skip(run_id, 2, "instead", request_id="d"),
    "emit": lambda engine, run_id: engine.emit(run_id, "Work", 1, request_id="d"),
    "close": lambda engine, run_id: engine.close_run(run_id, request_id="d"),
}


async def parked_run(world: World, front: str, handler: Handler) -> Engine:
    """Run "r" of the front, parked at its second step by the process that is given."""
    definition = FRONTS[front](handler)
    carrier = await world.made.begin(definition)
    run = await carrier.start(definition, "x", run_id="r")
    await run.until_idle()
    return carrier


@pytest.mark.parametrize("what", DECISIONS)
async def test_an_unknown_run_is_told(world: World, what: str) -> None:
    """By every decision, in the same words."""
    with pytest.raises(RunNotFound):
        await DECISIONS[what](world.outside, "nothing")


@pytest.mark.parametrize("what", DECISIONS)
@pytest.mark.parametrize("deleted", [False, True], ids=["ended", "deleted"])
async def test_a_run_that_is_over_takes_no_decision(world: World, what: str, deleted: bool) -> None:
    """Nothing is left in an inbox that nobody reads any more."""
    handler = Handler()
    handler.door.set()
    definition = FRONTS["flow"](handler)
    carrier = await world.made.begin(definition)
    await (await carrier.start(definition, "x", run_id="r")).result()
    if deleted:
        await world.store.delete_run("r")
    with pytest.raises(RunClosed):
        await DECISIONS[what](world.outside, "r")
    assert (await world.store.row("r")).inbox == 0


@pytest.mark.parametrize("what", ["emit", "close"])
async def test_what_is_for_flows_alone_is_refused_for_a_workflow(world: World, what: str) -> None:
    """It hears no signals, and ends by itself."""
    handler = Handler()
    definition = FRONTS["workflow"](handler)
    carrier = await world.made.begin(definition)
    await carrier.start(definition, "x", run_id="r")
    with pytest.raises(WrongFront) as caught:
        await DECISIONS[what](world.outside, "r")
    assert caught.value.front == "workflow"
    assert (await world.store.row("r")).inbox == 0


async def test_an_answer_of_an_outsider_reaches_whoever_carries_the_run(world: World) -> None:
    """A run that a live process owns, one that nobody does, one that has ended, one deleted."""
    handler = Handler()
    carrier = await world.made.begin(asking(handler))
    run = await carrier.start(asking(handler), "x", run_id="r")
    await run.until_idle()
    await carrier.emit("r", "Work", 1)
    await handler.has_begun(1)
    assert (await world.store.row("r")).owner is not None
    with pytest.raises(WaitNotFound):
        await world.outside.answer("r", "unknown", 1)
    await world.outside.answer("r", "q", 7, request_id="d", actor="ann")
    with pytest.raises(AlreadyAnswered):
        await world.outside.answer("r", "q", 8)
    await carrier.close()
    handler.door.set()
    later = await world.made.begin(asking(handler))
    assert await (await later.open("r")).result() == {"end": 7, "worked": 1}
    assert (await world.outside.answer("r", "q", 7, request_id="d")).actor == "ann"
    await world.store.delete_run("r")
    with pytest.raises(WaitClosed):
        await world.outside.answer("r", "q", 7)
    with pytest.raises(RunNotFound):
        await world.outside.answer("nothing", "q", 7)


async def test_what_is_parked_is_listed_by_number(world: World, front: str) -> None:
    """With its node, its error and how often it had begun."""
    await parked_run(world, front, Failing())
    node = "work" if front == "flow" else "b"
    expected = Parked(delivery=2, node=node, error="ValueError: no", attempt=0)
    assert await world.outside.parked("r") == (expected,)


@pytest.mark.parametrize("what", ["retry", "retry one"])
async def test_a_retry_reaches_whoever_carries_the_run(world: World, front: str, what: str) -> None:
    """The owner of before has it at hand: it hears of the post when it looks."""
    handler = Failing()
    carrier = await parked_run(world, front, handler)
    handler.is_mended = True
    item = await DECISIONS[what](world.outside, "r")
    await carrier.look()
    assert await (await carrier.open("r")).result() in ({"end": "x"}, ["x"])
    (row,) = (await world.store.posts("r")).items
    assert (row.number, row.post.kind) == (item.number, "retry")
    assert row.consumed is not None


async def test_a_retry_of_a_run_that_nobody_carries_waits_for_a_process(
    world: World, front: str
) -> None:
    """It stays in the inbox; the next process that holds the definition takes it in."""
    handler = Failing()
    carrier = await parked_run(world, front, handler)
    await carrier.close()
    handler.is_mended = True
    await world.outside.retry("r")
    assert (await world.store.row("r")).inbox == 1
    later = await world.made.begin(FRONTS[front](handler))
    assert await (await later.open("r")).result() in ({"end": "x"}, ["x"])


async def test_a_skip_gives_a_value(world: World) -> None:
    """The flow goes on with it."""
    carrier = await parked_run(world, "flow", Failing())
    await world.outside.skip("r", 2, "instead", actor="ann")
    await carrier.look()
    assert await (await carrier.open("r")).result() == {"end": "instead"}
    (row,) = (await world.store.posts("r")).items
    assert row.post.actor == "ann"


async def test_what_is_not_parked_is_told(world: World, front: str) -> None:
    """A delivery that is due, one that never was, and a run in which nothing is parked."""
    handler = Handler()
    definition = FRONTS[front](handler)
    carrier = await world.made.begin(definition)
    await carrier.start(definition, "x", run_id="r")
    await handler.has_begun(1)
    outside = world.outside
    assert await outside.parked("r") == ()
    with pytest.raises(NotParked, match="nothing of run 'r' is parked: it is running"):
        await outside.retry("r")
    for decide in (outside.retry, outside.skip):
        with pytest.raises(NotParked, match="is not parked: it is due") as caught:
            await decide("r", 2)
        assert caught.value.delivery == 2
        with pytest.raises(DeliveryNotFound) as unknown:
            await decide("r", 99)
        assert unknown.value.delivery == 99
    assert (await world.store.row("r")).inbox == 0


async def test_a_decision_that_was_overtaken_is_told_as_a_warning(world: World) -> None:
    """Two people retry at once: the second post finds nothing parked, and is consumed."""
    handler = Failing()
    carrier = await parked_run(world, "flow", handler)
    driven: Any = await carrier.driven("r")
    stream = driven.get_async_runtime_stream()
    await world.outside.retry("r", 2)
    await world.outside.retry("r", 2)
    handler.is_mended = True
    await carrier.look()
    await (await carrier.open("r")).result()
    warned = [item async for item in stream if "post.ignored" in str(item)]
    assert len(warned) == 1
    assert handler.begun == 2
    assert all(row.consumed is not None for row in (await world.store.posts("r")).items)


async def test_the_same_request_is_one_decision_at_any_later_time(world: World, front: str) -> None:
    """Also after it was carried out, and after the run has ended."""
    handler = Failing()
    carrier = await parked_run(world, front, handler)
    handler.is_mended = True
    first = await world.outside.retry("r", 2, request_id="d", actor="ann")
    assert await world.outside.retry("r", 2, request_id="d", actor="bob") == first
    await carrier.look()
    await (await carrier.open("r")).result()
    assert await world.outside.retry("r", 2, request_id="d") == first
    with pytest.raises(AnswerConflict):
        await world.outside.cancel("r", request_id="d")
    with pytest.raises(AnswerConflict):
        await world.outside.retry("r", request_id="d")


@pytest.mark.parametrize("what", ["cancel", "emit", "close"])
async def test_each_decision_is_recognised_by_its_request(world: World, what: str) -> None:
    """One post, whoever sends it again."""
    carrier = await world.made.begin(asking())
    run = await carrier.start(asking(), "x", run_id="r")
    await run.until_idle()

    async def decide() -> Any:
        if what == "close":
            return await world.outside.close_run("r", pending_interrupts="cancel", request_id="d")
        return await DECISIONS[what](world.outside, "r")

    first = await decide()
    assert await decide() == first
    await carrier.look()
    await asyncio.sleep(0)
    assert await decide() == first
    assert len((await world.store.posts("r")).items) == 1


async def test_a_cancel_ends_the_run_where_it_is_carried(world: World, front: str) -> None:
    """The handler under way is stopped."""
    handler = Handler()
    definition = FRONTS[front](handler)
    carrier = await world.made.begin(definition)
    run = await carrier.start(definition, "x", run_id="r")
    await handler.has_begun(1)
    await world.outside.cancel("r", actor="ann")
    await carrier.look()
    with pytest.raises(RunCancelled):
        await run.result()
    await until(lambda: handler.cancelled == 1)


async def test_a_close_lets_accepted_work_end_first(world: World) -> None:
    """Work under way ends, with all that follows it; then the run is completed."""
    handler = Handler()
    definition = FRONTS["flow"](handler)
    carrier = await world.made.begin(definition)
    run = await carrier.start(definition, "x", run_id="r")
    await handler.has_begun(1)
    await world.outside.close_run("r", reason="enough")
    await carrier.look()
    await asyncio.sleep(0)
    assert (await world.store.row("r")).status == "running"
    handler.door.set()
    assert await run.result() == {"end": "x"}
    (row,) = (await world.store.posts("r")).items
    assert row.consumed == (await world.store.row("r")).seq
    driven: Any = await carrier.driven("r")
    assert driven.result.get_meta()["close_reason"] == "enough"


async def test_a_close_is_refused_while_questions_are_open(world: World) -> None:
    """It names them; with "cancel" they are taken back and the run is cancelled."""
    carrier = await world.made.begin(asking())
    run = await carrier.start(asking(), "x", run_id="r")
    await run.until_idle()
    with pytest.raises(RunOpen) as caught:
        await world.outside.close_run("r")
    assert caught.value.waits == ("q",)
    with pytest.raises(DefinitionError, match="pending_interrupts"):
        await world.outside.close_run("r", pending_interrupts="drop")
    assert (await world.store.row("r")).inbox == 0
    await world.outside.close_run("r", pending_interrupts="cancel")
    await carrier.look()
    with pytest.raises(RunCancelled):
        await run.result()


async def test_a_question_that_is_asked_while_the_work_ends_refuses_the_close(world: World) -> None:
    """The run goes on, and says so; the post is consumed, so nothing ends it later."""
    handler = Handler()

    async def ask(data: Any) -> Any:
        await handler.work(data.input)
        return await data.async_pause_for(interrupt_id="late")

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="late")
    flow.to(ask).to(keep)
    carrier = await world.made.begin(flow)
    run = await carrier.start(flow, "x", run_id="r")
    await handler.has_begun(1)
    driven: Any = await carrier.driven("r")
    stream = driven.get_async_runtime_stream()
    await world.outside.close_run("r")
    await carrier.look()
    handler.door.set()
    async for item in stream:
        if "close.refused" in str(item):
            break
    await run.until_idle()
    assert (await world.store.row("r")).inbox == 0
    await world.outside.answer("r", "late", 7)
    await carrier.look()
    assert await run.result() == {"end": 7}


async def test_a_close_outlives_the_process_that_was_about_to_obey(world: World) -> None:
    """It dies while the work ends; whoever takes the run over ends it after that work."""
    handler = Handler()
    definition = FRONTS["flow"](handler)
    carrier = await world.made.begin(definition)
    await carrier.start(definition, "x", run_id="r")
    await handler.has_begun(1)
    await world.outside.close_run("r")
    await carrier.look()
    await world.store.kill(carrier)
    later = await world.made.begin(FRONTS["flow"](handler))
    await handler.has_begun(2)
    handler.door.set()
    assert await (await later.open("r")).result() == {"end": "x"}


@pytest.mark.parametrize("how", ["close", "drain"])
async def test_a_close_is_left_to_the_next_process_by_one_that_goes(world: World, how: str) -> None:
    """Nothing that is due is dropped for it."""
    handler = Handler()
    definition = FRONTS["flow"](handler)
    carrier = await world.made.begin(definition)
    await carrier.start(definition, "x", run_id="r")
    await handler.has_begun(1)
    await world.outside.close_run("r")
    await carrier.look()
    await (carrier.close() if how == "close" else carrier.drain(timeout_s=0))
    row = await world.store.row("r")
    assert (row.status, row.inbox, row.owner) == ("running", 1, None)
    handler.door.set()
    later = await world.made.begin(FRONTS["flow"](handler))
    assert await (await later.open("r")).result() == {"end": "x"}


async def test_a_parked_run_that_is_closed_has_failed(world: World) -> None:
    """As `async_close` ends one: what was parked goes with it."""
    carrier = await parked_run(world, "flow", Failing())
    await world.outside.close_run("r")
    await carrier.look()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (await world.store.row("r")).status == "failed"


async def test_a_signal_answers_the_pauses_that_wait_for_it(world: World) -> None:
    """Posted by an outsider, it does what an emit through the execution does."""

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="q", resume_event="Approved")

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    async def hear(data: Any) -> None:
        await data.async_set_state("heard", data.input)

    def waiting() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="waiting")
        flow.to(ask).to(keep)
        flow.when("Approved").to(hear)
        return flow

    carrier = await world.made.begin(waiting())
    run = await carrier.start(waiting(), "x", run_id="r")
    await run.until_idle()
    await world.outside.emit("r", "Approved", 5, request_id="hook", actor="ann")
    await carrier.look()
    posted = await run.result()
    alone = waiting().create_execution(auto_close=False)
    await alone.async_start("x")
    await alone.async_emit("Approved", 5)
    assert posted == await alone.async_close()
