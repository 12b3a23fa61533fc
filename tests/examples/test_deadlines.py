# SPDX-License-Identifier: Apache-2.0
"""The example of a deadline does what it says, run as a reader would run it."""

from __future__ import annotations

from tests.examples.shown import shown_by


def test_the_default_stands_though_no_process_was_there() -> None:
    """Asked in one engine, decided by the deadline in another."""
    assert shown_by("deadlines") == [
        "asked: boss",
        "decided: {'approved': False, 'by': 'nobody'}",
    ]
