# SPDX-License-Identifier: Apache-2.0
"""A signal reaches its handlers at once, and whoever awaits it hears when all is done."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import RunBusy
from tests.triggerflow.handlers import Door, add_one, collect, double, fail, keep, same


async def test_a_signal_reaches_every_listener_and_gives_their_values_in_order():
    """The order is that of attachment, whoever is done first."""
    door = Door("slow")
    flow = TriggerFlow()
    flow.when("E").to(door)
    flow.when("E").to(double).to(collect)
    flow.when("E").to(add_one)
    execution = flow.create_execution(auto_close=False)

    emitted = asyncio.ensure_future(execution.async_emit("E", 5))
    await door.reached.wait()
    door.opened.set()

    assert await emitted == [5, 10, 6]
    assert execution.get_state("seen") == [10]


async def test_a_signal_nobody_listens_to_gives_none():
    """Nothing happens, and no run is started by it."""
    execution = TriggerFlow().create_execution(auto_close=False)

    assert await execution.async_emit("Nothing", 1) is None
    assert await execution.async_emit_nowait("Nothing", 1) is None
    assert execution.get_status() == "created"


async def test_an_awaited_emit_returns_when_everything_behind_it_is_done():
    """Including what its handlers emit and await themselves, but not what they do not await."""
    order = []
    door = Door()

    async def first(data: Any) -> None:
        order.append("first")
        await data.async_emit("Inner", 1)
        order.append("first again")

    async def inner(data: Any) -> None:
        order.append("inner")
        await data.async_emit_nowait("Background", 1)

    async def after(data: Any) -> None:
        order.append("after")

    flow = TriggerFlow()
    flow.to(first).to(after)
    flow.when("Inner").to(inner)
    flow.when("Background").to(door)
    execution = flow.create_execution(auto_close=False)

    await execution.async_start()

    assert order == ["first", "inner", "first again", "after"]
    assert not execution.is_idle()
    door.opened.set()
    await execution.async_close()


async def test_an_emit_inside_a_handler_gives_the_values_of_its_listeners():
    """As an emit from outside does."""

    async def first(data: Any) -> None:
        await data.async_set_state("got", await data.async_emit("E", 4))

    flow = TriggerFlow()
    flow.to(first)
    flow.when("E").to(double)
    flow.when("E").to(add_one)

    assert await flow.async_start() == {"got": [8, 5]}


async def test_three_emits_are_three_deliveries():
    """Nothing is taken for a repeat in a first attempt, however alike."""

    async def first(data: Any) -> None:
        for _ in range(3):
            await data.async_emit("E", "same")

    flow = TriggerFlow()
    flow.to(first)
    flow.when("E").to(collect)

    assert await flow.async_start() == {"seen": ["same"] * 3}


async def test_none_is_a_value_like_any_other():
    """A chunk that returns nothing hands None on."""
    flow = TriggerFlow()
    flow.to(lambda data: None).to(collect)

    assert await flow.async_start(1) == {"seen": [None]}


async def test_a_start_signal_by_hand_runs_the_start_handlers():
    """It does not mark the execution as started; the start value is not an event name."""
    flow = TriggerFlow()
    flow.to(collect)
    flow.when("Named").to(keep)
    execution = flow.create_execution(auto_close=False)

    await execution.async_emit("START", 1)
    assert not execution.started
    await execution.async_start("Named")

    assert execution.get_state() == {"seen": [1, "Named"]}


async def test_an_exception_reaches_the_emitter_unchanged():
    """Same object, same type; the status is failed, the lifecycle open, later events are taken."""
    flow = TriggerFlow()
    flow.when("Bad").to(fail).to(keep)
    flow.when("Good").to(collect)
    execution = flow.create_execution(auto_close=False)

    with pytest.raises(LookupError, match="no 1"):
        await execution.async_emit("Bad", 1)
    await execution.async_emit("Good", 2)

    assert (execution.get_status(), execution.is_open()) == ("failed", True)
    assert await execution.async_close() == {"seen": [2]}
    assert execution.get_status() == "failed"


async def test_the_first_failure_stops_the_other_handlers_of_the_signal():
    """They are cancelled and their branches do not go on; other signals are left alone."""
    door, other = Door("door"), Door("other")
    flow = TriggerFlow()
    flow.when("E").to(door).to(keep)
    flow.when("E").to(fail)
    flow.when("Other").to(other).to(collect)
    execution = flow.create_execution(auto_close=False)
    elsewhere = await execution.async_emit_nowait("Other", 1)

    with pytest.raises(LookupError):
        await execution.async_emit("E", 1)
    other.opened.set()
    await elsewhere

    assert door.cancelled == 1
    assert execution.get_state() == {"seen": [1]}


async def test_a_handler_may_catch_what_its_own_emit_raised():
    """And go on; the value it returns is handed on."""

    async def careful(data: Any) -> str:
        try:
            await data.async_emit("Bad", 1)
        except LookupError as error:
            return f"caught {error}"
        return "nothing raised"

    flow = TriggerFlow()
    flow.to(careful).to(keep)
    flow.when("Bad").to(fail)

    assert await flow.async_start() == {"kept": "caught no 1"}


async def test_a_failing_handler_fails_those_who_await_it_all_the_way_up():
    """Through two nested emits."""

    async def outer(data: Any) -> None:
        await data.async_emit("Middle")

    async def middle(data: Any) -> None:
        await data.async_emit("Bad", 3)

    flow = TriggerFlow()
    flow.to(outer)
    flow.when("Middle").to(middle)
    flow.when("Bad").to(fail)

    with pytest.raises(LookupError, match="no 3"):
        await flow.async_start()


async def test_each_handler_has_its_own_context_variables():
    """What one sets is not seen by the next, nor by the caller."""
    variable = contextvars.ContextVar("variable", default="outside")

    async def first(data: Any) -> str:
        variable.set("first")
        await asyncio.sleep(0)
        return variable.get()

    async def second(data: Any) -> tuple[str, str]:
        return data.input, variable.get()

    flow = TriggerFlow()
    flow.to(first).to(second).to(keep)

    assert await flow.async_start() == {"kept": ("first", "outside")}
    assert variable.get() == "outside"


async def test_a_timeout_inside_a_handler_is_the_handlers_own():
    """`asyncio.timeout` works where the handler runs in its caller's task."""

    async def impatient(data: Any) -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return "gave up"
        return "came"

    flow = TriggerFlow()
    flow.to(impatient).to(keep)

    assert await flow.async_start() == {"kept": "gave up"}


