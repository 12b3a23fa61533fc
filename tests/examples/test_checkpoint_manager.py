# SPDX-License-Identifier: Apache-2.0
"""The example of a run held by a handle does what it says."""

from __future__ import annotations

import pytest

from examples import checkpoint_manager


async def test_a_run_goes_back_and_goes_on_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what its text says."""
    assert await checkpoint_manager.main() == ["third read the last word: three"]
    assert capsys.readouterr().out.splitlines() == [
        "third read the last word: three",
        "3 supersteps, 4 checkpoints with the entry",
        "put back after the second superstep",
        "third read the last word: three",
        "taken up by an object built anew",
        "third read the last word: three",
        "3 checkpoints follow that one: nothing was deleted",
    ]
