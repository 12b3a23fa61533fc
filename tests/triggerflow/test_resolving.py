# SPDX-License-Identifier: Apache-2.0
"""A signal resolves the pauses that wait for its event, whichever way it comes, and once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.errors import AlreadyAnswered, StoreFull
from tests.triggerflow.handlers import Door, collect, keep, pause, pausing

Flow = TriggerFlow[Any, Any, Any]


async def rest(engine: Engine) -> Any:
    """Until no task of the run is left; returns what carries it."""
    driven = await engine.driven("r")
    await driven.live.until_quiet()
    while driven.live.tasks:
        await driven.live.settled()
    return driven


async def items(execution: Any) -> list[str]:
    """What watchers were told so far, in words."""
    execution._flow.the_stream().end()
    told = [item async for item in execution.get_async_runtime_stream()]
    return [item.get("action", item.get("code")) for item in told]


def watched() -> tuple[Flow, list[Any]]:
    """A flow that waits for "Answered", and what the listener of that event was told."""
    told: list[Any] = []

    async def tell(data: Any) -> None:
        told.append((data.input, data.is_resume))

    flow = pausing()
    flow.when("Answered").to(tell)
    return flow, told


async def test_a_signal_through_an_engine_resolves_the_pause():
    """As one through the execution does: its listeners see a normal event, once."""
    flow, told = watched()
    store = MemoryStore()
    async with Engine(store, [flow]) as engine:
        asked = {"interrupt_id": "q", "resume_event": "Answered"}
        run = await engine.start(flow, asked, run_id="r")
        execution = await rest(engine)
        await engine.emit("r", "Answered", {"n": 1})
        await rest(engine)

        assert told == [({"n": 1}, False)]
        (wait,) = await engine.waits(run_id="r", status=None)
        assert (wait.status, wait.value) == ("answered", b'{"n":1}')
        interrupt = execution.get_interrupt("q")
        assert (interrupt["status"], interrupt["resume_request_id"]) == ("resumed", None)
        with pytest.raises(AlreadyAnswered):
            await engine.answer("r", "q", 2)
        assert await items(execution) == ["pause", "resume"]
        assert await run.result() == {"seen": [{"n": 1}]}


async def test_a_signal_from_a_process_without_the_definition_resolves_it_where_it_is_heard():
    """The wait is settled by whoever has the run, before the machine hears of the signal."""
    flow, told = watched()
    store = MemoryStore()
    async with Engine(store, [flow]) as engine:
        await engine.start(flow, {"interrupt_id": "q", "resume_event": "Answered"}, run_id="r")
        await rest(engine)
    async with Engine(store) as outsider:
        await outsider.emit("r", "Answered", 5)
        assert [wait.status for wait in await outsider.waits(run_id="r")] == ["open"]
    async with Engine(store, [flow]) as engine:
        assert await (await engine.open("r")).result() == {"seen": [5]}
    assert told == [(5, False)]


async def test_an_answer_that_was_posted_before_the_signal_wins():
    """Both take effect: the answer for the pause, the signal for its listeners."""
    flow, told = watched()
    store = MemoryStore()
    async with Engine(store, [flow]) as engine:
        await engine.start(flow, {"interrupt_id": "q", "resume_event": "Answered"}, run_id="r")
        await rest(engine)
    async with Engine(store) as outsider:
        await outsider.emit("r", "Answered", "signal")
        await outsider.answer("r", "q", "answer")
    async with Engine(store, [flow]) as engine:
        await (await engine.open("r")).result()
    assert sorted(told) == [("answer", True), ("signal", False)]


class Torn(MemoryStore):
    """Fails the append that follows a settlement, as a crash between the two would."""

    is_armed = False
    settled = 0

    async def settle(self, run_id: str, wait_id: str, settlement: Any) -> Any:
        """Settle, and note."""
        row = await super().settle(run_id, wait_id, settlement)
        self.settled += 1
        return row

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Append, unless the wait was just settled."""
        if self.is_armed and self.settled:
            raise StoreFull("gone")
        return await super().append(claim, commit, after=after)


async def torn_at_the_signal(store: Torn, flow: Flow, event: str) -> None:
    """The run as it stands after a signal had settled its pause and died before its commit."""
    async with Engine(store, [flow]) as engine:
        await engine.start(flow, {"interrupt_id": "q", "resume_event": "Answered"}, run_id="r")
        await rest(engine)
        store.is_armed = True
        try:
            await engine.emit("r", event, 3)
            driven = await engine.driven("r")
            with pytest.raises(StoreFull):
                await driven.live.until_quiet()
        except StoreFull:
            pass
        store.is_armed = False
    assert [w.status for w in (await store.waits(run_id="r")).items] == ["answered"]


