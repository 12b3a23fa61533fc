# SPDX-License-Identifier: Apache-2.0
"""A bounded share of every layer of the soak that works with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.amounts import SOAK
from tests.soak.layers import LAYERS
from tests.soak.shares import share_out


@pytest.mark.skipif(SOAK, reason="the soak does all of it, not a share")
@pytest.mark.parametrize("name", [layer.name for layer in LAYERS.values() if layer.in_tests])
def test_a_share_of_the_soak_finds_nothing(name: str, tmp_path: Path) -> None:
    """What `make soak` tries in full holds in a few: the same seed each time."""
    layer = LAYERS[name]
    found = share_out(name, layer.amount, 1, tmp_path / name, shares=1)
    assert found.failures == []
    assert found.tried >= layer.amount


def test_a_share_that_cannot_be_done_is_a_failure(tmp_path: Path) -> None:
    """A process that ends without saying what it found is no success."""
    found = share_out("no such layer", 1, 1, tmp_path / "none", shares=1)
    assert found.tried == 0
    assert "KeyError: 'no such layer'" in found.failures[0]
