# SPDX-License-Identifier: Apache-2.0
"""A pause asks somebody outside and withholds one continuation; an answer lets it go on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import SelfResumeLimit, WaitExists
from tests.triggerflow.handlers import Door, ask, collect, double, keep, pausing


async def test_next_makes_the_answer_the_output_of_the_chunk(opened: Any):
    """The continuation is withheld until then, whatever the handler returned."""

    async def ask_and_go_on(data: Any) -> str:
        await data.async_pause_for(payload="?", interrupt_id="q")
        await data.async_append_state("seen", "code after the call runs")
        return "not handed on"

    flow = TriggerFlow()
    flow.to(ask_and_go_on).to(double).to(keep)
    execution = opened(flow)
    await execution.async_start()

    assert execution.get_status() == "waiting"
    assert execution.is_waiting()
    assert execution.is_idle()
    answered = await execution.async_continue_with("q", 21, actor="ann")
    assert (answered["status"], answered["resume_value"], answered["resumed_by"]) == (
        "resumed",
        21,
        "ann",
    )
    assert execution.get_status() == "running"
    assert await execution.async_close() == {"seen": ["code after the call runs"], "kept": 42}


async def test_self_runs_the_chunk_again_with_its_own_input(opened: Any):
    """Only that chunk: its siblings do not run again; the answer is in `data.resume`."""

    async def ask_self(data: Any) -> Any:
        if not data.is_resume:
            return await data.async_pause_for(resume_to="self", interrupt_id="q", payload=1)
        assert data.resume.interrupt["payload"] == 1
        return [data.input, data.resume.value, data.resume.interrupt_id, data.event]

    flow = TriggerFlow()
    flow.to(ask_self).to(keep)
    flow.to(collect)
    execution = opened(flow)
    await execution.async_start("input")
    await execution.async_continue_with("q", "answer")

    assert await execution.async_close() == {
        "seen": ["input"],
        "kept": ["input", "answer", "q", "START"],
    }


@pytest.mark.parametrize(
    "spelling", [{"resume_to": {"event": "Answered"}}, {"resume_event": "Answered"}]
)
async def test_an_event_sends_the_answer_to_its_listeners(opened: Any, spelling: dict[str, Any]):
    """The chunk itself does not go on."""
    execution = opened(pausing(keep))
    await execution.async_start({"interrupt_id": "q", **spelling})
    await execution.async_continue_with("q", 5)

    assert await execution.async_close() == {"seen": [5]}


async def test_handlers_that_receive_an_answer_know_it():
    """`is_resume` and `resume` are set behind next and event resumes too, and nowhere else."""
    told = []

    async def tell(data: Any) -> Any:
        told.append((data.is_resume, data.resume.value))
        return data.input

    flow = pausing(tell)
    flow.when("Answered").to(tell)
    flow.when("chunk:tell").to(lambda data: told.append((data.is_resume, data.resume.value)))
    execution = flow.create_execution(auto_close=False)
    await execution.async_start({"interrupt_id": "q"})
    await execution.async_continue_with("q", 1)
    await execution.async_emit("START", {"interrupt_id": "e", "resume_event": "Answered"})
    await execution.async_continue_with("e", 2)

    assert told == [(True, 1), (False, None), (True, 2), (False, None)]


async def test_the_interrupt_tells_everything_about_the_pause():
    """Pending ones by id, oldest first; a settled one keeps a line."""
    execution = pausing(keep).create_execution(auto_close=False)
    await execution.async_start({"type": "approval", "payload": {"n": [1]}, "interrupt_id": "b"})
    await execution.async_emit("START", {"resume_event": "Answered", "interrupt_id": "a"})

    assert list(execution.get_pending_interrupts()) == ["b", "a"]
    first = execution.get_interrupt("b")
    assert first is not None
    assert (first["type"], first["status"], first["payload"]) == ("approval", "waiting", {"n": [1]})
    assert (first["resume_to"], first["source_operator_id"]) == ("next", "pause")
    assert (first["source_flow_name"], first["source_execution_id"]) == ("pausing", execution.id)
    second = execution.get_pending_interrupts()["a"]
    assert (second["resume_to"], second["resume_event"]) == ({"event": "Answered"}, "Answered")
    assert execution.get_interrupt("c") is None
    await execution.async_continue_with("b", 1, resume_request_id="r", actor="ann")
    settled = execution.get_interrupt("b")
    assert settled is not None
    assert (settled["status"], settled["resumed_by"], settled["resume_request_id"]) == (
        "resumed",
        "ann",
        "r",
    )


async def test_a_pause_without_an_id_gets_one():
    """The marker holds it."""
    markers = []

    async def ask_twice(data: Any) -> Any:
        markers.extend([await data.async_pause_for(payload=n) for n in range(2)])

    flow = TriggerFlow()
    flow.to(ask_twice).to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()

    ids = [marker["interrupt_id"] for marker in markers]
    assert ids == list(execution.get_pending_interrupts())
    for n, wait_id in enumerate(ids):
        await execution.async_continue_with(wait_id, n)
    assert await execution.async_close() == {"seen": [0, 1]}


async def test_several_pauses_are_answered_each_for_itself_in_any_order(opened: Any):
    """A wait knows whose it is, whatever ran last."""
    flow = TriggerFlow()
    flow.when("Ask").to(ask).to(lambda data: data.append_state("seen", data.input))
    execution = opened(flow)
    await asyncio.gather(*(execution.async_emit("Ask", n) for n in range(5)))

    for n in (3, 0, 4, 1, 2):
        await execution.async_continue_with(f"q-{n}", n * 10)

    assert await execution.async_close() == {"seen": [30, 0, 40, 10, 20]}


async def test_a_pending_pause_stops_no_other_work(opened: Any):
    """Running branches go on, joins fill, and new signals are taken."""
    door = Door("slow")
    flow = TriggerFlow()
    flow.to(ask).to(keep)
    flow.to(door).to(double).to(collect)
    flow.when([flow.chunk(double), "chunk:slow"]).to(collect, name="joined")
    flow.when("E").to(double, name="by event").to(collect)
    execution = opened(flow)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    assert execution.is_waiting()
    await execution.async_emit("E", 5)
    door.opened.set()
    await start

    assert execution.is_waiting()
    assert execution.get_state("seen")[:2] == [10, 2]
    await execution.async_continue_with("q-1", "answer")
    assert (await execution.async_close())["kept"] == "answer"


async def test_a_pause_inside_an_awaited_emit_does_not_hold_the_emitter(opened: Any):
    """The emit is done when nothing is under way behind it; an open question is not work."""

    async def first(data: Any) -> str:
        await data.async_emit("Ask", 1)
        return "went on"

    flow = TriggerFlow()
    flow.to(first).to(keep)
    flow.when("Ask").to(ask).to(collect)
    execution = opened(flow)
    await execution.async_start()

    assert execution.get_state() == {"kept": "went on"}
    await execution.async_continue_with("q-1", 2)
    assert await execution.async_close() == {"kept": "went on", "seen": [2]}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"resume_to": "previous"}, ValueError),
        ({"resume_to": {"event": ""}}, ValueError),
        ({"resume_to": {"chunk": "x"}}, ValueError),
        ({"resume_to": 3}, ValueError),
        ({"max_resumes": -1}, ValueError),
        ({"max_resumes": True}, ValueError),
        ({"max_resumes": "1"}, ValueError),
        ({"interrupt_id": "a\nb"}, ValueError),
        ({"resume_to": "self", "max_resumes": 0}, SelfResumeLimit),
    ],
)
async def test_a_pause_that_could_not_be_resumed_is_refused_at_the_call(
    options: dict[str, Any], error: type[Exception]
):
    """And no wait is left behind."""
    execution = pausing().create_execution(auto_close=False)

    with pytest.raises(error):
        await execution.async_start(options)
    assert execution.get_pending_interrupts() == {}


async def test_an_id_that_is_open_cannot_be_asked_again(opened: Any):
    """The first wait stays whole; the same id is free again once it is settled."""
    execution = opened(pausing(collect))
    await execution.async_start({"interrupt_id": "q", "payload": 1})
    with pytest.raises(WaitExists):
        await execution.async_emit("START", {"interrupt_id": "q", "payload": 2})

    assert execution.get_pending_interrupts()["q"]["payload"] == 1
    await execution.async_continue_with("q", "one")
    await execution.async_emit("START", {"interrupt_id": "q", "payload": 3})
    await execution.async_continue_with("q", "two")
    assert execution.get_state("seen") == ["one", "two"]


@pytest.mark.parametrize(("limit", "runs"), [(1, 2), (3, 4)])
async def test_a_chunk_that_never_looks_at_its_answer_meets_a_limit(
    opened: Any, limit: int, runs: int
):
    """`max_resumes` counts the answers that ran it again; the pause after the last one fails."""

    async def stubborn(data: Any) -> Any:
        await data.async_append_state("runs", data.resume.value)
        return await data.async_pause_for(
            resume_to="self", interrupt_id="q", max_resumes=data.input
        )

    flow = TriggerFlow()
    flow.to(stubborn)
    execution = opened(flow)
    await execution.async_start(limit)
    for n in range(limit - 1):
        await execution.async_continue_with("q", n)
        assert execution.get_pending_interrupts()["q"]["resume_count"] == n + 1
    with pytest.raises(SelfResumeLimit, match="self resume limit"):
        await execution.async_continue_with("q", "last")

    assert execution.get_status() == "failed"
    assert execution.get_pending_interrupts() == {}
    assert len(execution.get_state("runs")) == runs


async def test_no_limit_and_another_id_go_on(opened: Any):
    """None is unbounded; a pause under another id in the resumed run has a budget of its own."""

    async def patient(data: Any) -> Any:
        if data.resume.value == "enough":
            return "done"
        wait_id = "q" if data.resume.value != "other" else "other"
        return await data.async_pause_for(
            resume_to="self", interrupt_id=wait_id, max_resumes=None if wait_id == "q" else 1
        )

    flow = TriggerFlow()
    flow.to(patient).to(keep)
    execution = opened(flow)
    await execution.async_start()
    for n in range(10):
        await execution.async_continue_with("q", n)
    await execution.async_continue_with("q", "other")
    await execution.async_continue_with("other", "enough")

    assert await execution.async_close() == {"kept": "done"}


async def test_the_budget_belongs_to_the_chunk_that_paused():
    """A chunk that got an answer from another one's pause has its own."""

    async def second(data: Any) -> Any:
        if data.resume.interrupt_id == "q-1":
            return await data.async_pause_for(resume_to="self")
        return "done"

    flow = TriggerFlow()
    flow.to(ask).to(second).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    await execution.async_continue_with("q-1", 1)

    ((own, interrupt),) = execution.get_pending_interrupts().items()
    assert interrupt["resume_count"] == 0
    await execution.async_continue_with(own, 1)
    assert await execution.async_close() == {"kept": "done"}


