# SPDX-License-Identifier: Apache-2.0
"""Options that several operators take."""

from __future__ import annotations

from typing import Any

from holdfast.errors import DefinitionError


def cap_option(what: str, concurrency: Any) -> dict[str, int]:
    """How many lanes at once, as node options; none for None and what is not positive."""
    if concurrency is not None and (
        isinstance(concurrency, bool) or not isinstance(concurrency, int)
    ):
        raise TypeError(f"{what}(concurrency=...) takes an int; found {type(concurrency).__name__}")
    return {"concurrency": concurrency} if concurrency and concurrency > 0 else {}


def checked_mode(what: str, mode: Any, known: tuple[str, ...]) -> str:
    """One of the modes there are. Raises: DefinitionError."""
    if not isinstance(mode, str) or mode not in known:
        raise DefinitionError(
            f"{what}(mode=...): expected one of {', '.join(known)}; found {mode!r}"
        )
    return mode
