# SPDX-License-Identifier: Apache-2.0
"""A wait id that is asked again: what still looks at the old answer keeps it."""

from __future__ import annotations

import pytest

from holdfast.errors import WaitExists
from holdfast.machine import waits
from holdfast.machine.effects import Answered
from holdfast.machine.run import Delivery, Run, Wait, new_run


def asked(run: Run) -> Wait:
    """Ask "q"."""
    wait = Wait(id="q", type="t", payload=None, opener=0, resume="none", origin=None)
    waits.open_wait(run, wait)
    return wait


def answered(run: Run, value: object) -> None:
    """Answer it."""
    waits.take_answer(run, Answered("q", value, None, None, 1.0))


def test_an_open_id_is_not_asked_again() -> None:
    """The first question stands."""
    run = new_run("r", "flow", None)
    first = asked(run)
    with pytest.raises(WaitExists):
        asked(run)
    assert run.waits == {"q": first}


def test_an_answer_that_nothing_looks_at_is_a_line() -> None:
    """Nothing else of it stays."""
    run = new_run("r", "flow", None)
    asked(run)
    answered(run, 1)
    second = asked(run)

    assert list(run.waits.values()) == [second]
    assert [(line.id, line.status) for line in run.settled] == [("q", "answered")]


def test_an_answer_that_somebody_looks_at_is_kept_until_they_have_ended() -> None:
    """For everybody else it is settled, once."""
    run = new_run("r", "flow", None)
    first = asked(run)
    answered(run, 1)
    run.deliveries[7] = Delivery(7, "n", None, wait="q")
    waits.use(run, "q")
    second = asked(run)

    key = run.deliveries[7].wait
    assert key is not None
    assert (waits.id_of(key), run.waits[key]) == ("q", first)
    assert run.waits["q"] is second
    assert second.generation > first.generation
    assert len(run.settled) == 1
    waits.release(run, key)
    assert run.waits == {"q": second}
    assert len(run.settled) == 1
