# SPDX-License-Identifier: Apache-2.0
"""The statements of the SQLite store, read once from the `.sql` files beside this one.

A statement is either one named block, or a list: a SELECT block, condition blocks and an order
block, joined. Only these constants ever reach SQLite; every value is bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

_MARK = "-- name: "


def blocks(text: str) -> dict[str, str]:
    """The named blocks of a file, without comments."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(_MARK):
            lines = found.setdefault(line.removeprefix(_MARK).strip(), [])
        elif not line.startswith("--") and line.strip():
            lines.append(line.strip())
    return {name: " ".join(block).removesuffix(";") for name, block in found.items()}


@cache
def queries() -> Mapping[str, str]:
    """Every statement by name."""
    return blocks(_text("sqlite_queries.sql"))


@cache
def schema() -> tuple[str, ...]:
    """What creates an empty store, in order."""
    return tuple(blocks(_text("sqlite_schema.sql")).values())


@cache
def upgrades(found: int) -> tuple[str, ...]:
    """What turns a store of an earlier format into one of today's, in order."""
    steps = blocks(_text("sqlite_upgrades.sql")).items()
    return tuple(sql for name, sql in steps if int(name.partition(":")[0]) > found)


@cache
def listing(*names: str) -> str:
    """Blocks joined into one SELECT."""
    known = queries()
    return " ".join(known[name] for name in names)


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
