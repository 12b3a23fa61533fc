# SPDX-License-Identifier: Apache-2.0
"""Which texts may name a run, a wait, a request or an owner."""

from __future__ import annotations

import re

from holdfast.errors import InvalidId

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
LONGEST_ID = 255


def check_run_id(run_id: object) -> str:
    """Return the id, or raise InvalidId."""
    if isinstance(run_id, str) and RUN_ID.fullmatch(run_id):
        return run_id
    raise InvalidId(
        "run id: expected 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -, beginning with a letter "
        f"or digit; found {_shown(run_id)}"
    )


def check_id(value: object, what: str) -> str:
    """Return an id that is not a run's (a wait's, a request's, an owner's), or raise InvalidId."""
    if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable():
        return value
    raise InvalidId(
        f"{what}: expected text of 1 to {LONGEST_ID} printable characters; found {_shown(value)}"
    )


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    return f"text of {len(value)} characters"
