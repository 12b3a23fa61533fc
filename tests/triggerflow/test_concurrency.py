# SPDX-License-Identifier: Apache-2.0
"""How many handlers of one execution work at once."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow


class Counting:
    """A handler that notes how many of it are at work."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def __call__(self, data: Any) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(3):
            await asyncio.sleep(0)
        self.now -= 1
        return data.input


def fan(counting: Counting) -> TriggerFlow:
    """Items in parallel, then their list."""
    flow = TriggerFlow(name="fan")
    flow.for_each().to(("count", counting)).end_for_each().to(("keep", keep))
    return flow


async def keep(data: Any) -> None:
    """Put what came into the state."""
    await data.async_set_state("kept", data.input)


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (None, 8), (0, 8), (-2, 8)])
async def test_at_most_so_many_handlers_work_at_once(limit: int | None, most: int) -> None:
    """None, 0 and less are no limit; everything is done either way."""
    counting = Counting()
    execution = fan(counting).create_execution(concurrency=limit)
    assert (await execution.async_start(range(8)))["kept"] == list(range(8))
    assert counting.most == most


async def test_a_start_of_the_flow_takes_a_limit() -> None:
    """The hidden execution works under it."""
    counting = Counting()
    await fan(counting).async_start(range(5), concurrency=2)
    assert counting.most == 2


async def test_the_limit_holds_for_a_kept_run_and_can_be_changed() -> None:
    """set_concurrency gives the execution back; handlers that wait for room go on."""
    counting = Counting()
    execution = fan(counting).create_execution(store=MemoryStore(), run_id="r", concurrency=1)
    assert execution.set_concurrency(2) is execution
    assert (await execution.async_start(range(6)))["kept"] == list(range(6))
    assert counting.most == 2


async def test_a_limit_that_is_raised_lets_those_in_that_wait() -> None:
    """Nobody waits for room that there is."""
    gate = asyncio.Event()
    at_work: list[int] = []

    async def wait(data: Any) -> int:
        at_work.append(data.input)
        await gate.wait()
        return data.input

    flow = TriggerFlow(name="f")
    flow.for_each().to(wait).end_for_each()
    execution = flow.create_execution(concurrency=1)
    running = asyncio.ensure_future(execution.async_start([1, 2, 3]))
    for _ in range(5):
        await asyncio.sleep(0)
    assert at_work == [1]
    execution.set_concurrency(None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert at_work == [1, 2, 3]
    gate.set()
    await running


@pytest.mark.parametrize("kept", [False, True])
async def test_a_handler_that_awaits_its_own_emit_needs_no_permit_meanwhile(*, kept: bool) -> None:
    """A thousand handlers that each wait for the next get along with one permit."""

    async def down(data: Any) -> int:
        if data.input:
            return (await data.async_emit("Down", data.input - 1))[0] + 1
        return 0

    flow = TriggerFlow(name="deep")
    flow.when("Down").to(down)
    store = MemoryStore() if kept else None
    execution = flow.create_execution(auto_close=False, store=store, concurrency=1)
    depth = 100 if kept else 10_000
    assert await execution.async_emit("Down", depth) == [depth]


async def test_emits_awaited_together_give_the_permit_up_once() -> None:
    """It comes back with the last of them."""

    async def both(data: Any) -> list[Any]:
        return await asyncio.gather(data.async_emit("A", 1), data.async_emit("A", 2))

    async def one(data: Any) -> int:
        await asyncio.sleep(0)
        return data.input * 10

    flow = TriggerFlow(name="both")
    flow.when("Both").to(both)
    flow.when("A").to(one)
    execution = flow.create_execution(auto_close=False, concurrency=1)
    assert await execution.async_emit("Both") == [[[10], [20]]]


@pytest.mark.parametrize("how", ["execution", "sync", "answer", "watcher"])
async def test_no_other_way_of_waiting_for_the_run_keeps_the_permit(how: str) -> None:
    """The execution's own emit, a twin in a thread, an answer, a watched state key."""
    flow = TriggerFlow(name="ways")

    async def through_execution(data: Any) -> Any:
        return await data.execution.async_emit("Inner", 1)

    def in_a_thread(data: Any) -> Any:
        return data.emit("Inner", 1)

    async def by_answer(data: Any) -> Any:
        await data.async_continue_with("q", 1)
        return [data.get_state("answered")]

    async def by_watcher(data: Any) -> Any:
        await data.async_set_state("watched", 1)
        return [data.get_state("answered")]

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="q")

    async def note(data: Any) -> None:
        await data.async_set_state("answered", data.input)

    ways = {
        "execution": through_execution,
        "sync": in_a_thread,
        "answer": by_answer,
        "watcher": by_watcher,
    }
    flow.to(ask).to(("note", note))
    flow.when({"runtime_data": "watched"}).to(("note2", note))
    flow.when("Inner").to(lambda data: data.input)
    flow.when("Go").to(ways[how])
    execution = flow.create_execution(auto_close=False, concurrency=1)
    await execution.async_start()
    assert await asyncio.wait_for(execution.async_emit("Go"), 10) == [[1]]
    await execution.async_close(pending_interrupts="cancel")


async def test_who_is_cancelled_while_it_waits_for_room_takes_none() -> None:
    """A close in the middle leaves no permit behind."""
    gate = asyncio.Event()

    async def hold(_data: Any) -> None:
        await gate.wait()

    flow = TriggerFlow(name="hold")
    flow.for_each().to(hold).end_for_each()
    execution = flow.create_execution(auto_close=False, concurrency=1)
    start = asyncio.ensure_future(execution.async_start([1, 2, 3]))
    for _ in range(5):
        await asyncio.sleep(0)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert execution._flow.permits is not None
    assert execution._flow.permits._holders == set()
    gate.set()
    await execution.async_resume()
    await execution.async_close()


