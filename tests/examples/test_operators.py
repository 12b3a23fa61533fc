# SPDX-License-Identifier: Apache-2.0
"""The examples of operators do what they say, run as modules as a reader would run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from examples.operators import (
    batch,
    collect,
    for_each,
    if_else,
    match,
    side_branch,
    sub_flow,
    when_joins,
)

ROOT = Path(__file__).parents[2]

OUTCOMES = [
    (batch, {"offers": {"north": 30, "south": 24, "dock": 30}, "from": "south"}),
    (
        match,
        {
            "routes": ["ship", "lorry", "bicycle"],
            "sent": [["customs", "two people"], ["two people"], []],
        },
    ),
    (if_else, ["paid 20", "paid 500 by the boss", "refused -1"]),
    (collect, {"reports": {"weather": "fair on monday", "tide": "high on monday", "crew": 2}}),
    (
        when_joins,
        {
            "log": ["event Packed", "runtime_data address", "event Paid"],
            "address": "12 Quay Street",
            "shipped": "box 7 to 12 Quay Street",
        },
    ),
    (for_each, {"book": [["IT RAINED", "IT STOPPED"], ["THE END"]]}),
    (sub_flow, {"book": ["nobody", "bob"]}),
    (side_branch, {"audit": [100.0, 120.0], "invoice": 120.0}),
]


@pytest.mark.parametrize(
    ("example", "expected"), OUTCOMES, ids=lambda one: getattr(one, "__name__", "")
)
async def test_an_example_of_an_operator_gives_what_it_promises(
    example: Any, expected: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """And prints it, in its last line."""
    found = await example.main()

    assert found == expected
    assert capsys.readouterr().out.splitlines()[-1] == str(found)


def test_every_example_of_an_operator_is_tested() -> None:
    """One for each operator."""
    files = {path.stem for path in (ROOT / "examples" / "operators").glob("*.py")} - {"__init__"}

    assert files == {module.__name__.rpartition(".")[2] for module, _ in OUTCOMES}


def test_an_example_runs_as_a_module() -> None:
    """As its docstring says."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.operators.side_branch"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.startswith("with tax\nvalue: 120.0\n")
