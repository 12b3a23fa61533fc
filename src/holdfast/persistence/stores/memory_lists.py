# SPDX-License-Identifier: Apache-2.0
"""Pages of the lists that `MemoryStore` holds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from holdfast.persistence.rows import Page
from holdfast.persistence.stores import rules

C = TypeVar("C")
T = TypeVar("T")


def cells_after(
    cells: Sequence[C], number: Callable[[C], int], cursor: str | None, newest_first: bool
) -> Iterator[C]:
    """The cells after the cursor, in the order asked for; *cells* are in the order of numbers."""
    after = rules.cursor_number(cursor)
    if newest_first:
        stop = len(cells) if after is None else bisect_left(cells, after, key=number)
        return (cells[place] for place in range(stop - 1, -1, -1))
    start = 0 if after is None else bisect_right(cells, after, key=number)
    return (cells[place] for place in range(start, len(cells)))


def page(
    cells: Iterator[C],
    number: Callable[[C], int],
    row: Callable[[C], T],
    fits: Callable[[T], bool],
    limit: int,
) -> Page[T]:
    """The first *limit* rows that fit, and where the next page begins."""
    rules.check_limit(limit)
    items: list[T] = []
    last = 0
    for cell in cells:
        shown = row(cell)
        if not fits(shown):
            continue
        if len(items) == limit:
            return Page(items=tuple(items), next=str(last))
        items.append(shown)
        last = number(cell)
    return Page(items=tuple(items))
