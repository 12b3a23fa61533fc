# SPDX-License-Identifier: Apache-2.0
"""Each test of the old names starts in a process that was told nothing yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast import settings
from holdfast.triggerflow.compat import deprecation


@pytest.fixture(autouse=True)
def _untold() -> Iterator[None]:
    deprecation.reset()
    settings.reset()
    yield
    deprecation.reset()
    settings.reset()
