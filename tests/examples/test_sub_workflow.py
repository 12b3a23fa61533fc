# SPDX-License-Identifier: Apache-2.0
"""The example of a workflow in a workflow does what it says."""

from __future__ import annotations

import pytest

from examples import sub_workflow


async def test_the_desk_decides_small_sums_and_a_person_large_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One order is plainly fine, one is for the desk, one for a person."""
    assert await sub_workflow.main() == [["pen: fine"], ["chair: approved"], ["car: refused"]]
    assert "somebody is asked 'person-car'" in capsys.readouterr().out
