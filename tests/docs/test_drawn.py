# SPDX-License-Identifier: Apache-2.0
"""The picture on the page about pictures is the one that its program draws."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "pictures.md"


def test_the_drawn_picture_is_the_asserted_one() -> None:
    """The program of the page compares the text with what is drawn; this compares the two."""
    page = PAGE.read_text(encoding="utf-8")
    (drawn,) = re.findall(r"```mermaid\n(.*?)```", page, flags=re.DOTALL)
    asserted, *_ = re.findall(r'expected = """\\\n(.*?)"""', page, flags=re.DOTALL)

    assert drawn == asserted
