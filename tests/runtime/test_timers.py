# SPDX-License-Identifier: Apache-2.0
"""One clock timer for the earliest time; waiting by a clock that never jumps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.errors import DefinitionError
from holdfast.runtime.timers import LONGEST_S, Alarm, due_at
from holdfast.testing.clock import FakeClock

NOW = 1000.0


def alarm() -> tuple[FakeClock, Alarm, list[float]]:
    """A clock at NOW, an alarm on it, and when it rang."""
    clock = FakeClock(NOW)
    rang: list[float] = []
    return clock, Alarm(clock, rang.append), rang


async def test_it_rings_once_at_the_time_it_was_set_to() -> None:
    """And not for a time that was replaced or taken back."""
    clock, bell, rang = alarm()
    bell.set(NOW + 5)
    bell.set(NOW + 10)
    bell.set(NOW + 10)
    assert clock.pending == 1
    clock.pass_s(9)
    assert rang == []
    clock.pass_s(1)
    clock.pass_s(100)
    assert rang == [NOW + 10]

    bell.set(NOW + 500)
    bell.set(None)
    clock.pass_s(1000)
    assert rang == [NOW + 10]
    assert clock.pending == 0


async def test_a_time_that_has_passed_rings_at_once() -> None:
    """Unless it is to wait a little, because it could not be acted on before."""
    clock, bell, rang = alarm()
    bell.set(NOW - 500)
    clock.pass_s(0)
    assert rang == [NOW]
    bell.set(NOW - 500, soonest_s=1.0)
    clock.pass_s(0.5)
    assert len(rang) == 1
    clock.pass_s(0.5)
    assert len(rang) == 2


async def test_a_wall_clock_set_back_does_not_make_a_near_time_later() -> None:
    """As long as was to be waited for has passed; the ring says the time that has come."""
    clock, bell, rang = alarm()
    bell.set(NOW + 5)
    clock.set_wall(NOW - 3600)
    clock.pass_s(5)
    assert rang == [NOW + 5]


async def test_a_wall_clock_set_forward_is_noticed_after_the_longest_wait() -> None:
    """A machine that slept through a deadline acts on it soon after it woke."""
    clock, bell, rang = alarm()
    bell.set(NOW + 3600)
    clock.set_wall(NOW + 7200)
    clock.pass_s(LONGEST_S)
    assert rang == [NOW + 7200 + LONGEST_S]


async def test_a_far_time_is_waited_for_in_steps() -> None:
    """A ring before its time says no more than the wall clock does."""
    clock, bell, rang = alarm()
    bell.set(NOW + 3 * LONGEST_S)
    clock.pass_s(LONGEST_S)
    assert rang == [NOW + LONGEST_S]
    bell.set(NOW + 3 * LONGEST_S)
    clock.pass_s(LONGEST_S)
    bell.set(NOW + 3 * LONGEST_S)
    clock.pass_s(LONGEST_S)
    assert rang[-1] == NOW + 3 * LONGEST_S


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, None),
        (0, NOW),
        (1.5, NOW + 1.5),
        (timedelta(minutes=2), NOW + 120),
        (datetime.fromtimestamp(2000, UTC), 2000.0),
        (datetime.fromtimestamp(1, UTC), 1.0),
    ],
)
def test_a_deadline_is_seconds_a_timedelta_or_an_aware_datetime(given: Any, found: Any) -> None:
    """One name, three types; a datetime that has passed is a deadline too."""
    assert due_at(given, NOW) == found


@pytest.mark.parametrize(
    "given",
    [
        -1,
        timedelta(seconds=-1),
        float("nan"),
        float("inf"),
        True,
        "tomorrow",
        datetime(2026, 1, 1),  # noqa: DTZ001 - that is the point
    ],
)
def test_anything_else_is_no_deadline(given: Any) -> None:
    """A DefinitionError, which is a ValueError, says what is expected."""
    with pytest.raises(DefinitionError, match="deadline: expected"):
        due_at(given, NOW)
