# SPDX-License-Identifier: Apache-2.0
"""Bring rows and answers together: what both forms of the report show, and in which order."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .records import Answer, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row with what became of it."""

    row: Row
    decision: str
    """One of ``records.DECISIONS``."""
    by: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The whole report, ready to be written in any form."""

    lines: tuple[Line, ...]
    kinds: Counter[str]
    decisions: Counter[str]

    @property
    def asked(self) -> int:
        """How many distributions needed an answer."""
        return len(self.lines) - self.decisions["clear"]

    def sections(self) -> list[tuple[str, tuple[Line, ...]]]:
        """Give the titled parts that are not empty: what needed an answer comes first."""
        titles = {
            "open": "Waiting for an answer",
            "rejected": "Rejected",
            "accepted": "Accepted",
            "clear": "Clear, nobody had to be asked",
        }
        parts = [
            (title, tuple(line for line in self.lines if line.decision == decision))
            for decision, title in titles.items()
        ]
        return [(title, lines) for title, lines in parts if lines]


def summarise(rows: Iterable[Row], answers: Mapping[str, Answer]) -> Summary:
    """Give the summary; rows are sorted here, since a fan-out ends in any order."""
    ordered = sorted(rows, key=lambda row: (row.name.lower(), row.version, row.location, row.key))
    lines = tuple(_line(row, answers.get(row.key)) for row in ordered)
    return Summary(
        lines=lines,
        kinds=Counter(line.row.kind for line in lines),
        decisions=Counter(line.decision for line in lines),
    )


def _line(row: Row, answer: Answer | None) -> Line:
    """Give the line of *row*; an answer to a question that nobody asked is not shown."""
    if row.question is None:
        return Line(row=row, decision="clear", by="the audit", note="")
    if answer is None:
        return Line(row=row, decision="open", by="nobody yet", note="")
    decision = "accepted" if answer.accept else "rejected"
    return Line(row=row, decision=decision, by=answer.by or "not named", note=answer.note)