async def test_a_limit_that_is_no_number_is_refused() -> None:
    """Before anything is made."""
    flow = TriggerFlow(name="f")
    with pytest.raises(TypeError, match="concurrency: expected an int or None; found str"):
        flow.create_execution(concurrency="2")  # type: ignore[arg-type]


async def test_the_limit_is_not_saved() -> None:
    """Who loads the run says anew how many may work."""
    flow = TriggerFlow(name="f")
    execution = flow.create_execution(auto_close=False, concurrency=1)
    loaded = flow.create_execution(auto_close=False).load(execution.save())
    assert loaded._flow.permits is None


async def awaits(futures: list[Any]) -> list[Any]:
    """One after the other."""
    return [await future for future in futures]


async def gathers(futures: list[Any]) -> list[Any]:
    """All at once."""
    return list(await asyncio.gather(*futures))


async def waits(futures: list[Any]) -> list[Any]:
    """By their states."""
    done, _ = await asyncio.wait(futures)
    return sorted(future.result() for future in done)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("wait_for", [awaits, gathers, waits])
async def test_a_handler_may_wait_for_what_it_sent_without_waiting(
    wait_for: Any, *, kept: bool
) -> None:
    """In any of the ways there are to wait for futures; never are two at work."""
    at_work: list[int] = []
    most: list[int] = []

    async def outer(data: Any) -> Any:
        futures = [await data.async_emit_nowait("E", n) for n in range(4)]
        results = await wait_for(futures)
        at_work.append(1)
        most.append(len(at_work))
        await asyncio.sleep(0)
        at_work.pop()
        return results

    async def inner(data: Any) -> Any:
        at_work.append(1)
        most.append(len(at_work))
        await asyncio.sleep(0)
        at_work.pop()
        return data.input

    flow = TriggerFlow(name="sends")
    flow.when("Go").to(outer)
    flow.when("E").to(inner)
    store = MemoryStore() if kept else None
    execution = flow.create_execution(auto_close=False, store=store, concurrency=1)
    both = await asyncio.wait_for(
        asyncio.gather(execution.async_emit("Go"), execution.async_emit("Go")), 10
    )

    assert both == [[[[0], [1], [2], [3]]]] * 2
    assert max(most) == 1
    assert is_at_rest(execution)


async def test_a_failure_of_what_was_sent_is_told_to_who_waits_for_it() -> None:
    """With the permit back; and once."""

    async def outer(data: Any) -> str:
        future = await data.async_emit_nowait("E")
        with pytest.raises(LookupError):
            await future
        return "went on"

    async def inner(data: Any) -> None:
        raise LookupError

    flow = TriggerFlow(name="fails")
    flow.when("Go").to(outer)
    flow.when("E").to(inner)
    execution = flow.create_execution(auto_close=False, concurrency=1)

    assert await execution.async_emit("Go") == ["went on"]


def is_at_rest(execution: Any) -> bool:
    """Whether nobody holds a permit, waits for one, or is away."""
    permits = execution._flow.permits
    return (permits._holders, permits._away, len(permits._waiting)) == (set(), {}, 0)


@pytest.mark.parametrize("how", ["wait", "wait_for", "timeout"])
async def test_a_handler_that_stops_waiting_goes_on_at_once(how: str) -> None:
    """A time that is up for what others still work on does not wait for their permit."""
    gate = asyncio.Event()

    async def outer(data: Any) -> Any:
        future = await data.async_emit_nowait("E")
        if how == "wait":
            await asyncio.wait([future], timeout=0.01)
        elif how == "timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await future
        else:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(future, 0.01)
        gate.set()
        return "went on"

    async def inner(data: Any) -> str:
        await gate.wait()
        return "inner"

    flow = TriggerFlow(name="stops")
    flow.when("Go").to(outer)
    flow.when("E").to(inner)
    execution = flow.create_execution(auto_close=False, concurrency=1)

    assert await asyncio.wait_for(execution.async_emit("Go"), 10) == ["went on"]
    await execution.live.until_quiet()
    assert is_at_rest(execution)


async def test_a_failure_that_nobody_waits_for_is_told_by_the_close_alone() -> None:
    """And not by the loop, as one that was lost."""
    lost: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: lost.append(context))

    async def outer(data: Any) -> None:
        await data.async_emit_nowait("E")

    async def inner(data: Any) -> None:
        raise LookupError

    flow = TriggerFlow(name="lost")
    flow.when("Go").to(outer)
    flow.when("E").to(inner)
    execution = flow.create_execution(auto_close=False, concurrency=1)
    await execution.async_emit("Go")
    with pytest.raises(LookupError):
        await execution.async_close()
    gc.collect()

    assert lost == []


async def test_a_close_stops_a_handler_that_waits_for_what_it_sent() -> None:
    """No permit is kept by it."""
    gate = asyncio.Event()

    async def outer(data: Any) -> None:
        await (await data.async_emit_nowait("E"))

    async def inner(data: Any) -> None:
        await gate.wait()

    flow = TriggerFlow(name="stopped")
    flow.when("Go").to(outer)
    flow.when("E").to(inner)
    execution = flow.create_execution(auto_close=False, concurrency=1)
    going = asyncio.ensure_future(execution.async_emit("Go"))
    for _ in range(5):
        await asyncio.sleep(0)
    with pytest.warns(RuntimeWarning, match="still running"):
        await execution.async_close(timeout=0)
    await asyncio.gather(going, return_exceptions=True)

    assert is_at_rest(execution)
