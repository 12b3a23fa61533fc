# SPDX-License-Identifier: Apache-2.0
"""A pause with a deadline: who is quicker wins, and what nobody answered has an end."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import DefinitionError, StoreFull, WaitExpired
from holdfast.runtime.clock import IDS
from holdfast.runtime.home import Home
from holdfast.testing.clock import FakeClock
from tests.triggerflow.handlers import Door, ask, collect, keep, pause, pausing

Flow = TriggerFlow[Any, Any, Any]


class Timed:
    """Executions on a clock that the test moves, in memory or in a store."""

    def __init__(self, kind: str) -> None:
        self.clock = FakeClock(1000.0)
        self.store = MemoryStore() if kind == "store" else None

    def opened(self, flow: Flow, run_id: str | None = None) -> Any:
        """An execution that stays open."""
        home = None if self.store is None else Home(self.store, None, self.clock, IDS)
        execution = flow.execution_in(home, run_id, auto_close=False)
        execution.live.clock = self.clock
        return execution

    async def pass_s(self, execution: Any, seconds: float) -> None:
        """Let time pass, and what that starts come to rest."""
        self.clock.pass_s(seconds)
        await at_rest(execution)


async def at_rest(execution: Any) -> None:
    """Until no task of the execution is left."""
    while execution.live.tasks:
        await execution.live.settled()


@pytest.fixture(params=["memory", "store"])
def timed(request: pytest.FixtureRequest) -> Timed:
    """Both ways of keeping."""
    return Timed(request.param)


async def items(execution: Any) -> list[Any]:
    """What watchers were told so far."""
    execution._flow.the_stream().end()
    return [item async for item in execution.get_async_runtime_stream()]


async def test_a_default_counts_as_the_answer(timed: Timed):
    """The continuation runs with it as with an answer; a later answer is told that it is late."""
    told = []

    async def tell(data: Any) -> Any:
        told.append((data.is_resume, data.resume.value, data.resume.interrupt["status"]))
        return data.input

    execution = timed.opened(pausing(tell, keep))
    await execution.async_start({"interrupt_id": "q", "deadline": 60, "default": {"ok": False}})
    await timed.pass_s(execution, 59)
    assert execution.is_waiting()
    assert execution.get_pending_interrupts()["q"]["deadline"] == 1060.0
    await timed.pass_s(execution, 1)

    assert told == [(True, {"ok": False}, "expired")]
    assert not execution.is_waiting()
    assert execution.get_interrupt("q")["status"] == "expired"
    with pytest.raises(WaitExpired):
        await execution.async_continue_with("q", {"ok": True})
    with pytest.raises(WaitExpired):
        await execution.async_continue_with("q", {"ok": True}, resume_request_id="r")
    assert await execution.async_close() == {"kept": {"ok": False}}


async def test_none_and_the_own_input_are_defaults_too(timed: Timed):
    """A default of None is one; with `self` the chunk runs again and is told."""
    told = []

    async def ask_self(data: Any) -> Any:
        if data.is_resume:
            told.append((data.input, data.resume.value))
            return "end"
        return await data.async_pause_for(
            resume_to="self", interrupt_id="q", deadline=1, default=None
        )

    flow: Flow = TriggerFlow()
    flow.to(ask_self).to(keep)
    execution = timed.opened(flow)
    await execution.async_start("input")
    await timed.pass_s(execution, 1)

    assert told == [("input", None)]
    assert await execution.async_close() == {"kept": "end"}


async def test_a_timeout_event_is_sent_with_the_payload_of_the_pause(timed: Timed):
    """A normal event; the chunk that paused does not go on."""
    told = []

    async def late(data: Any) -> None:
        told.append((data.input, data.event, data.is_resume))

    flow = pausing(keep)
    flow.when("Late").to(late)
    execution = timed.opened(flow)
    await execution.async_start(
        {"interrupt_id": "q", "payload": {"n": 1}, "deadline": 5, "timeout_event": "Late"}
    )
    await timed.pass_s(execution, 5)

    assert told == [({"n": 1}, "Late", False)]
    assert "wait.expired" not in [item.get("code") for item in await items(execution)]
    with pytest.raises(WaitExpired):
        await execution.async_continue_with("q", 1)
    assert await execution.async_close() == {}


async def test_without_either_the_wait_expires_and_its_branch_ends_with_a_warning(timed: Timed):
    """Watchers see the end of the question, and what it means."""
    execution = timed.opened(pausing(keep))
    await execution.async_start({"interrupt_id": "q", "deadline": 5})
    await timed.pass_s(execution, 5)

    assert execution.get_interrupt("q")["status"] == "expired"
    assert not execution.is_waiting()
    with pytest.raises(WaitExpired):
        await execution.async_continue_with("q", 1)
    told = [(item["type"], item.get("action", item.get("code"))) for item in await items(execution)]
    assert told == [("interrupt", "pause"), ("interrupt", "expire"), ("warning", "wait.expired")]
    assert await execution.async_close() == {}


async def test_a_timeout_event_that_nobody_hears_is_told():
    """Nothing is dropped in silence."""
    timed = Timed("memory")
    execution = timed.opened(pausing())
    await execution.async_start({"interrupt_id": "q", "deadline": 5, "timeout_event": "Nobody"})
    await timed.pass_s(execution, 5)

    assert "nobody listens to 'Nobody'" in (await items(execution))[-1]["text"]


async def test_an_answer_in_time_stops_the_clock(timed: Timed):
    """The deadline finds nothing, and no timer is left."""
    execution = timed.opened(pausing(collect))
    await execution.async_start({"interrupt_id": "q", "deadline": 5, "default": "late"})
    await execution.async_continue_with("q", "in time")
    await timed.pass_s(execution, 100)

    assert execution.get_state("seen") == ["in time"]
    assert timed.clock.pending == 0
    assert await execution.async_close() == {"seen": ["in time"]}


async def test_a_thousand_deadlines_have_one_timer(timed: Timed):
    """The earliest; each comes at its own time, and those of one time in the order of asking."""
    flow: Flow = TriggerFlow()
    flow.when("Ask").to(pause).to(collect)
    execution = timed.opened(flow)
    for number in range(1000):
        after = 10 + number % 10
        asked = {"interrupt_id": f"q{number}", "deadline": after, "default": number}
        await execution.async_emit("Ask", asked)
    assert timed.clock.pending == 1
    await timed.pass_s(execution, 10)
    assert execution.get_state("seen") == list(range(0, 1000, 10))
    for _ in range(9):
        await timed.pass_s(execution, 1)

    seen = execution.get_state("seen")
    assert seen == [number for rest in range(10) for number in range(rest, 1000, 10)]
    assert timed.clock.pending == 0


async def test_a_deadline_and_an_answer_at_once_have_one_winner():
    """The store decides before the machine hears; the loser is told, the effect happens once."""
    for first in ("answer", "deadline"):
        timed = Timed("store")
        execution = timed.opened(pausing(collect), "r")
        await execution.async_start({"interrupt_id": "q", "deadline": 5, "default": "late"})
        answer = asyncio.ensure_future(execution.async_continue_with("q", "answer"))
        if first == "deadline":
            timed.clock.set_wall(1005.0)
        else:
            await asyncio.sleep(0)
        timed.clock.pass_s(5)
        outcome = (await asyncio.gather(answer, return_exceptions=True))[0]
        await at_rest(execution)

        if first == "answer":
            assert outcome["status"] == "resumed"
            assert execution.get_state("seen") == ["answer"]
        else:
            assert isinstance(outcome, WaitExpired)
            assert execution.get_state("seen") == ["late"]


async def test_a_clock_that_jumps_back_does_not_make_a_deadline_come_twice(timed: Timed):
    """Nor one that jumps on and back; every question ends once."""
    flow: Flow = TriggerFlow()
    flow.when("Ask").to(pause).to(collect)
    execution = timed.opened(flow)
    for number, after in enumerate((10, 20)):
        asked = {"interrupt_id": f"q{number}", "deadline": after, "default": number}
        await execution.async_emit("Ask", asked)
    timed.clock.set_wall(-5000.0)
    await timed.pass_s(execution, 10)
    assert execution.get_state("seen") == [0]
    timed.clock.set_wall(5000.0)
    await timed.pass_s(execution, 60)
    assert execution.get_state("seen") == [0, 1]
    timed.clock.set_wall(0.0)
    await timed.pass_s(execution, 10_000)

    assert await execution.async_close() == {"seen": [0, 1]}


async def test_an_answer_after_the_deadline_is_late_although_nobody_has_looked(timed: Timed):
    """The time decides, not who wakes up first; the default takes effect."""
    execution = timed.opened(pausing(keep))
    await execution.async_start({"interrupt_id": "q", "deadline": 5, "default": "default"})
    timed.clock.set_wall(2000.0)
    with pytest.raises(WaitExpired):
        await execution.async_continue_with("q", "too late")
    await at_rest(execution)

    assert await execution.async_close() == {"kept": "default"}


async def test_an_event_after_the_deadline_does_not_answer_what_has_expired(timed: Timed):
    """It goes its own way, to its listeners."""
    execution = timed.opened(pausing())
    asked = {"interrupt_id": "q", "resume_event": "Answered", "deadline": 5, "default": "default"}
    await execution.async_start(asked)
    timed.clock.set_wall(2000.0)
    await execution.async_emit("Answered", "event")
    await at_rest(execution)

    assert execution.get_interrupt("q")["status"] == "expired"
    assert sorted((await execution.async_close())["seen"]) == ["default", "event"]


async def test_a_deadline_that_comes_while_the_asker_still_runs_waits_for_its_end(timed: Timed):
    """As an answer does: until then a crash would ask again."""
    door = Door()

    async def ask_and_stay(data: Any) -> Any:
        marker = await data.async_pause_for(interrupt_id="q", deadline=5, default="default")
        await door(data)
        await data.async_append_state("seen", "asker ends")
        return marker

    flow: Flow = TriggerFlow()
    flow.to(ask_and_stay).to(collect)
    execution = timed.opened(flow)
    start = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()
    timed.clock.pass_s(5)
    for _ in range(10):
        await asyncio.sleep(0)
    assert execution.get_interrupt("q")["status"] == "expired"
    assert execution.get_state("seen") is None
    door.opened.set()
    await start
    await at_rest(execution)

    assert await execution.async_close() == {"seen": ["asker ends", "default"]}


@pytest.mark.parametrize("lapse", [{"default": 7}, {}])
async def test_a_lane_whose_question_expires_ends_like_one_that_was_answered(
    timed: Timed, lapse: dict[str, Any]
):
    """With a default the join fills; without, it is told that it never can."""

    async def maybe_ask(data: Any) -> Any:
        if data.input % 2:
            return await data.async_pause_for(deadline=5, **lapse)
        return data.input

    flow: Flow = TriggerFlow()
    flow.for_each(concurrency=2).to(maybe_ask).end_for_each().to(keep)
    execution = timed.opened(flow)
    await execution.async_start([0, 1, 2, 3])
    await timed.pass_s(execution, 5)

    expected = {"kept": [0, 7, 2, 7]} if lapse else {}
    codes = [item.get("code") for item in await items(execution)]
    assert ("block.never-filled" in codes) is not bool(lapse)
    assert await execution.async_close() == expected


@pytest.mark.parametrize("is_late", [True, False])
async def test_a_saved_deadline_is_looked_at_when_the_save_goes_on(is_late: bool):
    """Far past, it comes at once; else at its own wall-clock time, in the other process."""
    before = Timed("memory")
    flow = pausing(keep)
    execution = before.opened(flow)
    await execution.async_start({"interrupt_id": "q", "deadline": 50, "default": [1]})
    saved = json.loads(json.dumps(execution.save()))

    after = Timed("memory")
    after.clock.set_wall(9000.0 if is_late else 1010.0)
    restored = after.opened(pausing(keep)).load(saved)
    assert restored.is_waiting()
    await restored.async_resume()
    await at_rest(restored)
    if not is_late:
        assert restored.is_waiting()
        await after.pass_s(restored, 40)

    assert await restored.async_close() == {"kept": [1]}


async def test_a_deadline_outside_a_chunk_resolves_the_pause(timed: Timed):
    """There is nothing to continue: the value is recorded, or sent as the event."""
    execution = timed.opened(pausing())
    await execution.async_pause_for(interrupt_id="q", deadline=5, default="recorded")
    await execution.async_pause_for(
        interrupt_id="e", resume_event="Answered", deadline=timedelta(seconds=5), default="sent"
    )
    await timed.pass_s(execution, 5)

    assert execution.get_interrupt("q")["status"] == "expired"
    assert await execution.async_close() == {"seen": ["sent"]}


async def test_a_datetime_that_has_passed_expires_at_once(timed: Timed):
    """Nobody could have answered in time."""
    execution = timed.opened(pausing(keep))
    past = datetime.fromtimestamp(10, UTC)
    await execution.async_start({"deadline": past, "default": "default"})
    await timed.pass_s(execution, 0)

    assert await execution.async_close() == {"kept": "default"}


@pytest.mark.parametrize(
    "options",
    [
        {"default": 1},
        {"timeout_event": "Late"},
        {"deadline": 5, "default": 1, "timeout_event": "Late"},
        {"deadline": 5, "timeout_event": ""},
        {"deadline": -1},
        {"deadline": "soon"},
        {"deadline": 5, "default": "text", "response_schema": {"type": "integer"}},
        {"exchange_kind": 7},
    ],
)
async def test_terms_that_make_no_sense_are_refused_at_the_call(options: dict[str, Any]):
    """And no wait is left behind."""
    execution = pausing().create_execution(auto_close=False)
    with pytest.raises(DefinitionError):
        await execution.async_start(options)

    assert execution.get_pending_interrupts() == {}


async def test_closing_takes_the_clock_along(timed: Timed):
    """Nothing rings for a run that has ended."""
    execution = timed.opened(pausing(keep))
    await execution.async_start({"interrupt_id": "q", "deadline": 5, "default": 1})
    await execution.async_close(pending_interrupts="cancel")

    assert timed.clock.pending == 0


async def test_auto_close_waits_for_the_deadline():
    """A question is not idleness; the run closes once its default was used."""
    timed = Timed("memory")
    flow = pausing(keep)
    execution = flow.execution_in(None, None, auto_close_timeout=0.0)
    execution.live.clock = timed.clock
    start = asyncio.ensure_future(
        execution.async_start({"interrupt_id": "q", "deadline": 5, "default": "default"})
    )
    while not execution.is_waiting():  # noqa: ASYNC110 - the start is under way
        await asyncio.sleep(0)
    await at_rest(execution)
    assert not start.done()
    timed.clock.pass_s(5)

    assert await start == {"kept": "default"}


class Failing(MemoryStore):
    """Fails at the calls named; settled: how often a wait was to be settled."""

    fails: tuple[str, ...] = ()
    settled = 0

    async def settle(self, run_id: str, wait_id: str, settlement: Any) -> Any:
        """Settle, or fail."""
        self.settled += 1
        if "settle" in self.fails:
            raise StoreFull("no space")
        return await super().settle(run_id, wait_id, settlement)

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Append, or fail."""
        if "append" in self.fails:
            raise StoreFull("no space")
        return await super().append(claim, commit, after=after)


