# SPDX-License-Identifier: Apache-2.0
"""Every journey, killed by SIGKILL before and after each of its store operations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "journey",
    [
        *(
            "chain",
            "pause",
            "deadline",
            "event",
            "again",
            "rounds",
            "nested",
            "loop",
            "blocks",
            "join",
            "parked",
            "intervened",
            "bound",
            "forked",
            "rewound",
            "graph",
        ),
        "tests.runtime.sub_journeys:subs",
        "tests.runtime.edge_journeys:edges",
        "tests.runtime.needing_journeys:needs",
        "tests.runtime.retry_journeys:retried",
        "tests.runtime.retry_journeys:retried_graph",
        "tests.runtime.sub_flow_journeys:order_lines",
        "tests.runtime.moved_journeys:moved",
        "tests.runtime.moved_journeys:moved_graph",
        "tests.runtime.step_journeys:steps",
        "tests.runtime.step_journeys:stepped_graph",
    ],
)
def test_a_run_killed_at_any_store_operation_ends_like_an_undisturbed_one(
    journey: str, tmp_path: Path
) -> None:
    """The end state is the same; nothing finished begins again; what was in flight repeats once."""
    place = journey if ":" in journey else f"tests.runtime.journeys:{journey}"
    found = _explore(place, tmp_path / "kills")
    assert found["failures"] == []
    # What ends at once shares a commit, so a run may have a call less than the one that counted.
    assert 2 * found["calls"] >= found["kills"] > 1.8 * found["calls"] > 0


def test_the_harness_sees_a_repeat_of_finished_work(tmp_path: Path) -> None:
    """A journey that begins finished work again makes the harness report it."""
    found = _explore("tests.runtime.journeys:forgetful", tmp_path / "kills")
    assert any("ended as" in text or "began again" in text for text in found["failures"])


def _explore(journey: str, folder: Path) -> dict[str, object]:
    """Run the harness in a process without threads, which it forks."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.testing.crash", journey, str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found
