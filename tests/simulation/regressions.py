# SPDX-License-Identifier: Apache-2.0
"""Seeds that failed once. Each fault has a direct test as well; here the whole story runs again.

A seed is drawn anew when programs or troubles are changed, so it may mean another story then: what
must never come back is in the direct test.
"""

from __future__ import annotations

from typing import NamedTuple


class Regression(NamedTuple):
    """A seed. story: what a user would have seen."""

    program: str
    seed: int
    story: str


PROGRAMS = "tests.simulation.programs:program"

REGRESSIONS: tuple[Regression, ...] = (
    Regression(PROGRAMS, 254, "result() told of an end whose commit was still on its way"),
    Regression(PROGRAMS, 482, "an executor stopped while its messages were routed counted twice"),
    Regression(PROGRAMS, 779, "a cancel that came while the run completed made it cancelled later"),
    Regression(PROGRAMS, 1079, "a handler of a run that was being cancelled asked in it"),
    Regression(PROGRAMS, 18545, "an engine closed during a failing take-over never ended"),
)
