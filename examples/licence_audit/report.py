# SPDX-License-Identifier: Apache-2.0
"""Write the report: a Markdown file and a self-contained HTML page.

The same rows and answers give the same bytes, so reports can be compared; nothing in them depends
on the clock. Each file appears whole or not at all.
"""

import contextlib
import html
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from .page import page
from .records import DECISIONS, KINDS, Answer, Row
from .summary import Line, Summary, summarise

MARKDOWN = "licences.md"
HTML = "licences.html"
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$!])")


def write_report(
    folder: Path, rows: Iterable[Row], answers: Mapping[str, Answer]
) -> tuple[Path, Path]:
    """Write both files into *folder* (made if need be) and give their paths, Markdown first.

    answers: by the key of the row; a row with a question and no answer is shown as open.
    """
    summary = summarise(rows, answers)
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / MARKDOWN, folder / HTML
    write_whole(written[0], markdown(summary))
    write_whole(written[1], page(summary))
    return written


def markdown(summary: Summary) -> str:
    """Give the report as Markdown; names and texts from distributions are escaped."""
    parts = [
        "# Licence audit",
        f"{len(summary.lines)} distributions, {summary.asked} questions.",
        _totals("Kind", summary.kinds, KINDS),
        _totals("Decision", summary.decisions, DECISIONS),
    ]
    for title, lines in summary.sections():
        parts += [f"## {title} ({len(lines)})", _table(lines)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Give *text* so that it stays one table cell and is shown as it is."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return _SPECIAL.sub(r"\\\1", plain)


def write_whole(path: Path, text: str) -> None:
    """Write *text* to *path* through a file beside it: a reader never meets half a report.

    What UTF-8 cannot hold (parts of undecodable file names) is written as its escape.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as stream:
            stream.write(text.encode("utf-8", errors="backslashreplace"))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _totals(title: str, counts: Counter[str], order: tuple[str, ...]) -> str:
    lines = [f"| {title} | Distributions |", "|---|---:|"]
    return "\n".join(lines + [f"| {word} | {counts[word]} |" for word in order if counts[word]])


def _table(lines: tuple[Line, ...]) -> str:
    head = "| Name | Version | Licence | Kind | Evidence | Decision | By |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *(_row(line) for line in lines)])


def _row(line: Line) -> str:
    row = line.row
    facts = [*([f"asked: {row.question}"] if row.question else []), *row.reasons, *row.evidence]
    decision = escaped(line.decision) + (f": {escaped(line.note)}" if line.note else "")
    cells = (
        escaped(row.name),
        escaped(row.version),
        escaped(row.licence or "none found"),
        escaped(row.kind),
        "<br>".join(escaped(fact) for fact in facts),
        decision,
        escaped(line.by),
    )
    return f"| {' | '.join(cells)} |"
