# SPDX-License-Identifier: Apache-2.0
"""A bound on how many elements of one set or dict may share a hash."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

#: More elements of one hash than this in one set or dict make it slow: a way to stop a program.
MOST_OF_ONE_HASH: Final = 64


def too_many_of_one_hash(keys: Iterable[Any], size: int) -> bool:
    """Whether a set or dict of these would compare nearly everything with everything."""
    if size <= MOST_OF_ONE_HASH:
        return False
    runs = groupby(sorted(map(hash, keys)))
    return any(sum(1 for _ in run) > MOST_OF_ONE_HASH for _, run in runs)