async def test_a_store_that_fails_at_the_deadline_is_asked_again():
    """Nothing was decided, so nothing is lost; it is asked again after a while, not at once."""
    timed = Timed("store")
    timed.store = store = Failing()
    execution = timed.opened(pausing(keep))
    await execution.async_start({"interrupt_id": "q", "deadline": 5, "default": "default"})
    store.fails = ("settle",)
    await timed.pass_s(execution, 5)
    await timed.pass_s(execution, 0.5)
    assert execution.is_waiting()
    assert store.settled == 1
    store.fails = ()
    await timed.pass_s(execution, 0.5)

    assert store.settled == 2
    assert await execution.async_close() == {"kept": "default"}


async def test_a_failed_save_at_the_deadline_is_told_and_nothing_starts():
    """As at any other time."""
    timed = Timed("store")
    timed.store = store = Failing()
    execution = timed.opened(pausing(keep))
    await execution.async_start({"interrupt_id": "q", "deadline": 5, "default": "default"})
    store.fails = ("append",)
    timed.clock.set_wall(2000.0)
    with pytest.raises(StoreFull):
        await execution.keep_time()
    with pytest.raises(StoreFull):
        await execution.async_emit("Answered", 1)

    assert execution.get_state() == {}
    assert timed.clock.pending == 0


