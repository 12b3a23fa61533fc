# SPDX-License-Identifier: Apache-2.0
"""What the documentation shows runs, and its links lead somewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import pages
from tests.house.planting import shown

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [page for page in pages.pages_of(ROOT) if pages.program_of(page)]

BLOCKS = """# A page

```python
async def double(number):
    return 2 * number
```

```text
not a program
```

<!-- not run: it would never end -->

```python
while True: pass
```

```python
assert await double(2) == EXPECTED
print("ran")
```
"""


def run(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a page's program in an empty folder."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", pages.RUNNER, str(page)],
        input=pages.program_of(page),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """The Python blocks of a page, in order, are one program that ends without an error."""
    ended = run(page, tmp_path)

    assert ended.returncode == 0, ended.stderr


def test_links_between_pages_lead_somewhere() -> None:
    """A relative link names a file that exists and, if it says so, a heading in it."""
    assert shown(pages.broken_links(ROOT)) == ""


def test_a_page_runs_as_one_program(tmp_path: Path) -> None:
    """Later blocks see earlier ones, may await, and other blocks are left out."""
    page = tmp_path / "page.md"
    page.write_text(BLOCKS.replace("EXPECTED", "4"))

    assert run(page, tmp_path).stdout == "ran\n"


def test_an_example_that_fails_is_found_at_its_line(tmp_path: Path) -> None:
    """The traceback names the page and the line of the block that failed."""
    page = tmp_path / "page.md"
    page.write_text(BLOCKS.replace("EXPECTED", "5"))
    ended = run(page, tmp_path)

    assert ended.returncode != 0
    assert f'"{page}", line 19' in ended.stderr


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A missing file and a missing heading are found; code and other sites are not looked at."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "words.md").write_text("# The words, all\n\n[up](../README.md)\n")
    (tmp_path / "README.md").write_text(
        "[a](docs/words.md) [b](docs/words.md#the-words-all) [c](https://example.org/x)\n"
        "`[d](no)`\n\n```text\n[e](no)\n```\n\n[f](docs/gone.md) [g](docs/words.md#gone)\n"
    )

    assert pages.broken_links(tmp_path) == [
        "README.md: docs/gone.md",
        "README.md: docs/words.md#gone",
    ]
