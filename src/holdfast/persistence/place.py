# SPDX-License-Identifier: Apache-2.0
"""What a record says of the definition it follows, told from its parts.

It says so only where that is not what its run began with, and a version only if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from holdfast.errors import Damaged
from holdfast.persistence.parts import Part, joined

#: The part that holds these, and their names in it.
FACTS: Final = "facts"
VERSION: Final = "version"
STRUCTURE: Final = "structure"


def place_in(parts: Mapping[str, Part]) -> tuple[str | None, str | None]:
    """The version and the fingerprint of the structure that a record follows. Raises: Damaged."""
    try:
        facts: Any = msgspec.json.decode(joined(parts.get(FACTS, b"null")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged("a part of the record is not whole JSON") from error
    if not isinstance(facts, dict):
        return None, None
    return _text(facts.get(VERSION)), _text(facts.get(STRUCTURE))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
