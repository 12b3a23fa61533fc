# SPDX-License-Identifier: Apache-2.0
"""What the pages name exists: tests that hold a promise, and every error with its code."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast import errors

ROOT = Path(__file__).resolve().parents[2]


def test_every_promise_names_a_test_that_exists() -> None:
    """The guarantees page names tests; each is defined somewhere."""
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "guarantees.md").read_text("utf-8")))
    sources = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "src/holdfast/testing").rglob("*.py")]
    defined = {
        name
        for path in sources
        for name in re.findall(r"def (test_\w+)\(", path.read_text("utf-8"))
    }
    assert len(named) > 15
    assert named - defined == set()


def test_every_error_stands_on_the_errors_page_with_its_code() -> None:
    """The page lists each class of the errors module, its code, and what it also is."""
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    classes = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.HoldfastError)
        and kind is not errors.HoldfastError
    ]
    missing = [k.__name__ for k in classes if f"| `{k.__name__}` | `{k.code}` |" not in page]
    assert len(classes) > 40
    assert missing == []


def test_every_code_is_unique() -> None:
    """A program that matches on a code means one kind of error."""
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    codes = [k.code for k in kinds if issubclass(k, errors.HoldfastError)]
    assert len(codes) == len(set(codes))
