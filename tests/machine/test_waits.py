# SPDX-License-Identifier: Apache-2.0
"""Questions in the record: one of an id at a time, and answers that wait for their opener."""

from __future__ import annotations

import pytest

from holdfast.errors import WaitExists
from holdfast.machine import waits
from holdfast.machine.effects import Answered
from holdfast.machine.run import Run, Wait, new_run


def asked(run: Run, opener: int = 1) -> Wait:
    """Open the question "q" for a delivery."""
    wait = Wait(id="q", type="t", payload=None, opener=opener, resume="next", origin=None)
    waits.open_wait(run, wait)
    return wait


def test_a_second_question_of_an_open_id_is_refused() -> None:
    """The first one stays as it was: its branch would never go on."""
    run = new_run("r", "flow", None)
    first = asked(run)
    with pytest.raises(WaitExists, match="still open"):
        asked(run, opener=2)
    assert run.waits == {"q": first}


def test_generations_rise_although_lines_are_forgotten() -> None:
    """A store tells generations of one id apart by their number."""
    run = new_run("r", "flow", None)
    seen = []
    for _ in range(40):
        seen.append(asked(run).generation)
        waits.take_answer(run, Answered("q", 1, None, None, 0.0))
        waits.release(run, "q")
    assert seen == list(range(1, 41))
    assert len(run.settled) == 32
