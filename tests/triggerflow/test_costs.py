# SPDX-License-Identifier: Apache-2.0
"""What a step costs: no task, turn, copy or thread that nobody asked for. Nothing is timed here."""

from __future__ import annotations

import asyncio
import copy
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.handlers import Door, add_one, double, keep, same


class Counts:
    """How many tasks were made, turns taken, objects copied deeply, threads started."""

    tasks = 0
    turns = 0
    copies = 0
    threads = 0


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counts]:
    """Count while the block runs."""
    counts = Counts()
    loop = asyncio.get_running_loop()

    def task(loop: Any, coroutine: Any, **options: Any) -> Any:
        counts.tasks += 1
        return asyncio.Task(coroutine, loop=loop, **options)

    def run_once(turn: Any = loop._run_once) -> None:  # type: ignore[attr-defined]
        counts.turns += 1
        turn()

    def deepcopy(value: Any, memo: Any = None, plain: Any = copy.deepcopy) -> Any:
        counts.copies += 1
        return plain(value, memo)

    def start(thread: Any, plain: Any = threading.Thread.start) -> None:
        counts.threads += 1
        plain(thread)

    loop.set_task_factory(task)
    with monkeypatch.context() as patched:
        patched.setattr(loop, "_run_once", run_once, raising=False)
        patched.setattr(copy, "deepcopy", deepcopy)
        patched.setattr(threading.Thread, "start", start)
        try:
            yield counts
        finally:
            loop.set_task_factory(None)


async def test_a_lone_step_in_memory_costs_no_task_turn_copy_or_thread(
    monkeypatch: pytest.MonkeyPatch,
):
    """From the call of `async_start` to its snapshot, with state and a chain of ten."""
    flow = TriggerFlow()
    cursor = flow.to(add_one)
    for n in range(8):
        cursor = cursor.to(add_one, name=f"add {n}")
    cursor.to(keep)
    execution = flow.create_execution()

    with counted(monkeypatch) as counts:
        assert await execution.async_start(0) == {"kept": 9}

    assert (counts.tasks, counts.turns, counts.copies, counts.threads) == (0, 0, 0, 0)


async def test_a_signal_to_one_listener_costs_nothing_either(monkeypatch: pytest.MonkeyPatch):
    """Also one from outside that somebody awaits."""
    flow = TriggerFlow()
    flow.when("E").to(double).to(keep)
    execution = flow.create_execution(auto_close=False)

    with counted(monkeypatch) as counts:
        for n in range(100):
            await execution.async_emit("E", n)

    assert (counts.tasks, counts.copies, counts.threads) == (0, 0, 0)
    assert counts.turns <= 100


@pytest.mark.parametrize("wide", [1, 2, 10, 200])
async def test_a_fan_out_costs_at_most_one_task_for_each_branch(
    monkeypatch: pytest.MonkeyPatch, wide: int
):
    """And one more; the branches go on in those."""
    flow = TriggerFlow()
    for n in range(wide):
        flow.to(same, name=f"branch {n}").to(double, name=f"double {n}")
    execution = flow.create_execution(auto_close=False)

    with counted(monkeypatch) as counts:
        await execution.async_start(1)

    assert counts.tasks <= wide + 1


@pytest.mark.parametrize("wide", [10, 300])
async def test_a_loop_costs_at_most_one_task_for_each_item(
    monkeypatch: pytest.MonkeyPatch, wide: int
):
    """And one more."""
    flow = TriggerFlow()
    flow.for_each().to(double).to(add_one).end_for_each().to(keep)

    with counted(monkeypatch) as counts:
        assert len((await flow.async_start(range(wide)))["kept"]) == wide

    assert counts.tasks <= wide + 1


async def test_an_idle_run_has_no_task():
    """Open, waiting for an answer, with an idle clock."""
    flow = TriggerFlow()
    flow.to(same).to(lambda data: data.pause_for())
    execution = flow.create_execution()
    start = asyncio.ensure_future(execution.async_start(1))
    while not execution.is_waiting():  # noqa: ASYNC110 - a thread of the handler's is under way
        await asyncio.sleep(0)
    await execution.live.until_quiet()

    assert asyncio.all_tasks() == {asyncio.current_task(), start}
    start.cancel()
    await asyncio.wait({start})