async def test_an_answer_stops_the_clock_while_its_continuation_is_still_at_work(timed: Timed):
    """A question that was answered has no time any more."""
    door = Door()
    execution = timed.opened(pausing(door, keep), "r")
    await execution.async_start({"interrupt_id": "q", "deadline": 5, "default": "late"})
    answer = asyncio.ensure_future(execution.async_continue_with("q", "in time"))
    await door.reached.wait()

    assert timed.clock.pending == 0
    if timed.store is not None:
        assert (await timed.store.row("r")).wake_at is None
    door.opened.set()
    await answer


def test_a_deadline_comes_in_the_loop_that_drives_the_run_by_then():
    """A timer of a loop that has ended rings for nobody."""
    timed = Timed("memory")
    execution = timed.opened(pausing(keep))
    asyncio.run(execution.async_start({"interrupt_id": "q", "deadline": 5, "default": "default"}))

    async def go_on() -> Any:
        timed.clock.forget()
        await execution.async_emit("Answered", 1)
        await timed.pass_s(execution, 5)
        return await execution.async_close()

    assert asyncio.run(go_on()) == {"seen": [1], "kept": "default"}


async def test_ask_without_a_deadline_sets_no_timer(timed: Timed):
    """Nobody pays who does not ask for it."""
    flow: Flow = TriggerFlow()
    flow.to(ask).to(keep)
    execution = timed.opened(flow)
    await execution.async_start(1)

    assert execution.live.alarm is None
    assert timed.clock.pending == 0
