# SPDX-License-Identifier: Apache-2.0
"""The `TypedDict` that validators understand.

Before Python 3.12 pydantic takes only the one of typing_extensions, which it brings along.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 12):
    from typing import TypedDict
else:
    try:
        from typing_extensions import TypedDict
    except ImportError:
        from typing import TypedDict

__all__ = ["TypedDict"]
