# SPDX-License-Identifier: Apache-2.0
"""The tables that a run of the benchmarks prints."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterable, Sequence

from bench import budgets
from bench.budgets import Judged
from bench.cells import UNITS, Cell
from bench.limits import LIMITS
from bench.rounds import Results, Spread

WHERE = {
    "none": "-",
    "memory": "memory store",
    "relaxed": "SQLite relaxed",
    "fsync": "SQLite fsync",
    "own": "its own",
}


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns line up; the first column is left-aligned."""
    rows = [list(line) for line in lines]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(heads), rule, *(line(row) for row in rows)])


def machine() -> str:
    """One line about where the figures come from."""
    system = f"{platform.system()} {platform.release()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {system}, {python}, SQLite {sqlite3.sqlite_version}"


def show(results: Results, rounds: int, *, judge: bool) -> None:
    """Print everything that was measured. judge: and how it stands to the budgets."""
    print(f"{machine()}; {rounds} rounds in fresh processes; median [min - max], microseconds.\n")
    print(_limits(results), end="\n\n")
    print(_figures(results, judge=judge), end="\n\n")
    for cell, why in results.skipped.items():
        print(f"not measured: {cell.title}: {why}")
    if judge:
        _show_judgements(results)


def _show_judgements(results: Results) -> None:
    judged = [j for who in _fronts(results) for j in budgets.growth(results, who)]
    if judged:
        print(_judgements("growth and size", judged), end="\n\n")
    compared = [j for who in _fronts(results) for j in budgets.against_peers(results, who)]
    if compared:
        print(_judgements("other libraries", compared))


def _fronts(results: Results) -> list[str]:
    return [w for w in ("flow", "workflow") if any(cell.who == w for cell in results.rows)]


def _limits(results: Results) -> str:
    lines = []
    for cell in results.rows:
        if cell.who == "limit":
            wall, cpu = results.spread(cell, "wall_us"), results.spread(cell, "cpu_us")
            lines.append((LIMITS[cell.workload][1], cell.workload, _spread(wall), _spread(cpu)))
    return table(("limit of the machine", "name", "wall us", "CPU us"), lines)


def _figures(results: Results, *, judge: bool) -> str:
    heads = ("cell", "unit", "who", "where", "wall us", "CPU us", "bytes", "ratio", "budget", "")
    lines: list[tuple[str, ...]] = []
    for cell in results.rows:
        if cell.who != "limit":
            lines.append(_line(results, cell, judge=judge))
        resumed = results.spread(cell, "resume_wall_us")
        if resumed is not None:
            spreads = (_spread(resumed), _spread(results.spread(cell, "resume_cpu_us")))
            place = WHERE[cell.place]
            lines.append(("  resumed", "run", cell.who, place, *spreads, "-", "-", "-", ""))
    return table(heads, lines)


def _line(results: Results, cell: Cell, *, judge: bool) -> tuple[str, ...]:
    stored = results.spread(cell, "bytes")
    size = f"{stored.middle / cell.n:,.0f}" if stored is not None and stored.middle else "-"
    judged = budgets.against_limit(results, cell.who, cell.workload, cell.n, cell.place)
    ratio, most, verdict = "-", "-", ""
    if judge and judged is not None and cell.who in ("flow", "workflow"):
        ratio = f"{judged.found:.2f} {judged.title}"
        most, verdict = f"<= {judged.most:g}", judged.verdict
    return (
        f"{cell.workload} {cell.n:,}",
        UNITS.get(cell.workload, "step"),
        cell.who,
        WHERE[cell.place],
        _spread(results.spread(cell, "wall_us")),
        _spread(results.spread(cell, "cpu_us")),
        size,
        ratio,
        most,
        verdict,
    )


def _judgements(title: str, judged: Iterable[Judged]) -> str:
    lines = [(j.title, j.who, f"{j.found:.2f}", f"<= {j.most:g}", j.verdict) for j in judged]
    return table((title, "who", "found", "budget", ""), lines)


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return f"{_figure(spread.middle)} [{_figure(spread.least)} - {_figure(spread.most)}]"


def _figure(value: float) -> str:
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
