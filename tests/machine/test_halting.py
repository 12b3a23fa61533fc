# SPDX-License-Identifier: Apache-2.0
"""A run that an executor asked to rest: it stands at the barrier with what was sent."""

from __future__ import annotations

from typing import Any

from holdfast.machine import superstep
from holdfast.machine.effects import Finished, Sent
from holdfast.machine.run import Delivery, Run
from tests.machine.test_superstep import answered, ask, due, entered, finish, reloaded, shape


def halting(run: Run, delivery: Delivery, target: str) -> list[Any]:
    """End a handler that asked for a rest and sent something."""
    sent = Sent("m", b'"m"', (target,))
    return superstep.step(run, Finished(delivery, sends=(sent,), halt=True))


def test_the_barrier_begins_nothing() -> None:
    """The superstep counts, and nothing is under way."""
    run, effects = entered("a>b", kept=True)
    effects = halting(run, due(effects)[0], "b")

    assert shape(effects) == ["Barrier"]
    assert (run.status, run.live, run.frames[0].iteration) == ("halted", 0, 1)
    assert shape(superstep.resume(reloaded(run))) == ["Began", "b=m"]


def test_a_wish_to_rest_survives_the_process() -> None:
    """The sibling that had not ended brings the barrier."""
    run, effects = entered("s>a s>b a>c", kept=True)
    a, _ = due(finish(run, due(effects)[0], (1, "a"), (2, "b")))
    halting(run, a, "c")
    run = reloaded(run)
    (b,) = due(superstep.resume(run))

    assert shape(finish(run, b)) == ["Barrier"]
    assert (run.status, run.live) == ("halted", 0)


def test_the_wish_holds_for_one_superstep() -> None:
    """After the rest the run goes on."""
    run, effects = entered("a>b b>c", kept=True)
    halting(run, due(effects)[0], "b")
    run = reloaded(run)
    effects = finish(run, due(superstep.resume(run))[0], ("m", "c"))

    assert shape(effects) == ["Barrier", "Began", "c=m"]


def test_an_answer_counts_what_waited_as_due_again() -> None:
    """Together they make the next superstep."""
    run, effects = entered("a>b", kept=True)
    (a,) = due(effects)
    ask(run, a)
    halting(run, a, "b")
    assert (run.status, run.live) == ("halted", 0)
    superstep.step(run, answered("q", 5))

    assert (run.status, run.live) == ("running", 2)
    assert [d.node for d in due(superstep.barrier.begin(run))] == ["b", "a"]
