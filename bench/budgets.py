# SPDX-License-Identifier: Apache-2.0
"""What a step may cost, as ratios: to a limit of the machine, to the same work at another size,
to the data it keeps, and to the best of the other libraries.

Ratios of figures taken in the same rounds hold on any machine; microseconds do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.harness import ITEM_BYTES
from bench.rounds import Results

ITEM_COUNTS = (100, 400, 1600)


@dataclass(frozen=True, slots=True)
class LimitBudget:
    """At most so many times a limit of the machine. key: the figure compared."""

    limit: str
    key: str
    most: float


#: (workload, place) -> its budget.
AGAINST_LIMITS = {
    ("W1", "none"): LimitBudget("task", "cpu_us", 2.5),
    ("W2", "none"): LimitBudget("task", "cpu_us", 2.5),
    ("W3", "none"): LimitBudget("child", "cpu_us", 7.0),
    ("W4L", "fsync"): LimitBudget("commit FULL", "wall_us", 2.0),
    ("W4L", "relaxed"): LimitBudget("commit NORMAL", "wall_us", 2.5),
    ("W8", "fsync"): LimitBudget("commit FULL", "wall_us", 4.0),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A budget, what was measured, and what is allowed. peer: whom it compares with, if any."""

    title: str
    who: str
    found: float
    most: float

    @property
    def verdict(self) -> str:
        """within or over."""
        return "within" if self.found <= self.most else "over"


def against_limit(results: Results, who: str, workload: str, n: int, place: str) -> Judged | None:
    """How a cell stands to the limit that its budget names; None if it has no such budget."""
    budget = AGAINST_LIMITS.get((workload, place))
    if budget is None:
        return None
    mine = results.middle(who, workload, budget.key, n=n, place=place)
    limit = results.middle("limit", budget.limit, budget.key)
    if mine is None or not limit:
        return None
    return Judged(f"x {budget.limit}", who, mine / limit, budget.most)


#: (title, workload, place, larger n, smaller n, figure, at most)
_GROWTH = [
    ("W1: a step at 1,000 nodes to one at 100", "W1", "none", 1000, 100, 1.1),
    ("W3: a task at K=1,000 to one at K=100", "W3", "none", 1000, 100, 1.2),
    ("W5, fsync: a step at n=1,600 to one at 100", "W5", "fsync", 1600, 100, 1.2),
    ("W5, relaxed: a step at n=1,600 to one at 100", "W5", "relaxed", 1600, 100, 1.2),
    ("W5, memory store: a step at n=1,600 to one at 100", "W5", "memory", 1600, 100, 1.2),
]


def growth(results: Results, who: str) -> list[Judged]:
    """Budgets that compare a front with itself: cost at two sizes, bytes to data."""
    found: list[Judged] = []
    for title, workload, place, large, small, most in _GROWTH:
        above = results.middle(who, workload, "cpu_us", n=large, place=place)
        below = results.middle(who, workload, "cpu_us", n=small, place=place)
        if above is not None and below:
            found.append(Judged(title, who, above / below, most))
    for n in ITEM_COUNTS:
        stored = results.middle(who, "W5", "bytes", n=n, place="fsync")
        if stored is not None:
            title = f"W5, n={n:,}: bytes stored to bytes of data"
            found.append(Judged(title, who, stored / (n * ITEM_BYTES), 2.6))
    memory = results.middle(who, "W7", "kb_per_run")
    if memory is not None:
        found.append(Judged("W7: KB of memory for a run", who, memory, 6.0))
    size = results.middle(who, "W8", "bytes_per_run", place="fsync")
    if size is not None:
        found.append(Judged("W8: bytes for a paused run with 1 KB of data", who, size, 3072))
    return found


#: (workload, n, place, figure, the peers of which the best counts, at most)
_PEERS = [
    ("W1", 100, "none", "cpu_us", ("burr",), 0.45),
    ("W1", 1000, "none", "cpu_us", ("burr",), 0.45),
    ("W2", 1000, "none", "cpu_us", ("burr",), 0.45),
    ("W3", 100, "none", "cpu_us", ("burr", "agent-framework"), 0.25),
    ("W3", 1000, "none", "cpu_us", ("burr", "agent-framework"), 0.25),
    ("W4L", 100, "fsync", "wall_us", ("langgraph",), 0.4),
    ("W4L", 100, "fsync", "wall_us", ("burr",), 0.5),
    ("W4L", 100, "fsync", "cpu_us", ("burr",), 0.45),
    ("W4L", 100, "relaxed", "cpu_us", ("agent-framework",), 0.25),
    ("W5", 1600, "fsync", "cpu_us", ("langgraph",), 0.07),
    ("W5", 1600, "relaxed", "cpu_us", ("agent-framework",), 0.05),
    ("W7", 1000, "none", "cpu_us", ("burr",), 0.45),
    ("W7", 1000, "none", "kb_per_run", ("burr",), 0.55),
]


def against_peers(results: Results, who: str) -> list[Judged]:
    """Budgets that compare with the best of other libraries measured in the same rounds."""
    found: list[Judged] = []
    for workload, n, place, key, peers, most in _PEERS:
        mine = results.middle(who, workload, key, n=n, place=place)
        theirs = [results.middle(peer, workload, key, n=n) for peer in peers]
        known = [value for value in theirs if value]
        if mine is not None and known:
            figure = key.removesuffix("_us").replace("_", " ")
            where = "" if place == "none" else f" {place}"
            title = f"{workload} {n:,}{where}, {figure}: to {' or '.join(peers)}"
            found.append(Judged(title, who, mine / min(known), most))
    return found