async def test_a_signal_is_told_to_its_handler():
    """`event` and `type` have each an older name; `value` has three names."""
    seen = {}

    async def look(data: Any) -> None:
        data.inputs = data.value + 1
        seen.update(
            names=(data.event, data.trigger_event, data.type, data.trigger_type),
            values=(data.value, data.input, data.inputs),
            ids=(data.execution_id, data.execution.id),
            resume=(data.is_resume, data.resume.value, data.resume.to_dict()["interrupt_id"]),
            attempt=data.attempt,
        )

    flow = TriggerFlow()
    flow.when("E").to(look)
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("E", 1)

    assert seen == {
        "names": ("E", "E", "event", "event"),
        "values": (2, 2, 2),
        "ids": (execution.id, execution.run_id),
        "resume": (False, None, None),
        "attempt": 0,
    }


async def test_an_event_loop_of_its_own_making_ends_when_nothing_is_emitted_any_more():
    """Handlers may emit the event they listen to; a deep chain of events needs no deep stack."""

    async def count_down(data: Any) -> None:
        await data.async_append_state("seen", data.input)
        if data.input:
            await data.async_emit_nowait("Tick", data.input - 1)

    flow = TriggerFlow()
    flow.when("Tick").to(count_down)
    flow.to(same).to(lambda data: data.emit("Tick", data.input))

    assert await flow.async_start(5) == {"seen": [5, 4, 3, 2, 1, 0]}


async def test_cancelling_whoever_awaits_a_start_stops_what_it_awaited():
    """The handlers are cancelled, also those behind their emits; nothing goes on by itself."""
    door = Door()

    async def first(data: Any) -> None:
        await data.async_emit("Inner", 1)

    flow = TriggerFlow()
    flow.to(first).to(keep)
    flow.when("Inner").to(door)
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()

    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await asyncio.sleep(0)

    assert door.cancelled == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_was_cancelled_stays_due_and_runs_again_when_somebody_says_so():
    """`async_resume` starts it from its top; the emit it had made is recognised."""
    door = Door()

    async def first(data: Any) -> None:
        await data.async_append_state("tries", data.attempt)
        await data.async_emit("Inner", 1)

    flow = TriggerFlow()
    flow.to(first).to(keep)
    flow.when("Inner").to(door).to(collect)
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()
    start.cancel()
    await asyncio.wait({start})

    door.opened.set()
    await execution.async_resume()

    assert await execution.async_close() == {"tries": [1], "seen": [1], "kept": None}
    assert door.calls == 2


async def test_closing_after_a_cancelled_start_drops_what_was_due_and_says_so():
    """A close waits for what is under way; what was cancelled is not."""
    door = Door("patient")
    flow = TriggerFlow()
    flow.to(door, name="patient")
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()
    start.cancel()
    await asyncio.wait({start})

    with pytest.warns(RuntimeWarning, match="patient"):
        assert await execution.async_close() == {}


async def test_a_load_is_refused_while_handlers_run():
    """They would write into a record that is gone."""
    door = Door()
    flow = TriggerFlow()
    flow.to(door)
    execution = flow.create_execution(auto_close=False)
    saved = execution.save()
    start = asyncio.ensure_future(execution.async_start())
    await door.reached.wait()

    with pytest.raises(RunBusy):
        execution.load(saved)
    door.opened.set()
    await start
