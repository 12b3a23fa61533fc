# SPDX-License-Identifier: Apache-2.0
"""Text and values from a store as a terminal may show them."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from holdfast.persistence.plain import plain

__all__ = ["as_json", "for_people", "in_line", "moment", "plain", "shown"]


def shown(text: str) -> str:
    """The text in one line, with everything that could steer a terminal shown as its escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def as_json(value: Any) -> str:
    """JSON over several lines; what could steer a terminal stands as JSON's own escape."""
    whole = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in whole)


def for_people(value: Any, indent: str = "") -> str:
    """A plain value to read: a text as it is, an object as a line for each field, else JSON."""
    if isinstance(value, str):
        return indent + shown(value)
    if isinstance(value, dict) and value:
        return "\n".join(f"{indent}{shown(k)}: {in_line(v)}" for k, v in value.items())
    return indent + in_line(value)


def in_line(value: Any) -> str:
    """A plain value in one line."""
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def moment(seconds: float | None) -> str | None:
    """A time of the store as ISO-8601 in UTC."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")
