# SPDX-License-Identifier: Apache-2.0
"""A bell wakes whoever waits, in whatever loop, and forgets who left."""

from __future__ import annotations

import asyncio

from holdfast.runtime.bell import Bell


async def test_everybody_who_waits_is_woken_once():
    """Who comes later waits for the next ring."""
    bell = Bell()
    waiting = [asyncio.ensure_future(bell.rung()) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    await asyncio.gather(*waiting)
    late = asyncio.ensure_future(bell.rung())
    await asyncio.sleep(0)

    assert not late.done()
    assert bell.is_awaited
    bell.ring()
    await late
    bell.ring()
    assert not bell.is_awaited


async def test_a_cancelled_waiter_is_forgotten():
    """So waiting with a limit again and again leaves nothing behind."""
    bell = Bell()
    for _ in range(3):
        waiting = asyncio.ensure_future(bell.rung())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})

    assert not bell.is_awaited


async def test_a_waiter_in_another_loop_is_woken_there():
    """From the thread that rings."""
    bell = Bell()
    waits = asyncio.Event()
    here = asyncio.get_running_loop()

    async def wait() -> str:
        here.call_soon_threadsafe(waits.set)
        future = bell.waiter()
        await future
        return "woken"

    elsewhere = asyncio.ensure_future(asyncio.to_thread(asyncio.run, wait()))
    await waits.wait()
    while not bell.is_awaited:  # noqa: ASYNC110 - the other thread is about to wait
        await asyncio.sleep(0)
    bell.ring()

    assert await elsewhere == "woken"


def test_a_waiter_whose_loop_has_ended_is_forgotten():
    """There is nobody to wake."""
    bell = Bell()

    async def wait_and_leave() -> None:
        bell.waiter()

    asyncio.run(wait_and_leave())
    bell.ring()
    assert not bell.is_awaited
