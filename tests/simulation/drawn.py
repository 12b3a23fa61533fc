# SPDX-License-Identifier: Apache-2.0
"""What the drawn programs have in common: numbers as payloads, and answers that follow from them.

Every delivery has a payload of its own, and every state key one writer, so that whatever order the
seed picks, the undisturbed end is the only right one.
"""

from __future__ import annotations

import random
from typing import Any

from holdfast.testing.simulation import UNANSWERED, Program, World

#: Begins the id of a question that is left to its deadline.
LAPSES = "lapse-"


class Drawn(Program):
    """A program as data: its definition is drawn anew, the same each time, for each worker."""

    value: Any = 1

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def answer(self, wait_id: str) -> Any:
        """Follows from the question alone; what it would be by default."""
        if LAPSES in wait_id:
            return UNANSWERED
        return answer_to(wait_id)

    def definitions(self, world: World) -> list[Any]:
        """Its one definition, with handlers that tell this world."""
        return [self.drawn(random.Random(self.seed), world)]

    def drawn(self, rng: random.Random, world: World) -> Any:
        """The definition."""
        raise NotImplementedError


def answer_to(wait_id: str) -> int:
    """One more than the number at the end of the id."""
    return int(wait_id.rpartition("-")[2]) + 1


def number(value: Any) -> int:
    """A number that stands for any payload; for the marker of a pause, nothing."""
    if isinstance(value, int):
        return value
    if isinstance(value, dict) and "interrupt" not in value:
        value = list(value.values())
    return sum(number(v) for v in value) if isinstance(value, list | tuple) else 0
