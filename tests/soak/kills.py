# SPDX-License-Identifier: Apache-2.0
"""Processes of both fronts killed at random moments, on each kind of store."""

from __future__ import annotations

from pathlib import Path

from holdfast.testing.kills import Hunter, Journey
from holdfast.testing.places import PlaceName
from tests.soak import journeys
from tests.soak.found import Found

#: What is killed where. A checkpoint storage knows workflows only.
JOURNEYS = {
    "fsync": (journeys.chain, journeys.fan, journeys.steps),
    "relaxed": (journeys.chain, journeys.fan, journeys.steps),
    "files": (journeys.files,),
}


def kills(where: PlaceName, amount: int, seed: int, folder: Path) -> Found:
    """So many kills, shared by the journeys of the place."""
    return _of(JOURNEYS[where], where, amount, seed, folder)


def long_kills(where: PlaceName, amount: int, seed: int, folder: Path) -> Found:
    """The same for a run of a thousand steps, which takes longer to read back."""
    return _of((journeys.thousand,), where, amount, seed, folder)


def _of(
    chosen: tuple[Journey, ...], where: PlaceName, amount: int, seed: int, folder: Path
) -> Found:
    found = Found()
    for number, journey in enumerate(chosen):
        name = journey.__name__
        share = amount // len(chosen) + (number < amount % len(chosen))
        command = f"python -m holdfast.testing.kills tests.soak.journeys:{name} FOLDER "
        hunter = Hunter(journey, where, seed, f"{command}--place {where}")
        seen = hunter.hunt(folder / name, share)
        facts = seen.as_json()
        found.add(
            Found(
                seen.kills,
                [f"{name}: {text}" for text in seen.failures],
                {
                    "committed steps redone": seen.redone,
                    "repeats of work in flight": seen.repeats,
                    "ms recovery, median": facts["recovery_ms_median"] or 0.0,
                    "ms, longest": facts["recovery_ms_longest"] or 0.0,
                },
            )
        )
    return found