async def test_a_posted_signal_that_settled_and_died_is_taken_in_once():
    """It finds what it settled itself, and goes its own way."""
    flow, told = watched()
    store = Torn()
    await torn_at_the_signal(store, flow, "Answered")
    told.clear()
    async with Engine(store, [flow]) as engine:
        assert await (await engine.open("r")).result() == {"seen": [3]}
        assert await store.inbox("r") == ()
    assert told == [(3, False)]


@pytest.mark.parametrize("emits_again", [True, False])
async def test_an_emit_that_settled_and_died_takes_effect_once(emits_again: bool):
    """Its handler runs again: it emits again, or what it had settled is an answer at its end."""
    told: list[Any] = []
    door = Door()

    async def tell(data: Any) -> None:
        told.append(data.input)

    async def relay(data: Any) -> None:
        if data.attempt:
            await door(data)
        if emits_again or not data.attempt:
            await data.async_emit("Answered", data.input)
        told.append("relay ends")

    flow = pausing()
    flow.when("Answered").to(tell)
    flow.when("Relay").to(relay)
    store = Torn()
    await torn_at_the_signal(store, flow, "Relay")
    assert told == []
    async with Engine(store, [flow]) as engine:
        await door.reached.wait()
        live = (await engine.driven("r")).live
        while await store.inbox("r"):  # noqa: ASYNC110 - the news are heard by tasks
            await asyncio.sleep(0)
        assert live.run.waits["q"].answered
        assert told == []
        door.opened.set()
        assert await (await engine.open("r")).result() == {"seen": [3]}
    assert told == ([3, "relay ends"] if emits_again else ["relay ends", 3])


async def test_news_of_what_a_signal_settles_are_left_to_the_signal():
    """Somebody else reads the inbox just between the settlement and the machine's hearing of it."""
    flow, told = watched()

    class Nosy(MemoryStore):
        execution: Any = None

        async def settle(self, run_id: str, wait_id: str, settlement: Any) -> Any:
            row = await super().settle(run_id, wait_id, settlement)
            await self.execution.hear()
            return row

    store = Nosy()
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    store.execution = execution
    await execution.async_start({"interrupt_id": "q", "resume_event": "Answered"})
    await execution.async_emit("Answered", 4)
    await execution.hear()

    assert told == [(4, False)]
    assert await execution.async_close() == {"seen": [4]}


async def test_a_signal_that_does_not_fit_the_schema_leaves_the_pause_open(opened: Any):
    """It reaches its listeners, and watchers are told why the question stands."""
    execution = opened(pausing())
    schema = {"type": "integer"}
    asked = {"interrupt_id": "q", "resume_event": "Answered", "response_schema": schema}
    await execution.async_start(asked)
    await execution.async_emit("Answered", "text")
    assert execution.is_waiting()
    assert execution.get_state("seen") == ["text"]
    await execution.async_emit("Answered", 7)

    assert not execution.is_waiting()
    assert "wait.event-does-not-fit" in await items(execution)
    assert await execution.async_close() == {"seen": ["text", 7]}


async def test_one_signal_resolves_every_pause_that_waits_for_it(opened: Any):
    """Each with its value; listeners hear of the signal once."""
    flow: Flow = TriggerFlow()
    flow.when("Ask").to(pause)
    flow.when("Answered").to(collect)
    execution = opened(flow)
    for number in range(3):
        await execution.async_emit(
            "Ask", {"interrupt_id": f"q{number}", "resume_event": "Answered"}
        )
    await execution.async_emit("Answered", 9)

    values = [execution.get_interrupt(f"q{number}")["status"] for number in range(3)]
    assert values == ["resumed"] * 3
    assert await execution.async_close() == {"seen": [9]}


@pytest.mark.parametrize("by_event", [False, True])
async def test_an_answer_during_the_save_of_its_pause_waits_for_that_save(by_event: bool):
    """The wait is in the record and not yet in the store: it is settled as soon as it is."""
    gate = asyncio.Event()

    class Slow(MemoryStore):
        is_slow = False
        waiting = asyncio.Event()

        async def append(self, claim: Any, commit: Any, *, after: int) -> int:
            if self.is_slow and commit.waits:
                self.waiting.set()
                await gate.wait()
            return await super().append(claim, commit, after=after)

    store = Slow()
    flow = pausing(keep)
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    await execution.async_emit("Nobody")
    store.is_slow = True
    asked = {"interrupt_id": "q", "resume_event": "Answered" if by_event else None}
    start = asyncio.ensure_future(execution.async_start(asked))
    await store.waiting.wait()
    if by_event:
        answer = asyncio.ensure_future(execution.async_emit("Answered", "quick"))
    else:
        answer = asyncio.ensure_future(execution.async_continue_with("q", "quick"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not answer.done()
    gate.set()
    await asyncio.gather(start, answer)
    await execution.live.until_quiet()

    expected = {"seen": ["quick"]} if by_event else {"kept": "quick"}
    assert execution.get_interrupt("q")["status"] == "resumed"
    assert await execution.async_close() == expected
