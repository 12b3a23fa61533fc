# SPDX-License-Identifier: Apache-2.0
"""The pages of the documentation: where their links lead, and the programs they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

PAGES = ("*.md", "docs/**/*.md", "examples/**/*.md")

#: On the line before a Python block that cannot run: `<!-- not run: reason -->`.
NOT_RUN = re.compile(r"<!-- not run: \S.*-->")
FENCE = re.compile(r"^(```+)(\w*)[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)
OUTSIDE = re.compile(r"[a-z][a-z+.-]*:", re.IGNORECASE)

#: Wraps a page's program, so that it may await at its top level as the blocks do.
RUNNER = """
import ast, asyncio, inspect, sys
page, text = sys.argv[1], sys.stdin.read()
names = {"__name__": "__main__"}
waiting = eval(compile(text, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
if inspect.iscoroutine(waiting):
    asyncio.run(waiting)
"""


def pages_of(root: Path) -> list[Path]:
    """Every page below *root*."""
    return sorted({path for pattern in PAGES for path in root.glob(pattern)})


def program_of(page: Path) -> str:
    """The page's Python blocks as one program; every line keeps its number in the page."""
    text = page.read_text("utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in FENCE.finditer(text):
        before = text[: block.start()].rstrip().rpartition("\n")[2]
        if block[2] in {"python", "py"} and not NOT_RUN.fullmatch(before.strip()):
            first = text.count("\n", 0, block.start(3))
            code = block[3].splitlines()
            lines[first : first + len(code)] = code
    return "\n".join(lines).rstrip()


def broken_links(root: Path) -> list[str]:
    """Links between pages that lead to no file or no heading."""
    return [
        f"{page.relative_to(root).as_posix()}: {target}"
        for page in pages_of(root)
        for target in _targets(page)
        if not _leads_somewhere(page, target)
    ]


def _targets(page: Path) -> Iterator[str]:
    prose = CODE.sub("", FENCE.sub("", page.read_text("utf-8")))
    return (link[1] for link in LINK.finditer(prose) if not OUTSIDE.match(link[1]))


def _leads_somewhere(page: Path, target: str) -> bool:
    place, _, heading = target.partition("#")
    found = page.parent / place if place else page
    if not found.exists():
        return False
    return not heading or heading in _headings(found)


def _headings(page: Path) -> set[str]:
    """The anchors of a page's headings: lower case, words joined by hyphens, no punctuation."""
    text = FENCE.sub("", page.read_text("utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading[1]).strip().lower().replace(" ", "-")
        for heading in HEADING.finditer(text)
    }
