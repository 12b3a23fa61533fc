# SPDX-License-Identifier: Apache-2.0
"""Rounds: every cell once, in rotated order, before the next round begins."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench import cells
from bench.cells import Cell


@dataclass(slots=True)
class Spread:
    """A figure over the rounds."""

    middle: float
    least: float
    most: float


@dataclass(slots=True)
class Results:
    """The rows of every cell, one for each round."""

    rows: dict[Cell, list[dict[str, Any]]] = field(default_factory=dict)
    skipped: dict[Cell, str] = field(default_factory=dict)

    def spread(self, cell: Cell, key: str) -> Spread | None:
        """A figure of a cell; None if it was not measured."""
        found = [row[key] for row in self.rows.get(cell, ()) if key in row]
        if not found:
            return None
        return Spread(statistics.median(found), min(found), max(found))

    def find(
        self, who: str, workload: str, n: int | None = None, place: str | None = None
    ) -> Cell | None:
        """The measured cell of that description, or None."""
        for cell in self.rows:
            if (cell.who, cell.workload) != (who, workload):
                continue
            if n in (None, cell.n) and place in (None, cell.place):
                return cell
        return None

    def middle(self, who: str, workload: str, key: str, **which: Any) -> float | None:
        """The median of a figure of the described cell; None if it was not measured."""
        cell = self.find(who, workload, **which)
        spread = None if cell is None else self.spread(cell, key)
        return None if spread is None else spread.middle


def measured(chosen: list[Cell], *, rounds: int, reps: int, warm: int) -> Results:
    """Run all rounds; progress goes to the standard error stream."""
    results = Results()
    for number in range(rounds):
        for cell in _rotated(chosen, number, rounds):
            if cell in results.skipped:
                continue
            row = cells.run(cell, reps=reps, warm=warm)
            if "skip" in row:
                results.skipped[cell] = row["skip"]
            else:
                results.rows.setdefault(cell, []).append(row)
            _progress(f"round {number + 1} of {rounds}: {cell.title}")
    _progress("")
    results.rows = {cell: results.rows[cell] for cell in chosen if cell in results.rows}
    return results


def _rotated(chosen: list[Cell], number: int, rounds: int) -> Iterator[Cell]:
    start = number * len(chosen) // max(rounds, 1)
    yield from chosen[start:]
    yield from chosen[:start]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text[:100]}")
        sys.stderr.flush()