async def test_a_pause_stops_the_clock_of_a_run_that_closes_by_itself():
    """It begins anew with the end of the last answer's work."""
    flow = pausing(keep)
    execution = flow.create_execution(auto_close_timeout=0.0)
    start = asyncio.ensure_future(execution.async_start({"interrupt_id": "q"}))
    while not execution.is_waiting():  # noqa: ASYNC110 - the start is under way
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert execution.is_open()
    await execution.async_continue_with("q", 1)

    assert await start == {"kept": 1}


@pytest.mark.parametrize("kind", ["batch", "for_each", "hit_all"])
@pytest.mark.parametrize("how", ["here", "after a load"])
async def test_a_pause_keeps_its_place_in_a_join(opened: Any, kind: str, how: str):
    """Answers out of order land in their lanes; one that runs again stays in its own, too."""

    async def ask_first(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="first")

    async def ask_itself(data: Any) -> Any:
        if data.is_resume:
            return [data.input, data.resume.value]
        return await data.async_pause_for(interrupt_id="itself", resume_to="self")

    async def by_item(data: Any) -> Any:
        handler = {0: ask_first, 1: ask_itself}.get(data.input)
        return data.input if handler is None else await handler(data)

    flow = TriggerFlow(name="joins")
    if kind == "batch":
        flow.batch(("a", ask_first), ("b", ask_itself), ("c", double)).to(keep)
    elif kind == "for_each":
        flow.for_each(concurrency=1).to(by_item).end_for_each().to(keep)
    else:
        hits = flow.match(mode="hit_all")
        for handler in (ask_first, ask_itself, double):
            hits = hits.case(lambda data: True).to(handler)
        hits.end_match().to(keep)
    execution = opened(flow)
    given = [0, 1, 2] if kind == "for_each" else 1
    await execution.async_start(given)
    assert sorted(execution.get_pending_interrupts()) == ["first", "itself"]
    if how == "after a load":
        saved = json.loads(json.dumps(execution.save()))
        execution = flow.create_execution(auto_close=False).load(saved)
    await execution.async_continue_with("itself", "I")
    assert execution.get_state("kept") is None
    await execution.async_continue_with("first", "F")

    expected = {
        "batch": {"a": "F", "b": [1, "I"], "c": 2},
        "for_each": ["F", [1, "I"], 2],
        "hit_all": ["F", [1, "I"], 2],
    }
    assert await execution.async_close() == {"kept": expected[kind]}


