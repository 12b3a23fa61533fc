# SPDX-License-Identifier: Apache-2.0
"""The example of agents does what it says."""

from __future__ import annotations

import pytest

from examples import agents


async def test_the_writer_asks_back_and_the_reviewer_hears_the_last_turn(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One question on the way, one text at the end."""
    assert await agents.main() == ["approved: A text for engineers. (3 messages)"]
    assert "Who will read about supersteps?" in capsys.readouterr().out
