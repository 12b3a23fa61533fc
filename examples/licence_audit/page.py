# SPDX-License-Identifier: Apache-2.0
"""Show the report as one HTML page: no scripts, no other files, nothing loaded from anywhere.

Whatever comes from a distribution passes through ``html.escape``; the page also tells the browser
to run and load nothing, so that a name full of markup would stay harmless even if it got through.
On a narrow screen each row of a table becomes a card.
"""

from collections import Counter
from html import escape
from pathlib import Path

from .records import DECISIONS, KINDS
from .summary import Line, Summary

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_COLUMNS = ("Name", "Version", "Licence", "Kind", "Evidence", "Decision", "By")


def page(summary: Summary) -> str:
    """Give the whole page."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    tables = "\n".join(_section(title, lines) for title, lines in summary.sections())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>Licence audit</title>
<style>
{style}</style>
</head>
<body>
<h1>Licence audit</h1>
<p class="lead">{len(summary.lines)} distributions, {summary.asked} questions</p>
<div class="totals">
{_totals("By kind of licence", summary.kinds, KINDS)}
{_totals("By decision", summary.decisions, DECISIONS)}
</div>
{tables}
</body>
</html>
"""


def _totals(title: str, counts: Counter[str], order: tuple[str, ...]) -> str:
    """Give a card with a bar and its legend; the words in *order* are also the style classes."""
    present = [word for word in order if counts[word]]
    bar = "".join(f'<i class="{word}" style="flex: {counts[word]}"></i>' for word in present)
    legend = "".join(f'<dt class="{word}">{word}</dt><dd>{counts[word]}</dd>' for word in present)
    return (
        f'<section class="card"><h2>{escape(title)}</h2>'
        f'<div class="bar" aria-hidden="true">{bar}</div><dl>{legend}</dl></section>'
    )


def _section(title: str, lines: tuple[Line, ...]) -> str:
    columns = "".join(f'<col class="{name.lower()}">' for name in _COLUMNS)
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    body = "\n".join(_row(line) for line in lines)
    return (
        f"<h2>{escape(title)} <small>{len(lines)}</small></h2>\n"
        f'<div class="card rows"><table><colgroup>{columns}</colgroup>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _row(line: Line) -> str:
    row = line.row
    note = f'<span class="note">{escape(line.note)}</span>' if line.note else ""
    cells = (
        escape(row.version),
        f"<span>{escape(row.licence or 'none found')}</span>",
        _pill(row.kind, KINDS),
        _evidence(line),
        f"<div>{_pill(line.decision, DECISIONS)}{note}</div>",
        f"<span>{escape(line.by)}</span>",
    )
    labelled = "".join(
        f'<td data-label="{label}">{cell}</td>'
        for label, cell in zip(_COLUMNS[1:], cells, strict=True)
    )
    return f'<tr><th scope="row">{escape(row.name)}</th>{labelled}</tr>'


def _pill(word: str, known: tuple[str, ...]) -> str:
    tone = word if word in known else "unknown"
    return f'<span><span class="pill {tone}">{escape(word)}</span></span>'


def _evidence(line: Line) -> str:
    """Give what the verdict rests on: the reasons at once if somebody was asked, else on demand."""
    row = line.row
    reasons = _list(row.reasons)
    details = _list((*row.evidence, f"installed in {row.location}"))
    if row.question is None:
        files = f"{row.confidence} confidence"
        return f"<details><summary>{escape(files)}</summary>{reasons}{details}</details>"
    return (
        f"<div>asked because: <strong>{escape(row.question)}</strong>{reasons}"
        f"<details><summary>what it carries</summary>{details}</details></div>"
    )


def _list(items: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else ""
