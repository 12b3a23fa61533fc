# SPDX-License-Identifier: Apache-2.0
"""A clock that is wrong on purpose."""

from __future__ import annotations

import asyncio
import time

from holdfast.testing.shifted_clock import ShiftedClock


def test_the_wall_clock_jumps_and_the_other_does_not() -> None:
    """An offset, set at any time, moves the wall clock only."""
    clock = ShiftedClock(offset_s=-3600)
    assert abs(clock.now() - time.time() + 3600) < 60
    before = clock.monotonic()
    clock.offset_s = 1e9
    assert abs(clock.now() - time.time() - 1e9) < 60
    assert 0 <= clock.monotonic() - before < 60


async def test_a_fast_clock_and_its_timers_run_at_one_rate() -> None:
    """A timer of a thousand seconds rings when the clock has come that far."""
    clock = ShiftedClock(rate=100_000)
    rung = asyncio.Event()
    began = clock.monotonic()
    clock.call_later(1000, rung.set)
    await asyncio.wait_for(rung.wait(), 30)
    assert clock.monotonic() - began >= 999
