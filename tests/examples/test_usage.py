# SPDX-License-Identifier: Apache-2.0
"""The examples that are run in steps say how, when they are started without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("words", [(), ("answer", "run.json")])
@pytest.mark.parametrize("name", ["triggerflow_approval", "resources", "blueprints"])
def test_an_example_without_its_words_says_how_it_is_run(
    name: str, words: tuple[str, ...], tmp_path: Path
):
    """No words, one too few, or a step that it has not: nothing is done."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )

    assert ended.returncode == 1
    assert f"python examples/{name}.py" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())
