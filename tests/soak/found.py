# SPDX-License-Identifier: Apache-2.0
"""What a layer of the soak found, and how the shares of several processes become one."""

from __future__ import annotations

from dataclasses import dataclass, field

#: What an empty table of facts stands for.
Facts = dict[str, float]


@dataclass
class Found:
    """How much was tried, what failed, and figures that the table shows beside it.

    A fact whose name ends with "longest" is the longest of all shares, "median" the middle of
    theirs; every other is their sum.
    """

    tried: int = 0
    failures: list[str] = field(default_factory=list)
    facts: Facts = field(default_factory=dict)

    def add(self, other: Found) -> None:
        """Take another share in."""
        self.tried += other.tried
        self.failures += other.failures
        for name, value in other.facts.items():
            here = self.facts.get(name)
            if here is None:
                self.facts[name] = value
            elif name.endswith("longest"):
                self.facts[name] = max(here, value)
            elif name.endswith("median"):
                self.facts[name] = (here + value) / 2
            else:
                self.facts[name] = here + value

    @property
    def seen(self) -> str:
        """The facts as a text."""
        return ", ".join(f"{_text(value)} {name}" for name, value in self.facts.items())


def _text(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.1f}"
