# SPDX-License-Identifier: Apache-2.0
"""Durable steps in the handlers of a flow: what finished is not called again."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, Step, TriggerFlow, current_step
from holdfast.errors import (
    DefinitionError,
    InvalidId,
    NoStep,
    RunFailed,
    StepRefused,
    StoreUnavailable,
    ValueRefused,
)
from holdfast.testing.faults import FaultPlan, FaultyStore

Flow = TriggerFlow[Any, Any, Any]
Opened = Callable[..., Any]


class Shop:
    """Functions for steps, and what called them."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.steps: list[Step] = []
        self.fails = 0

    async def charge(self, order: Any, *, currency: str = "EUR") -> Any:
        """Takes note, fails as often as it is told to, and returns something new."""
        self.calls.append(order)
        self.steps.append(current_step())
        if self.fails:
            self.fails -= 1
            raise OSError("the line broke")
        return {"order": order, "currency": currency, "number": len(self.calls)}

    def book(self, order: Any) -> Any:
        """The same, in a thread."""
        self.calls.append(order)
        self.steps.append(current_step())
        return [order, len(self.calls)]


class Gate:
    """Holds whoever waits until it is opened, and tells when it was reached."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def wait(self) -> None:
        """Wait."""
        self.reached.set()
        await self.opened.wait()


def flow_of(*handlers: Any) -> Flow:
    """A chain of handlers."""
    flow: Flow = TriggerFlow(name="steps")
    cursor: Any = flow
    for handler in handlers:
        cursor = cursor.to(handler)
    return flow


class Breaks:
    """Raises as long as it is not mended."""

    def __init__(self) -> None:
        self.is_mended = False

    def __call__(self) -> None:
        if not self.is_mended:
            raise RuntimeError("the handler broke")


async def broken_and_retried(opened: Opened, flow: Flow, breaks: Breaks) -> dict[str, Any]:
    """Run until the handler broke, mend it, and run it again to the end."""
    execution = opened(flow)
    with pytest.raises(RuntimeError, match="the handler broke"):
        await execution.async_start(1)
    breaks.is_mended = True
    await execution.async_retry()
    ended: dict[str, Any] = await execution.async_close()
    return ended


async def test_a_finished_step_is_not_called_again_when_its_handler_runs_again(opened: Opened):
    """Neither an async one nor a sync one; the repeat is given what the first call returned."""
    shop, breaks = Shop(), Breaks()

    async def handler(data: Any) -> None:
        charged = await data.step("charge", shop.charge, data.input, currency="CHF")
        booked = await data.async_step("book", shop.book, charged["number"])
        breaks()
        await data.async_set_state("end", [charged, booked])

    ended = await broken_and_retried(opened, flow_of(handler), breaks)

    assert ended["end"] == [{"order": 1, "currency": "CHF", "number": 1}, [1, 2]]
    assert shop.calls == [1, 1]


async def test_a_sync_handler_blocks_in_a_step_and_is_repeated_the_same(opened: Opened):
    """In its thread `data.step` gives the result itself."""
    shop, breaks = Shop(), Breaks()

    def handler(data: Any) -> None:
        charged = data.step("charge", shop.charge, data.input)
        booked = data.step("book", shop.book, 7)
        data.sleep(0)
        breaks()
        data.set_state("end", [charged["number"], booked])

    ended = await broken_and_retried(opened, flow_of(handler), breaks)

    assert ended["end"] == [1, [7, 2]]
    assert shop.calls == [1, 7]


async def test_a_failure_is_no_outcome(opened: Opened):
    """The exception goes through, and a repeat calls the function again."""
    shop = Shop()
    shop.fails = 1

    async def handler(data: Any) -> None:
        await data.async_set_state("end", await data.step("charge", shop.charge, data.input))

    execution = opened(flow_of(handler))
    with pytest.raises(OSError, match="the line broke"):
        await execution.async_start(5)
    await execution.async_retry()

    assert (await execution.async_close())["end"]["number"] == 2
    first, second = shop.steps
    assert (first.attempt, second.attempt) == (0, 1)
    assert first.key == second.key


async def test_steps_at_once_keep_their_own_results(opened: Opened):
    """Also alike ones, although they end in another order than they began."""
    shop, breaks = Shop(), Breaks()
    doors = [Gate() for _ in range(3)]
    begun: list[int] = []

    async def slow(what: str) -> int:
        mine = len(begun)
        begun.append(mine)
        await doors[mine].wait()
        return mine

    async def handler(data: Any) -> None:
        results = asyncio.gather(*(data.step("slow", slow, "alike") for _ in range(3)))
        await doors[2].reached.wait()
        for door in reversed(doors):
            door.opened.set()
            await asyncio.sleep(0)
        found = await results
        breaks()
        await data.async_set_state("end", found)

    ended = await broken_and_retried(opened, flow_of(handler), breaks)

    assert ended["end"] == [0, 1, 2]
    assert begun == [0, 1, 2]
    assert shop.calls == []


async def test_only_the_second_of_two_alike_had_ended_and_the_repeat_calls_the_first(
    opened: Opened,
):
    """The one that had failed is called again; the other gives what it had returned."""
    calls: list[str] = []

    async def pick(what: str) -> str:
        calls.append(current_step().key)
        if len(calls) == 1:
            raise OSError("the first broke")
        return f"call {len(calls)}"

    async def handler(data: Any) -> None:
        found = await asyncio.gather(
            *(data.step("pick", pick, "alike") for _ in range(2)), return_exceptions=True
        )
        for one in found:
            if isinstance(one, Exception):
                raise one
        await data.async_set_state("end", found)

    execution = opened(flow_of(handler))
    with pytest.raises(OSError, match="the first broke"):
        await execution.async_start(None)
    await execution.async_retry()

    assert (await execution.async_close())["end"] == ["call 3", "call 2"]
    assert calls[2] == calls[0] != calls[1]


async def test_a_key_stands_for_arguments_that_cannot_be_kept(opened: Opened):
    """Without one they are refused before anything is called, and the error says what to do."""
    shop, breaks = Shop(), Breaks()
    connection = object()

    async def handler(data: Any) -> None:
        with pytest.raises(ValueRefused, match=r"arguments of step charge\[0\]") as refused:
            await data.step("charge", shop.charge, connection)
        assert "key=" in refused.value.hint
        with pytest.raises(ValueRefused, match="keyword arguments of step charge"):
            await data.step("charge", shop.charge, 1, currency=connection)
        assert not shop.calls or breaks.is_mended
        await data.step("book", lambda it: shop.calls.append("booked"), connection, key="T-1")
        breaks()

    await broken_and_retried(opened, flow_of(handler), breaks)

    assert shop.calls == ["booked"]


async def test_other_keys_names_and_arguments_are_other_steps(opened: Opened):
    """Each of these is called, in one attempt."""
    shop = Shop()

    async def handler(data: Any) -> None:
        for call in (
            functools.partial(data.step, "a", shop.charge, 1),
            functools.partial(data.step, "a", shop.charge, 1.0),
            functools.partial(data.step, "a", shop.charge, 1, currency="CHF"),
            functools.partial(data.step, "a", shop.charge, 1, key="1"),
            functools.partial(data.step, "a", shop.charge, 1, key="2"),
            functools.partial(data.step, "b", shop.charge, 1),
            functools.partial(data.step, "a", shop.charge, {"x": 1, "y": 2}),
        ):
            await call()

    await opened(flow_of(handler)).async_start(None)

    assert len({step.key for step in shop.steps}) == len(shop.calls) == 7


async def test_the_order_of_keys_in_an_argument_does_not_count(opened: Opened):
    """Equal arguments are the same step of a repeat."""
    shop, breaks = Shop(), Breaks()

    async def handler(data: Any) -> None:
        order = {"y": 2, "x": 1} if breaks.is_mended else {"x": 1, "y": 2}
        await data.step("charge", shop.charge, order)
        breaks()

    await broken_and_retried(opened, flow_of(handler), breaks)

    assert len(shop.calls) == 1


@dataclass
class Unknown:
    """A class that nobody registered."""

    n: int


async def test_a_result_that_cannot_be_kept_is_refused_with_its_place(opened: Opened):
    """As values are; nothing is kept as done."""
    calls: list[int] = []

    async def give() -> Any:
        calls.append(1)
        return {"deep": [Unknown(1)]} if len(calls) == 1 else "fine"

    async def handler(data: Any) -> None:
        await data.async_set_state("end", await data.step("give", give))

    execution = opened(flow_of(handler))
    with pytest.raises(ValueRefused, match=r"result of step give\.deep\[0\]"):
        await execution.async_start(None)
    await execution.async_retry()

    assert (await execution.async_close())["end"] == "fine"


async def test_what_a_handler_does_to_a_result_changes_no_repeat(opened: Opened):
    """Every attempt is given a value of its own."""
    breaks = Breaks()
    found: list[Any] = []

    async def handler(data: Any) -> None:
        result = await data.step("make", lambda: {"items": [1]})
        found.append(dict(result))
        result["items"].append("mine")
        result["more"] = True
        breaks()

    await broken_and_retried(opened, flow_of(handler), breaks)

    assert found == [{"items": [1, "mine"]}, {"items": [1, "mine"]}]
    assert "more" not in found[1]


async def test_a_step_says_its_key_and_attempt_at_any_depth(opened: Opened):
    """`current_step` is known to what the function calls, in threads too, and nowhere else."""
    found: list[Step] = []

    def deep() -> None:
        found.append(current_step())

    async def deeper() -> None:
        await asyncio.to_thread(deep)

    async def handler(data: Any) -> None:
        await data.step("one", deeper)
        await data.step("two", deep)
        with pytest.raises(NoStep):
            current_step()
        await data.async_set_state("key", data.step_key)

    execution = opened(flow_of(handler, lambda data: data.set_state("other", data.step_key)))
    await execution.async_start(None)
    ended = await execution.async_close()

    assert [(step.name, step.attempt) for step in found] == [("one", 0), ("two", 0)]
    assert all(step.key.startswith(ended["key"] + "/") for step in found)
    assert ended["key"] != ended["other"]


async def test_the_function_of_a_step_cannot_change_the_run(opened: Opened):
    """A repeat would not do it again: writes, emits, pauses and steps are refused, sync or not."""

    async def handler(data: Any) -> None:
        changes: tuple[Callable[[], Any], ...] = (
            lambda: data.async_set_state("k", 1),
            lambda: data.async_append_state("k", 1),
            lambda: data.async_del_state("was"),
            lambda: data.async_emit("E", 1),
            lambda: data.async_emit_nowait("E", 1),
            data.async_pause_for,
            lambda: data.async_step("inner", asyncio.sleep, 0),
            lambda: data.async_sleep(0),
        )
        for number, change in enumerate(changes):

            async def in_a_task(change: Any = change) -> None:
                await asyncio.ensure_future(change())

            for name, function in (("direct", change), ("task", in_a_task)):
                with pytest.raises(StepRefused) as refused:
                    await data.step(name, function, key=str(number))
                assert refused.value.step == name
        with pytest.raises(StepRefused):
            await data.step("in a thread", lambda: data.set_state("k", 1))
        assert await data.step("reads", lambda: data.get_state("was")) == "here"

    execution = opened(flow_of(handler))
    await execution.async_set_state("was", "here")
    await execution.async_start(None)

    assert await execution.async_close() == {"was": "here"}


async def test_other_parts_of_the_handler_change_the_run_while_a_step_is_under_way(
    opened: Opened,
):
    """Only what the function itself does is refused."""
    door = Gate()

    async def handler(data: Any) -> None:
        step = asyncio.ensure_future(data.step("slow", door.wait))
        await door.reached.wait()
        await data.async_set_state("k", 1)
        await data.async_emit("E", 2)
        door.opened.set()
        await step

    flow = flow_of(handler)
    flow.when("E").to(lambda data: data.set_state("heard", data.input))
    execution = opened(flow)
    await execution.async_start(None)

    assert await execution.async_close() == {"k": 1, "heard": 2}


async def test_a_run_that_a_step_drives_has_steps_of_its_own(opened: Opened):
    """Its handlers begin inside no step, and what they do is kept in their run."""
    found: list[str] = []

    async def inner(data: Any) -> None:
        with pytest.raises(NoStep):
            current_step()
        await data.async_set_state("k", await data.step("inner", lambda: current_step().name))

    def inner_sync(data: Any) -> None:
        with pytest.raises(NoStep):
            current_step()
        data.set_state("sync", data.step("inner", lambda: current_step().name))

    async def drive() -> Any:
        ended = await flow_of(inner, inner_sync).async_start(None)
        found.append(current_step().name)
        return ended

    async def handler(data: Any) -> None:
        await data.async_set_state("end", await data.step("outer", drive))

    execution = opened(flow_of(handler))
    await execution.async_start(None)

    assert (await execution.async_close())["end"] == {"k": "inner", "sync": "inner"}
    assert found == ["outer"]


async def test_a_step_that_outlives_its_handler_is_refused(opened: Opened):
    """Nothing of it could be kept; the same holds for one that begins later."""
    door = Gate()
    left: list[Any] = []

    async def handler(data: Any) -> None:
        left.append(asyncio.ensure_future(data.step("slow", door.wait)))
        left.append(data)
        await door.reached.wait()

    execution = opened(flow_of(handler))
    await execution.async_start(None)
    door.opened.set()

    with pytest.raises(StepRefused, match="after its handler had ended"):
        await left[0]
    with pytest.raises(StepRefused, match="has ended and cannot begin step"):
        await left[1].step("late", asyncio.sleep, 0)


async def test_a_step_left_behind_by_a_failed_attempt_is_waited_for(opened: Opened):
    """Its result counts, and the function is not called beside itself."""
    door, shop, breaks = Gate(), Shop(), Breaks()

    async def slow(order: int) -> str:
        shop.calls.append(order)
        await door.wait()
        return "slow"

    async def broken() -> None:
        await door.reached.wait()
        if not breaks.is_mended:
            raise RuntimeError("the other part broke")

    async def handler(data: Any) -> None:
        found = await asyncio.gather(data.step("slow", slow, 1), data.step("other", broken))
        await data.async_set_state("end", found)

    execution = opened(flow_of(handler))
    with pytest.raises(RuntimeError, match="the other part broke"):
        await execution.async_start(None)
    breaks.is_mended = True
    again = asyncio.ensure_future(execution.async_retry())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not again.done()
    door.opened.set()
    await again

    assert (await execution.async_close())["end"] == ["slow", None]
    assert shop.calls == [1]


async def test_what_no_step_can_be_is_refused_at_once(opened: Opened):
    """A name that is none, something that is no function, a key that is no text."""

    async def handler(data: Any) -> None:
        for name in ("", "two\nlines", "x" * 256, 5):
            with pytest.raises(InvalidId):
                await data.step(name, asyncio.sleep, 0)
        with pytest.raises(DefinitionError, match="expected a function; found int"):
            await data.step("charge", 5)
        with pytest.raises(DefinitionError, match="key= is text; found int"):
            await data.step("charge", asyncio.sleep, 0, key=5)
        assert await data.step("odd key", lambda: "fine", key="\ud800") == "fine"

    await opened(flow_of(handler)).async_start(None)


async def test_emits_and_pauses_between_steps_are_found_again_too():
    """Crashed after the second step, the handler finds all it did, in whatever order."""
    shop, breaks = Shop(), Breaks()

    async def handler(data: Any) -> None:
        await data.step("charge", shop.charge, 1)
        await data.async_emit("E", "sent")
        await data.async_pause_for(interrupt_id="ok")
        await data.step("charge", shop.charge, 2)
        breaks()

    flow = flow_of(handler)
    flow.when("E").to(lambda data: data.append_state("heard", data.input))
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, None, run_id="r")
        with pytest.raises(RuntimeError, match="the handler broke"):
            await run.result()
        breaks.is_mended = True
        await engine.retry("r")
        await engine.answer("r", "ok", True)
        assert (await run.result())["heard"] == ["sent"]

    assert shop.calls == [1, 2]


async def test_a_step_of_a_run_in_memory_is_in_its_save():
    """Whoever loads it finds the result; the step is known to have begun perhaps."""
    shop, door = Shop(), Gate()

    async def handler(data: Any) -> None:
        charged = await data.step("charge", shop.charge, data.input)
        await door.wait()
        await data.step("book", shop.book, 2)
        await data.async_set_state("end", charged)

    flow = flow_of(handler)
    execution = flow.create_execution(auto_close=False)
    running = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    saved = execution.save()
    running.cancel()
    await asyncio.wait({running})
    door.opened.set()

    restored = flow.create_execution(auto_close=False)
    (again,) = restored.inspect_load(saved)["will_run_again"]
    assert again["steps"] == [{"name": "charge", "done": True}]
    restored.load(saved)
    await restored.async_resume()

    assert (await restored.async_close())["end"]["number"] == 1
    assert shop.calls == [1, 2]
    assert [step.attempt for step in shop.steps] == [0, 1]


async def test_no_function_is_called_after_a_save_has_failed():
    """The handler that goes on in spite of the error is told again, and nothing happens."""
    shop = Shop()
    plan = FaultPlan()
    told: list[type[BaseException]] = []

    async def handler(data: Any) -> None:
        await data.step("first", shop.charge, 1)
        plan.at, plan.again = plan.calls + 1, True
        for number in range(2):
            try:
                await data.step("more", shop.charge, number)
            except StoreUnavailable as error:
                told.append(type(error))

    async with Engine(FaultyStore(MemoryStore(), plan), [flow := flow_of(handler)]) as engine:
        run = await engine.start(flow, None, run_id="r")
        with pytest.raises((StoreUnavailable, RunFailed)):
            await run.result()
        plan.disarm()

    assert shop.calls == [1, 0]
    assert told == [StoreUnavailable, StoreUnavailable]


async def test_steps_of_a_sub_flow_are_kept_in_its_frame(opened: Opened):
    """Handlers inside have deliveries, and so keys, of their own; a repeat finds their results."""
    shop, breaks = Shop(), Breaks()

    async def inner(data: Any) -> Any:
        charged = await data.step("charge", shop.charge, "same")
        await data.sleep(0)
        breaks()
        return charged["number"]

    async def outer(data: Any) -> None:
        await data.step("charge", shop.charge, "same")

    sub: Flow = TriggerFlow(name="inner")
    sub.to(inner).to(lambda data: data.set_state("number", data.input))
    flow: Flow = TriggerFlow(name="outer")
    flow.to(outer).to_sub_flow(sub, write_back={"state.number": "snapshot.number"})
    ended = await broken_and_retried(opened, flow, breaks)

    assert ended["number"] == 2
    assert shop.calls == ["same", "same"]
    assert len({step.key for step in shop.steps}) == 2


async def test_two_runs_of_one_flow_have_keys_of_their_own():
    """The same step of another run is another step for whoever is asked outside."""
    shop = Shop()

    async def handler(data: Any) -> None:
        await data.step("charge", shop.charge, 1)

    flow = flow_of(handler)
    async with Engine(MemoryStore(), [flow]) as engine:
        for run_id in ("one", "two"):
            await (await engine.start(flow, 1, run_id=run_id)).result()

    assert [step.key.split("/")[0] for step in shop.steps] == ["one", "two"]
    assert shop.steps[0].key.split("/")[1:] == shop.steps[1].key.split("/")[1:]


async def test_what_a_rewound_run_does_again_has_the_keys_that_it_had():
    """Outside nothing was taken back, and whoever was asked recognises it."""
    shop = Shop()

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="ok")

    async def pay(data: Any) -> None:
        await data.async_set_state("end", await data.step("charge", shop.charge, data.input))

    flow = flow_of(ask, pay)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, None, run_id="r")
        await run.until_idle()
        asked = (await run.row()).seq
        await run.answer("ok", 5)
        await run.result()
        back = await engine.rewind("r", asked)
        await back.answer("ok", 5)
        assert (await back.result())["end"]["number"] == 2

    first, second = shop.steps
    assert first.key == second.key
