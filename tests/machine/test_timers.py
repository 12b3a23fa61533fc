# SPDX-License-Identifier: Apache-2.0
"""The times of a record: the earliest first, found without looking at the others."""

from __future__ import annotations

from holdfast.machine import timers
from holdfast.machine.run import Run, new_run


def record(**times: float) -> Run:
    """A record with a timer of each name."""
    run = new_run("r", "flow", None)
    for name, due_at in times.items():
        timers.start(run, timers.WAIT, name, due_at)
    return run


def names(run: Run, now: float) -> list[str]:
    """What has come by then."""
    return [timer.key for timer in timers.due(run, now)]


def test_the_earliest_is_known_and_what_has_come_is_in_the_order_of_its_times() -> None:
    """Equal times come in the order in which they were set; asking changes nothing."""
    run = record(c=30.0, a=10.0, b=20.0, a2=10.0)

    assert timers.earliest(run) == 10.0
    assert names(run, 9.9) == []
    assert names(run, 20.0) == ["a", "a2", "b"]
    assert names(run, 20.0) == ["a", "a2", "b"]
    assert timers.earliest(run) == 10.0


def test_a_dropped_timer_does_not_come_and_one_set_again_comes_once() -> None:
    """Also when it is set to a later time."""
    run = record(a=10.0, b=20.0)
    timers.drop(run, timers.WAIT, "a")
    timers.drop(run, timers.WAIT, "nobody")
    timers.start(run, timers.WAIT, "b", 40.0)

    assert timers.earliest(run) == 40.0
    assert names(run, 39.0) == []
    assert names(run, 40.0) == ["b"]
    timers.drop(run, timers.WAIT, "b")
    assert timers.earliest(run) is None


def test_kinds_have_names_of_their_own() -> None:
    """A wait and something else may have the same key."""
    run = record(a=10.0)
    timers.start(run, "other", "a", 5.0)
    timers.drop(run, timers.WAIT, "a")

    assert [(timer.what, timer.key) for timer in timers.due(run, 99.0)] == [("other", "a")]


def test_a_hundred_thousand_dropped_timers_leave_nothing_behind() -> None:
    """Far deadlines of questions that were answered do not pile up."""
    run = record(stays=1e9)
    for number in range(100_000):
        timers.start(run, timers.WAIT, str(number), 1e8 + number)
        timers.drop(run, timers.WAIT, str(number))

    assert len(run.agenda) <= timers.SLACK + 2
    assert timers.earliest(run) == 1e9


def test_what_has_come_is_found_without_looking_at_what_has_not() -> None:
    """One of a hundred thousand costs as much as one of ten."""
    run = record(**{f"w{number}": float(number) for number in range(100_000)})
    looked = 0

    class Counted(list[timers.Timer]):
        def __getitem__(self, place):  # type: ignore[no-untyped-def]
            nonlocal looked
            looked += 1
            return super().__getitem__(place)

    run.agenda = Counted(run.agenda)
    assert names(run, 2.0) == ["w0", "w1", "w2"]
    assert looked < 30
