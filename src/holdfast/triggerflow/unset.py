# SPDX-License-Identifier: Apache-2.0
"""The value of an argument that nobody gave, where None means something."""

from __future__ import annotations

from typing import Any


class _Unset:
    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()
