# SPDX-License-Identifier: Apache-2.0
"""The example of durable steps does what it says, run as a reader would run it."""

from __future__ import annotations

from tests.examples.shown import shown_by


def test_a_killed_process_has_charged_once() -> None:
    """The second process ships; what the first one had charged it does not charge again."""
    assert shown_by("steps") == [
        "the first process ended with -9",
        "the second one ended with ['receipt for T-1', 'T-1 is on its way']",
        "charged: 1",
    ]
