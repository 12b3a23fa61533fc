# SPDX-License-Identifier: Apache-2.0
"""The example of a changed flow does what it says, run as a reader would run it."""

from __future__ import annotations

from tests.examples.shown import shown_by


def test_a_changed_flow_is_checked_migrated_and_gone_on_with() -> None:
    """The careless change is told with the name that is gone; the careful one goes on."""
    assert shown_by("changing") == [
        "R-7: cannot review",
        "R-7: migrates",
        "paid: 1200",
    ]
