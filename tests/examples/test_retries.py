# SPDX-License-Identifier: Apache-2.0
"""The example of retries does what it says, run as a reader would run it."""

from __future__ import annotations

from tests.examples.shown import shown_by


def test_calls_are_counted_over_two_engines() -> None:
    """Two failures in the first one, the answer in the second."""
    assert shown_by("retries") == [
        "call 1: down",
        "call 2: slow",
        "due: True",
        "call 3: 42",
        "answer: 42",
    ]