DEEP = 10_000


def nested() -> tuple[TriggerFlow[Any, Any, Any], Door]:
    """A handler that awaits an emit of its own event, down to the bottom, where a door is."""
    door = Door()

    async def down(data: Any) -> Any:
        if data.input == 0:
            return await door(data)
        return (await data.async_emit("Down", data.input - 1))[0] + 1

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("Down").to(down)
    return flow, door


async def test_ten_thousand_nested_awaited_emits_run():
    """They do not stand on Python's stack."""
    flow, door = nested()
    door.opened.set()
    execution = flow.create_execution(auto_close=False)

    assert sys.getrecursionlimit() < DEEP
    assert await execution.async_emit("Down", DEEP) == [DEEP]
    assert execution.is_idle()


async def test_ten_thousand_nested_awaited_emits_are_cancelled():
    """All of them, by cancelling the caller; none is left, and the run can be closed."""
    flow, door = nested()
    execution = flow.create_execution(auto_close=False)
    running = asyncio.ensure_future(execution.async_emit("Down", DEEP))
    await door.reached.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await execution.live.halt()

    assert door.cancelled == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.warns(RuntimeWarning, match="down"):
        await execution.async_close()


@pytest.mark.parametrize("many", [500, 100_000])
async def test_half_filled_joins_leave_nothing_behind(many: int):
    """Every visit fills half a join and ends; the record is as before."""

    async def half(data: Any) -> None:
        await data.async_emit("A", data.input)

    flow = TriggerFlow()
    flow.when("Visit").to(half)
    flow.when(["A", "B"]).to(keep)
    execution = flow.create_execution(auto_close=False)
    run = execution._flow.run
    execution._flow.the_stream().end()  # nobody reads the warnings here
    for n in range(many):
        await execution.async_emit("Visit", n)

    left = (run.joins, run.scopes, run.groups, run.deliveries, run.ledgers, run.fans, run.held)
    assert [len(part) for part in left] == [0] * 7
    assert run.live == 0


async def test_a_finished_run_of_work_leaves_nothing_in_the_record_or_around_it():
    """Loops, emits, pauses and failures that were dealt with."""

    async def busy(data: Any) -> Any:
        await data.async_emit("E", data.input)
        await data.async_emit_nowait("E", data.input)
        if not data.is_resume:
            return await data.async_pause_for(interrupt_id=f"q-{data.input}", resume_to="self")
        return data.input

    flow = TriggerFlow()
    flow.for_each(concurrency=3).to(busy).end_for_each().to(keep)
    flow.when("E").to(double)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(range(20))
    for n in range(20):
        await execution.async_continue_with(f"q-{n}", n)
    await execution.live.until_quiet()
    await asyncio.sleep(0)  # tasks that have ended are taken off one turn later
    run, live = execution._flow.run, execution.live

    left = (run.joins, run.scopes, run.groups, run.deliveries, run.ledgers, run.fans, run.waits)
    assert [len(part) for part in left] == [0] * 7
    assert not live.running
    assert not live.tasks
    assert not live.waiters
    assert not live.detached
    assert execution.get_state("kept") == list(range(20))


async def test_a_handler_that_emits_without_end_does_not_get_slower():
    """Each emit looks at no earlier one while there is nothing to repeat."""
    looked = 0

    class Lines(list[Any]):
        def __iter__(self) -> Any:
            nonlocal looked
            looked += 1
            return super().__iter__()

    async def emits(data: Any) -> None:
        for n in range(200):
            await data.async_emit("E", n)
            if n == 0:
                lines = execution._flow.run.ledgers[data._delivery.id]
                lines.entries = Lines(lines.entries)

    flow = TriggerFlow()
    flow.to(emits)
    flow.when("E").to(double)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()

    assert looked <= 2
