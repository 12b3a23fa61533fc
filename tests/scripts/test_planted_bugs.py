# SPDX-License-Identifier: Apache-2.0
"""The bugs that can be planted fit the source as it is; planting them all takes minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import planted_bugs
from tests.planted.bugs import BUGS, Bug

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_place_of_a_bug_stands_once_and_its_tests_exist(bug: Bug) -> None:
    """A bug that the source has moved away from would be planted nowhere."""
    assert (ROOT / bug.file).read_text(encoding="utf-8").count(bug.find) == 1
    assert bug.find != bug.replace
    named = [test for test in bug.tests if test.startswith("tests/")]
    assert named
    assert all((ROOT / test).exists() for test in named)


def test_a_planted_bug_is_caught_and_a_harmless_edit_is_not() -> None:
    """The command tells the two apart."""
    (bug,) = [each for each in BUGS if each.name == "second question of one id"]
    harmless = bug._replace(replace=bug.find, tests=("tests/machine/test_waits.py",))
    assert planted_bugs.is_caught(bug._replace(tests=("tests/machine/test_waits.py",)))
    assert not planted_bugs.is_caught(harmless)


def test_a_bug_without_a_place_is_told(tmp_path: Path) -> None:
    """Not counted as caught."""
    with pytest.raises(LookupError, match="stands 0 times"):
        planted_bugs.planted(BUGS[0]._replace(find="nowhere in the file"), tmp_path)
