# SPDX-License-Identifier: Apache-2.0
"""Answers: five refusals, repeats, races, from inside, by an event."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import (
    AlreadyAnswered,
    AnswerConflict,
    PauseNotAllowed,
    WaitClosed,
    WaitNotFound,
)
from tests.triggerflow.handlers import Door, ask, collect, keep, pausing


async def test_five_errors_tell_why_an_answer_was_refused(opened: Any):
    """Unknown, answered, another value for a request, another request, closed."""
    execution = opened(pausing(keep))
    await execution.async_start({"interrupt_id": "q"})
    with pytest.raises(WaitNotFound) as unknown:
        await execution.async_continue_with("nobody", 1)
    assert isinstance(unknown.value, KeyError)
    await execution.async_continue_with("q", 1, resume_request_id="r1", actor="ann")

    with pytest.raises(AlreadyAnswered) as answered:
        await execution.async_continue_with("q", 1)
    with pytest.raises(AlreadyAnswered):
        await execution.async_continue_with("q", 1, resume_request_id="r2")
    with pytest.raises(AnswerConflict, match="request"):
        await execution.async_continue_with("q", 2, resume_request_id="r1")
    assert isinstance(answered.value, ValueError)
    assert answered.value.actor == "ann"
    await execution.async_close()
    with pytest.warns(RuntimeWarning, match="closed"):
        assert await execution.async_continue_with("q", 1) is None


async def test_a_cancelled_pause_cannot_be_resumed():
    """Closing with `cancel` settles it; a closed run only warns of an answer."""
    execution = pausing().create_execution(auto_close=False)
    await execution.async_start({"interrupt_id": "q"})
    await execution.async_close(pending_interrupts="cancel")

    interrupt = execution.get_interrupt("q")
    assert interrupt is not None
    assert interrupt["status"] == "cancelled"
    assert WaitClosed.code == "wait.closed"


async def test_the_same_request_with_the_same_value_is_the_same_answer(opened: Any):
    """Nothing runs again, and the interrupt is returned."""
    execution = opened(pausing(collect))
    await execution.async_start({"interrupt_id": "q"})
    first = await execution.async_continue_with("q", {"a": 1, "b": 2}, resume_request_id="r")
    again = await execution.async_continue_with("q", {"b": 2, "a": 1}, resume_request_id="r")

    assert execution.get_state("seen") == [{"a": 1, "b": 2}]
    assert first["status"] == again["status"] == "resumed"
    assert again["resume_request_id"] == "r"


async def test_a_duplicate_during_the_first_one_does_not_run_anything(opened: Any):
    """It returns while the first is still at work."""
    door = Door()
    execution = opened(pausing(door, keep))
    await execution.async_start({"interrupt_id": "q"})
    first = asyncio.ensure_future(execution.async_continue_with("q", 1, resume_request_id="r"))
    await door.reached.wait()
    assert (await execution.async_continue_with("q", 1, resume_request_id="r"))["id"] == "q"
    door.opened.set()
    await first

    assert door.calls == 1
    assert await execution.async_close() == {"kept": 1}


async def test_of_two_answers_at_once_one_wins(opened: Any):
    """The other is told that it came second."""
    execution = opened(pausing(collect))
    await execution.async_start({"interrupt_id": "q"})
    outcomes = await asyncio.gather(
        *(execution.async_continue_with("q", n) for n in range(5)), return_exceptions=True
    )

    assert sum(isinstance(outcome, AlreadyAnswered) for outcome in outcomes) == 4
    assert len(execution.get_state("seen")) == 1


async def test_an_answer_whose_continuation_fails_stays_answered_and_can_be_repeated(opened: Any):
    """The same request runs what is parked; a new one is refused."""
    fails = {"now": True}

    async def flaky(data: Any) -> Any:
        if fails["now"]:
            raise ConnectionError
        return data.input

    execution = opened(pausing(flaky, collect))
    await execution.async_start({"interrupt_id": "q"})
    with pytest.raises(ConnectionError):
        await execution.async_continue_with("q", 1, resume_request_id="r")
    with pytest.raises(AlreadyAnswered):
        await execution.async_continue_with("q", 2, resume_request_id="other")
    fails["now"] = False
    await execution.async_continue_with("q", 1, resume_request_id="r")

    assert await execution.async_close() == {"seen": [1]}
    assert execution.get_status() == "completed"


async def test_a_hidden_execution_refuses_to_pause():
    """Nobody could answer; the error comes out of the start."""
    with pytest.raises(PauseNotAllowed, match="requires an exposed execution handle"):
        await pausing().async_start({})


async def test_a_handler_answers_its_own_pause_and_another_ones(opened: Any):
    """Its own is applied when it has ended: until then a crash would ask again."""

    async def ask_and_answer(data: Any) -> Any:
        await data.async_pause_for(interrupt_id="own")
        await data.async_continue_with("own", "own answer")
        await data.async_append_state("seen", "still running")
        await data.async_continue_with("q-1", "others answer")

    flow = TriggerFlow()
    flow.to(ask).to(keep)
    flow.when("Answer").to(ask_and_answer).to(collect)
    execution = opened(flow)
    await execution.async_start(1)
    await execution.async_emit("Answer")
    await execution.live.until_quiet()

    assert await execution.async_close() == {
        "seen": ["still running", "own answer"],
        "kept": "others answer",
    }


async def test_a_pause_outside_a_chunk_records_its_answer(opened: Any):
    """`next` has nothing to continue; an event is sent; `self` has no meaning."""
    execution = opened(pausing())
    await execution.async_pause_for(interrupt_id="q", payload=1)
    await execution.async_pause_for(interrupt_id="e", resume_event="Answered")
    with pytest.raises(ValueError, match="outside a chunk"):
        await execution.async_pause_for(resume_to="self")

    assert (await execution.async_continue_with("q", 7))["resume_value"] == 7
    await execution.async_continue_with("e", 8)
    assert not execution.is_waiting()
    assert await execution.async_close() == {"seen": [8]}


@pytest.mark.parametrize("inside", [False, True])
async def test_the_event_that_a_pause_waits_for_resolves_it(opened: Any, inside: bool):
    """From outside or inside; its handlers see a normal event, once."""
    told = []

    async def tell(data: Any) -> None:
        told.append((data.input, data.is_resume))

    async def relay(data: Any) -> None:
        await data.async_emit("Answered", data.input)

    flow = pausing()
    flow.when("Answered").to(tell)
    flow.when("Relay").to(relay)
    execution = opened(flow)
    await execution.async_start({"interrupt_id": "q", "resume_event": "Answered"})
    await execution.async_emit("Relay" if inside else "Answered", 3)

    assert told == [(3, False)]
    assert not execution.is_waiting()
    with pytest.raises(AlreadyAnswered):
        await execution.async_continue_with("q", 4)
    await execution.async_close()
    assert execution.get_state() == {"seen": [3]}


async def test_a_sync_handler_pauses_and_answers(opened: Any):
    """In its thread, with the blocking forms."""

    def sync(data: Any) -> Any:
        return data.pause_for(interrupt_id="q", payload=data.input)

    flow = TriggerFlow()
    flow.to(sync).to(keep)
    execution = opened(flow)
    await execution.async_start(1)
    await execution.async_continue_with("q", 2)

    assert await execution.async_close() == {"kept": 2}


async def test_a_thousand_rounds_of_pausing_leave_the_save_as_it_was(opened: Any):
    """Settled waits are lines of constant size, and of those the last thirty-two are kept."""
    flow = TriggerFlow(name="rounds")
    flow.when("Ask").to(ask).to(keep)
    execution = opened(flow)
    sizes = []
    for n in range(300):
        await execution.async_emit("Ask", n)
        await execution.async_continue_with(f"q-{n}", "answer", resume_request_id=f"r-{n}")
        sizes.append(len(str(execution.save())))

    assert sizes[-1] <= 1.2 * sizes[40]
