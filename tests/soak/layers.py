# SPDX-License-Identifier: Apache-2.0
"""The layers of the soak: what each tries, how often, and the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.amounts import (
    BYTE_CHANGES,
    CLOCK_JUMPS,
    FREEZES,
    FULL_DISKS,
    HOSTILE_DOCUMENTS,
    KILLS,
    LONG_KILLS,
    MODEL_EXAMPLES,
    RACES,
    SEEDS,
    VALUES,
)
from tests.soak.disks import disks
from tests.soak.found import Found
from tests.soak.freezes import freezes
from tests.soak.jumps import jumps
from tests.soak.kills import kills, long_kills
from tests.soak.races import races
from tests.soak.suites import drawn, kill_points, modelled, seeds

Work = Callable[[int, int, Path], Found]


VALUE_TESTS = ("tests/persistence/test_codec_values.py", "tests/triggerflow/test_drawn_values.py")
BYTE_TESTS = ("tests/persistence/test_hostile_documents.py", "-k", "changed_bytes")
DOCUMENT_TESTS = ("tests/persistence/test_hostile_documents.py", "-k", "not changed_bytes")
FLOW_TESTS = ("tests/model/test_flow_machine.py",)
GRAPH_TESTS = ("tests/model/test_graph_machine.py",)


@dataclass(frozen=True)
class Layer:
    """One line of the table.

    what: as the table says it. amount: how many, a few in a run of the tests. work: does so many
    from a seed in a folder. shares: how many processes do it in a soak, each with its own seed.
    in_tests: whether `make test` tries a few of them; others are tests of their own.
    cores: how many it keeps busy; two that need one are done at once.
    """

    name: str
    what: str
    amount: int
    work: Work
    shares: int = 2
    in_tests: bool = True
    cores: int = 2


def _drawn() -> tuple[Layer, ...]:
    """What the tests of other folders draw; each keeps one core busy."""
    parts = (
        ("flow-models", "runs of flows beside their model", MODEL_EXAMPLES, modelled, FLOW_TESTS),
        (
            "graph-models",
            "runs of graphs beside their model",
            MODEL_EXAMPLES,
            modelled,
            GRAPH_TESTS,
        ),
        ("values", "nested values", VALUES, drawn, VALUE_TESTS),
        ("documents", "hostile documents", HOSTILE_DOCUMENTS, drawn, DOCUMENT_TESTS),
        ("bytes", "saves with changed bytes", BYTE_CHANGES, drawn, BYTE_TESTS),
    )
    return tuple(
        Layer(name, what, amount, partial(work, tests), shares=1, in_tests=False, cores=1)
        for name, what, amount, work, tests in parts
    )


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
            "kills-long",
            "random SIGKILLs of a run of 1,000 steps",
            LONG_KILLS,
            partial(long_kills, "fsync"),
        ),
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
        Layer("kill-points", "kills at every store operation", 0, kill_points, 1, in_tests=False),
        Layer("freezes", "owners frozen, taken over and thawed", FREEZES, freezes),
        Layer("disks", "runs on a disk that is full", FULL_DISKS, disks),
        Layer("jumps", "jumps of the wall clock", CLOCK_JUMPS, jumps),
        *_drawn(),
        Layer("seeds", "seeds of the simulation", SEEDS, seeds, in_tests=False),
    )


LAYERS = {layer.name: layer for layer in _all()}
