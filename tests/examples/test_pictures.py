# SPDX-License-Identifier: Apache-2.0
"""The example of pictures does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples import pictures


def test_one_picture_is_printed_and_one_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mermaid on the screen, DOT in the file that was named."""
    path = tmp_path / "orders.dot"
    pictures.main(str(path))

    shown = capsys.readouterr().out
    assert 'take -. "is_large" .-> review;' in shown
    assert f"written: {path}" in shown
    assert path.read_text(encoding="utf-8").startswith("digraph Workflow {")


async def test_the_workflow_that_is_drawn_runs() -> None:
    """Large orders go through the review and are merged."""
    assert (await pictures.orders().run({"price": 10})).get_outputs() == [{"price": 10}]
    assert (await pictures.orders().run({"price": 5000})).get_outputs() == [2]
