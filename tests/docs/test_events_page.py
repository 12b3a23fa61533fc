# SPDX-License-Identifier: Apache-2.0
"""The page about events lists every kind there is, with its class."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.workflow import events

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"


def test_every_kind_of_event_stands_in_the_table() -> None:
    """Type and class of each, and nothing else."""
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)`", PAGE.read_text("utf-8"), re.MULTILINE)

    assert sorted(rows) == sorted((name, kind.__name__) for name, kind in events._KINDS.items())


def test_the_page_names_the_types_that_executors_may_not_send() -> None:
    """Those, in the sentence that says so."""
    text = " ".join(PAGE.read_text("utf-8").split())
    sentence = re.search(r"through\. (.*?) are the engine's", text)

    assert sentence is not None
    assert set(re.findall(r"`(\w+)`", sentence.group(1))) == events.RESERVED_TYPES
