# SPDX-License-Identifier: Apache-2.0
"""Open, sealed, closed: what is still taken, how a run ends, and when it ends by itself."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import CloseTimeout, DefinitionError, RunBusy, RunFrozen, RunOpen
from holdfast.testing.faults import FaultPlan, FaultyStore
from tests.triggerflow.handlers import (
    Door,
    ask,
    collect,
    fail,
    in_jumping_time,
    keep,
)


def held(flow: TriggerFlow, **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


class SlowStore(FaultyStore):
    """Holds each append up once it is told to."""

    def __init__(self, inner: MemoryStore, plan: FaultPlan) -> None:
        super().__init__(inner, plan)
        self.holds, self.reached, self.goes_on = (asyncio.Event() for _ in range(3))

    async def append(self, *args: Any, **options: Any) -> Any:
        """Wait until it may go on."""
        if self.holds.is_set():
            self.reached.set()
            await self.goes_on.wait()
        return await super().append(*args, **options)


async def test_a_run_goes_from_created_over_running_to_completed():
    """Status and lifecycle are two words; the methods tell the second."""
    flow = TriggerFlow()
    flow.to(keep)
    execution = held(flow)
    assert (execution.get_status(), execution.get_lifecycle_state()) == ("created", "open")
    assert not execution.started
    assert execution.is_idle()

    assert await execution.async_start(1) is execution
    assert (execution.get_status(), execution.started, execution.is_open()) == (
        "running",
        True,
        True,
    )
    await execution.async_seal()
    assert (execution.get_lifecycle_state(), execution.is_sealed()) == ("sealed", True)
    await execution.async_close()
    assert (execution.get_status(), execution.get_lifecycle_state()) == ("completed", "closed")
    assert execution.is_closed()


async def test_starting_twice_dispatches_once():
    """The second start returns the execution, or waits for its end."""
    flow = TriggerFlow()
    flow.to(collect)
    execution = held(flow)
    await execution.async_start(1)
    assert await execution.async_start(2) is execution

    assert await execution.async_close() == {"seen": [1]}

    door = Door()
    flow = TriggerFlow()
    flow.to(door).to(collect)
    execution = flow.create_execution()
    starts = [asyncio.ensure_future(execution.async_start(n)) for n in range(3)]
    await door.reached.wait()
    door.opened.set()
    assert await asyncio.gather(*starts) == [{"seen": [0]}] * 3


async def test_a_cancelled_waiter_does_not_disturb_the_others():
    """Each one waits for itself."""
    door = Door()
    flow = TriggerFlow()
    flow.to(ask).to(collect)
    execution = flow.create_execution()
    starts = [asyncio.ensure_future(execution.async_start(1)) for _ in range(3)]
    await asyncio.sleep(0)
    await execution.live.until_quiet()
    starts[1].cancel()
    await asyncio.wait({starts[1]})
    await execution.async_continue_with("q-1", 2)

    assert await starts[0] == await starts[2] == {"seen": [2]}
    assert door.calls == 0


async def test_a_sealed_run_takes_nothing_from_outside_but_finishes_what_it_took():
    """Whatever descends from an accepted signal goes on, its emits and continuations too."""
    door = Door()

    async def emits(data: Any) -> Any:
        await data.async_emit("Inner", data.input)
        return data.input

    flow = TriggerFlow()
    flow.to(door).to(emits).to(keep)
    flow.when("Inner").to(collect)
    execution = held(flow)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    assert await execution.async_seal() is execution
    assert await execution.async_seal() is execution
    with pytest.warns(RuntimeWarning, match="ignored event 'Inner'.*sealed"):
        assert await execution.async_emit("Inner", 2) is None
    with pytest.warns(RuntimeWarning, match="ignored event"):
        assert await execution.async_emit_nowait("Inner", 2) is None
    with pytest.warns(RuntimeWarning, match="ignored event 'START'"):
        assert await execution.async_start(3) is execution
    with pytest.warns(RuntimeWarning, match="ignored answer") as caught:
        assert await execution.async_continue_with("q") is None
    assert caught[0].filename == __file__
    door.opened.set()
    await start

    assert execution.get_state() == {"seen": [1], "kept": 1}
    await execution.async_unseal()
    await execution.async_emit("Inner", 4)
    assert execution.get_state("seen") == [1, 4]


async def test_starting_a_sealed_run_that_closes_by_itself_does_not_hang():
    """It warns and returns."""
    execution = TriggerFlow().create_execution()
    await execution.async_seal()

    with pytest.warns(RuntimeWarning, match="sealed"):
        assert await execution.async_start(1) is execution


async def test_a_closed_run_only_warns():
    """Emits are ignored, unsealing changes nothing, closing gives the same snapshot."""
    flow = TriggerFlow()
    flow.to(collect)
    execution = flow.create_execution()
    snapshot = await execution.async_start(1)

    with pytest.warns(RuntimeWarning, match="closed"):
        assert await execution.async_emit("START", 2) is None
    with pytest.warns(RuntimeWarning, match="closed"):
        assert await execution.async_start(2) == snapshot
    with pytest.warns(RuntimeWarning, match="stays closed"):
        assert await execution.async_unseal() is execution
    await execution.async_seal()
    assert await execution.async_close() == snapshot == {"seen": [1]}


async def test_closing_again_and_at_once_gives_equal_snapshots_and_ends_once():
    """Each caller gets a copy."""
    closed = []
    flow = TriggerFlow()
    flow.to(collect)
    execution = held(flow)
    execution.on_closed = closed.append
    await execution.async_start([1])
    one, other = await asyncio.gather(execution.async_close(), execution.async_close())
    one["seen"].append("changed")

    assert other == await execution.async_close() == {"seen": [[1]]}
    assert closed == [execution]


async def test_a_snapshot_is_the_state_and_nothing_else():
    """Values as they were stored, no metadata."""
    live = threading.Lock()
    execution = held(TriggerFlow())
    execution.set_state("live", live)

    assert await execution.async_close() == {"live": live}
    assert await held(TriggerFlow()).async_close() == {}


async def test_close_refuses_open_questions_or_cancels_them():
    """The refused close leaves the run open; the cancelled one says so for good."""
    flow = TriggerFlow()
    flow.to(ask).to(keep)
    execution = held(flow)
    await execution.async_start(1)

    with pytest.raises(RunOpen, match="pending interrupts are waiting: q-1") as caught:
        await execution.async_close()
    assert isinstance(caught.value, RuntimeError)
    assert caught.value.waits == ("q-1",)
    assert execution.is_open()
    with pytest.raises(DefinitionError, match="pending_interrupts"):
        await execution.async_close(pending_interrupts="ignore")
    assert await execution.async_close(pending_interrupts="cancel") == {}
    assert execution.get_status() == "cancelled"
    assert execution.get_pending_interrupts() == {}


async def test_a_question_asked_while_the_run_drains_is_seen():
    """The close looks again after the last work; the run is open again."""
    door = Door()
    flow = TriggerFlow()
    flow.when("E").to(door).to(ask).to(keep)
    execution = held(flow)
    await execution.async_emit_nowait("E", 1)
    await door.reached.wait()
    closing = asyncio.ensure_future(execution.async_close())
    await asyncio.sleep(0)
    assert execution.is_sealed()
    door.opened.set()

    with pytest.raises(RunOpen):
        await closing
    assert execution.is_open()
    await execution.async_continue_with("q-1", 5)
    assert await execution.async_close() == {"kept": 5}


async def test_a_close_without_seal_takes_signals_while_it_drains():
    """`seal=False` leaves the door open until the end."""
    door = Door()
    flow = TriggerFlow()
    flow.when("E").to(door)
    flow.when("Late").to(collect)
    execution = held(flow)
    await execution.async_emit_nowait("E")
    await door.reached.wait()
    closing = asyncio.ensure_future(execution.async_close(seal=False))
    await asyncio.sleep(0)
    await execution.async_emit("Late", 1)
    door.opened.set()

    assert await closing == {"seen": [1]}


async def test_a_handler_cannot_close_its_own_run():
    """It would wait for itself; other runs it may close."""

    async def closes(data: Any) -> Any:
        other = held(TriggerFlow())
        other.set_state("closed", by := "a handler")
        assert await other.async_close() == {"closed": by}
        await data.execution.async_close()

    flow = TriggerFlow()
    flow.to(closes)
    with pytest.raises(RunBusy, match="wait for itself"):
        await flow.async_start()


async def test_a_run_that_was_never_started_can_be_closed():
    """It has completed, with the state it was given."""
    execution = held(TriggerFlow())
    await execution.async_set_state("k", 1)

    assert await execution.async_close() == {"k": 1}
    assert (execution.get_status(), execution.started) == ("completed", False)


async def test_a_failing_chunk_leaves_the_run_open():
    """The status says failed, and later events are taken."""
    flow = TriggerFlow()
    flow.to(fail)
    flow.when("E").to(collect)
    execution = held(flow)
    with pytest.raises(LookupError):
        await execution.async_start(1)
    assert (execution.get_status(), execution.get_lifecycle_state()) == ("failed", "open")
    await execution.async_emit("E", 2)
    await execution.async_close()

    assert execution.get_status() == "failed"


async def test_what_is_written_after_the_close_is_in_no_snapshot():
    """It is taken silently, and can be read as state."""
    execution = held(TriggerFlow())
    await execution.async_set_state("k", 1)
    snapshot = await execution.async_close()
    await execution.async_set_state("k", 2)
    execution.set_state("late", 3)
    await execution.async_append_state("list", 4)

    assert execution.get_state() == {"k": 2, "late": 3, "list": [4]}
    assert execution.result.get_state() == await execution.async_close() == snapshot == {"k": 1}


async def test_nothing_changes_between_the_snapshot_and_the_end():
    """While the end is being written: state, results and the lifecycle are refused."""
    plan = FaultPlan()
    store = SlowStore(MemoryStore(), plan)
    execution = held(TriggerFlow(), store=store, run_id="r")
    await execution.async_set_state("k", 1)
    store.holds.set()
    closing = asyncio.ensure_future(execution.async_close())
    await store.reached.wait()

    for change in (
        lambda: execution.async_set_state("k", 2),
        lambda: execution.async_append_state("k", 2),
        lambda: execution.async_del_state("k"),
        execution.async_unseal,
    ):
        with pytest.raises(RunFrozen, match="terminal close snapshot is frozen"):
            await change()
    store.goes_on.set()
    assert await closing == {"k": 1}
    await execution.async_set_state("k", 3)
    assert execution.result.get_state("k") == 1


async def test_the_ids_of_cancelled_questions_tell_when_and_why():
    """They cannot be answered any more."""
    flow = TriggerFlow()
    flow.to(ask)
    execution = held(flow)
    await execution.async_start(1)
    await execution.async_close(reason="enough", pending_interrupts="cancel")
    found = execution.get_interrupt("q-1")

    assert (found["status"], found["cancel_reason"]) == ("cancelled", "enough")
    assert found["cancelled_at"] == execution.result.get_meta()["closed_at"]
    with pytest.warns(RuntimeWarning, match="closed"):
        assert await execution.async_continue_with("q-1", 1) is None


def test_close_cancels_what_is_late_and_says_what():
    """Cooperative handlers get a grace to settle; the run then closes."""
    door = Door("slow")

    async def story() -> None:
        flow = TriggerFlow()
        flow.when("E").to(door, name="slow").to(keep)
        execution = held(flow)
        await execution.async_emit_nowait("E", 1)
        waiting = asyncio.ensure_future(execution.async_emit("E", 2))
        await door.reached.wait()
        with pytest.warns(RuntimeWarning, match="2 handlers .* cancelled: slow"):
            assert await execution.async_close(timeout=3) == {}
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert execution.get_status() == "completed"

    in_jumping_time(story())
    assert door.cancelled == 2


def test_a_handler_that_ignores_its_cancellation_is_named():
    """The close raises within the timeout and a grace; the run can be closed later."""
    released = threading.Event()

    async def story() -> None:
        loop = asyncio.get_running_loop()
        free = asyncio.Event()

        async def deaf(data: Any) -> Any:
            while not free.is_set():
                try:
                    await free.wait()
                except asyncio.CancelledError:
                    continue
            return data.input

        flow = TriggerFlow()
        flow.when("E").to(deaf).to(keep)
        execution = held(flow)
        await execution.async_emit_nowait("E", 1)
        await asyncio.sleep(0)
        began = loop.time()
        with (
            pytest.warns(RuntimeWarning, match="cancelled: deaf"),
            pytest.raises(CloseTimeout, match="deaf") as caught,
        ):
            await execution.async_close(timeout=5)
        assert caught.value.handlers == ("deaf",)
        assert isinstance(caught.value, TimeoutError)
        assert loop.time() - began < 6
        assert execution.is_open()
        free.set()
        await asyncio.sleep(0)
        with pytest.warns(RuntimeWarning, match="deaf"):
            await execution.async_close()
        released.set()

    in_jumping_time(story())
    assert released.is_set()


def test_work_that_ends_in_time_is_not_cancelled():
    """The timeout is one deadline for draining."""

    async def story() -> dict[str, Any]:
        async def slow(data: Any) -> Any:
            await asyncio.sleep(2)
            return data.input

        flow = TriggerFlow()
        flow.when("E").to(slow).to(keep)
        execution = held(flow)
        await execution.async_emit_nowait("E", 1)
        return await execution.async_close(timeout=3)

    assert in_jumping_time(story()) == {"kept": 1}
