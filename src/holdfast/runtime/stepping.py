# SPDX-License-Identifier: Apache-2.0
"""The step whose function runs here: known to code of any depth, and to the run it belongs to.

A context variable says so. What is called for another handler is inside no step of its own: see
`outside` and `Threads.call`.
"""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import NoStep, StepRefused


@dataclass(frozen=True, slots=True)
class Step:
    """The step that calls a function.

    key: the same on every repeat of this step and different for every other, so it can be the
    idempotency key of a request to somebody else; at most 200 characters.
    attempt: how often the step may have been begun before; 0 only if it surely was not, since the
    run last went back to an earlier point.
    """

    name: str
    key: str
    attempt: int


class Place:
    """A step under way. running: the deliveries under way in its run. number: the step's own."""

    __slots__ = ("is_under_way", "number", "running", "step")

    def __init__(self, running: Mapping[int, Any], number: int, step: Step) -> None:
        self.running = running
        self.number = number
        self.step = step
        self.is_under_way = True

    def is_of(self, running: Mapping[int, Any], number: int) -> bool:
        """Whether it is a step of this delivery of the run."""
        return self.running is running and self.number == number


HERE: contextvars.ContextVar[Place | None] = contextvars.ContextVar("holdfast_step", default=None)


def current_step() -> Step:
    """The step that called the function at work: its name, key and attempt. Raises: NoStep."""
    place = HERE.get()
    if place is None or not place.is_under_way:
        raise NoStep("no step calls a function here")
    return place.step


def outside() -> contextvars.Context:
    """A copy of the context for a handler: whoever called it, it begins inside no step."""
    context = contextvars.copy_context()
    if HERE in context:
        context.run(HERE.set, None)
    return context


def refuse(running: Mapping[int, Any], number: int, what: str) -> None:
    """Raises: StepRefused if a step of this delivery calls the function at work."""
    place = HERE.get()
    if place is not None and place.is_under_way and place.is_of(running, number):
        raise StepRefused(
            f"the function of step {place.step.name!r} cannot {what}: "
            "a repeat that finds its result does not call it",
            step=place.step.name,
        )
