# SPDX-License-Identifier: Apache-2.0
"""Separators that tell what passes: the handler of a note."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

_log = logging.getLogger("holdfast.triggerflow")


class Note:
    """Prints or logs its lines, and the value if asked to, each time one passes."""

    __slots__ = ("options",)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    async def __call__(self, data: Any) -> None:
        """Tell that a value passed."""
        lines = list(self.options.get("lines", ()))
        if self.options.get("show_value"):
            lines.append(f"value: {data.value!r}")
        text = "\n".join(lines) or "____"
        if self.options.get("print_info") or self.options.get("show_value"):
            print(text)  # noqa: T201 - what a separator is asked for
        if self.options.get("log_info"):
            _log.info(text)
