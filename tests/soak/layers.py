# SPDX-License-Identifier: Apache-2.0
"""The layers of the soak: what each tries, how often, and the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.amounts import KILLS, RACES
from tests.soak.found import Found
from tests.soak.kills import kills
from tests.soak.races import races

Work = Callable[[int, int, Path], Found]


@dataclass(frozen=True)
class Layer:
    """One line of the table.

    what: as the table says it. amount: how many, a few in a run of the tests. work: does so many
    from a seed in a folder. shares: how many processes do it in a soak, each with its own seed.
    in_tests: whether `make test` tries a few of them; others are tests of their own.
    """

    name: str
    what: str
    amount: int
    work: Work
    shares: int = 2
    in_tests: bool = True


def _all() -> tuple[Layer, ...]:
    return (
        Layer(
            "kills-fsync",
            "random SIGKILLs, SQLite with fsync",
            KILLS,
            partial(kills, "fsync"),
        ),
        Layer(
            "kills-relaxed",
            "random SIGKILLs, SQLite relaxed",
            KILLS,
            partial(kills, "relaxed"),
        ),
        Layer("kills-files", "random SIGKILLs, checkpoint files", KILLS, partial(kills, "files")),
        Layer(
            "races-fsync",
            "races of 2 to 8 processes, SQLite with fsync",
            RACES,
            partial(races, "fsync"),
            shares=1,
        ),
        Layer(
            "races-relaxed",
            "races of 2 to 8 processes, SQLite relaxed",
            RACES,
            partial(races, "relaxed"),
            shares=1,
        ),
    )


LAYERS = {layer.name: layer for layer in _all()}