@pytest.mark.parametrize("lifecycle", ["sealed", "closed"])
async def test_an_answer_to_a_run_that_takes_nothing_is_ignored_with_a_warning(
    opened: Any, lifecycle: str
):
    """It returns None and changes nothing."""
    execution = opened(pausing(keep))
    await execution.async_start({"interrupt_id": "q"})
    if lifecycle == "sealed":
        await execution.async_seal()
    else:
        await execution.async_close(pending_interrupts="cancel")
    with pytest.warns(RuntimeWarning, match=lifecycle):
        assert await execution.async_continue_with("q", 1) is None

    assert execution.get_state("kept") is None
    if lifecycle == "sealed":
        assert execution.is_waiting()


async def test_the_source_of_a_pause_is_the_signal_that_reached_its_chunk(opened: Any):
    """Not what the run heard last."""
    flow = TriggerFlow()
    door = Door()

    async def asks(data: Any) -> Any:
        await door(data)
        return await data.async_pause_for(interrupt_id="q")

    flow.when("First").to(asks).to(keep)
    flow.when("Second").to(double)
    execution = opened(flow)
    first = asyncio.ensure_future(execution.async_emit("First", {"n": 1}))
    await door.reached.wait()
    await execution.async_emit("Second", 2)
    door.opened.set()
    await first

    interrupt = execution.get_interrupt("q")
    signal = interrupt["source_signal"]
    found = (signal["trigger_event"], signal["trigger_type"], signal["value"])
    assert found == ("First", "event", {"n": 1})
    assert (interrupt["source_operator_id"], interrupt["continuation_event"]) == (
        "asks",
        "chunk:asks",
    )
