# SPDX-License-Identifier: Apache-2.0
"""The example of going back does what it says, run as a reader would run it."""

from __future__ import annotations

from tests.examples.shown import shown_by


def test_a_wrong_approval_is_looked_at_tried_otherwise_and_taken_back() -> None:
    """The fork changes nothing of its run; the rewound run ends another way."""
    assert shown_by("going_back") == [
        "paid: 240",
        "~ status: waiting -> completed",
        "+ paid: 240",
        "- question approve: answered",
        "without the fee: 250",
        "paid in the end: 0",
        "3 asked -",
        "4 answered ann",
        "8 rewound -",
        "8 asked -",
        "8 answered bob",
    ]
