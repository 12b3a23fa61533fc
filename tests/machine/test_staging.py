# SPDX-License-Identifier: Apache-2.0
"""Staged writes: looked up by their writer, applied for all at the barrier."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.machine import staging, state, superstep
from holdfast.machine.effects import Finished, Refused, Warn, Written
from holdfast.machine.run import MISSING, Cell, Frame, Grown, Run
from tests.machine.test_fan_in import entered, graph
from tests.machine.test_superstep import due, finish, reloaded, shape


def wrote(node: str, key: str, value: Any) -> tuple[str, str, Any, bytes | None]:
    """A staged line."""
    return (node, key, value, None)


def grew(*items: Any) -> Grown:
    """A staged append."""
    return Grown(list(items), [None for _ in items])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], MISSING),
        ([wrote("b", "k", 1)], MISSING),
        ([wrote("a", "k", 1), wrote("a", "k", 2)], 2),
        ([wrote("a", "k", 1), wrote("a", "k", MISSING)], MISSING),
        ([wrote("a", "k", grew(1)), wrote("b", "k", grew(9)), wrote("a", "k", grew(2))], [1, 2]),
        ([wrote("a", "k", [0]), wrote("a", "k", grew(1, 2))], [0, 1, 2]),
        ([wrote("a", "k", grew(1)), wrote("a", "k", [0])], [0]),
        ([wrote("a", "k", 5), wrote("a", "k", grew(1))], [5, 1]),
        ([wrote("a", "k", MISSING), wrote("a", "k", grew(1))], [1]),
    ],
)
def test_an_executor_sees_what_it_staged(lines: list[Any], expected: Any) -> None:
    """In the order in which it wrote; and nothing of others."""
    frame = Frame()
    frame.staged = lines
    staging.index(frame)

    assert staging.read(frame, "a", "k") is expected or staging.read(frame, "a", "k") == expected


def test_what_is_staged_after_a_read_is_seen_too() -> None:
    """As soon as its handler has ended, and after a restart."""
    run, effects = entered(graph("a>a"))
    frame = run.frames[0]
    for number in range(3):
        (a,) = due(effects)
        staging.stage(run, Finished(a, writes=(Written("k", grew(number), None),)))
        assert staging.read(frame, "a", "k") == list(range(number + 1))

    assert staging.read(reloaded(run).frames[0], "a", "k") == [0, 1, 2]


def test_looking_up_costs_the_same_however_much_is_staged() -> None:
    """The lines are not looked through."""
    frame = Frame()
    frame.staged = [wrote(f"n{number}", "k", number) for number in range(1000)]
    staging.index(frame)
    frame.staged = _Unread(frame.staged)
    assert staging.read(frame, "n7", "k") == 7


class _Unread(list[Any]):
    """Lines that nobody may look through."""

    def __iter__(self) -> Any:
        raise AssertionError("the lines were searched")

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError("the lines were searched")


def test_after_the_barrier_an_executor_sees_what_others_wrote() -> None:
    """What it had staged, and looked up, is of the superstep before."""
    run, a, b = at_width()
    ends(run, a, "old")
    assert staging.read(run.frames[0], "a", "k") == "old"
    finish(run, b)
    run.frames[0].state["k"] = Cell("new")
    run.frames[0].staged = [wrote("b", "other", 1)]

    assert staging.read(run.frames[0], "a", "k") == "new"


def at_width(**more: Any) -> tuple[Run, Any, Any]:
    """A run in whose superstep a and b work."""
    run, effects = entered(graph("s>a s>b a>t b>t", **more))
    a, b = due(finish(run, due(effects)[0], (1, "a"), (2, "b")))
    return run, a, b


def ends(run: Run, delivery: Any, value: Any, *sends: Any) -> list[Any]:
    """End a handler that wrote the key "k"."""
    written = (Written("k", value, None if isinstance(value, Grown) else b'"%s"' % value.encode()),)
    done = Finished(delivery, writes=written)
    return superstep.step(run, done)


def test_a_conflict_stops_a_strict_graph_before_anything_is_visible() -> None:
    """Nothing is applied; the superstep does not count."""
    run, a, b = at_width(strict_state=True)
    ends(run, b, "b")
    effects = ends(run, a, "a")

    assert shape(effects) == ["Refused"]
    assert isinstance(effects[0], Refused)
    assert (run.status, run.live, run.frames[0].iteration) == ("failed", 0, 1)
    assert run.frames[0].state == {}


def test_by_decision_a_strict_graph_goes_on_from_its_conflict() -> None:
    """Read back or not; the last by id wins, and it is told."""
    run, a, b = at_width(strict_state=True)
    ends(run, a, "a")
    ends(run, b, "b")
    run = reloaded(run)
    effects = superstep.resume(run)

    assert shape(effects) == ["Warn", "Barrier"]
    assert isinstance(effects[0], Warn)
    assert (run.status, run.frames[0].iteration) == ("completed", 2)
    assert run.frames[0].state["k"].value == "b"


def test_appends_of_several_are_no_conflict() -> None:
    """They all stand, in the order of executor ids."""
    run, a, b = at_width(strict_state=True)
    ends(run, b, grew("b"))
    effects = ends(run, a, grew("a"))

    assert shape(effects) == ["Barrier"]
    assert run.frames[0].state["k"].value == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("k", "state key 'k'"),
        (state.named_space("a/b%") + "k/l", "state key 'k/l' of scope 'a/b%'"),
        (state.private_space("x/y") + "k", "state key 'k' of own state 'x/y'"),
        ("a/b", "state key 'a/b'"),
    ],
)
def test_a_key_is_shown_with_its_scope(key: str, shown: str) -> None:
    """As the user named both."""
    assert state.shown(key) == shown
