# SPDX-License-Identifier: Apache-2.0
"""The chunks that a chain has passed, so that it does not come back to them unawares."""

from __future__ import annotations

from collections.abc import Iterable

#: How the marks beside the ids of chunks begin; an id of a chunk never does.
_FOLLOWED, _BESIDE = "\0f", "\0b"


class Trail:
    """The chunks on a chain, those beside it, and behind which of them something stands.

    Immutable; the trails of one chain share one list, so a step costs its own length.
    """

    __slots__ = ("_entries", "_index", "_length")

    def __init__(self) -> None:
        self._entries: list[str] = []
        self._index: dict[str, int] = {}
        self._length = 0

    def __contains__(self, chunk_id: str) -> bool:
        """Whether the chunk stands on the chain."""
        return self._index.get(chunk_id, self._length) < self._length

    def knows(self, chunk_id: str) -> bool:
        """Whether the chunk stands on the chain or beside it."""
        return chunk_id in self or _BESIDE + chunk_id in self

    def is_followed(self, chunk_id: str) -> bool:
        """Whether something stands behind the chunk."""
        return _FOLLOWED + chunk_id in self

    def then(self, chunk_ids: Iterable[str]) -> Trail:
        """This trail and the chunks behind it."""
        return self._with(chunk_ids)

    def followed(self, chunk_ids: Iterable[str]) -> Trail:
        """This trail, with something behind these chunks."""
        return self._with(_FOLLOWED + chunk_id for chunk_id in chunk_ids)

    def beside(self, chunk_ids: Iterable[str]) -> Trail:
        """This trail, with these chunks beside it."""
        return self._with(_BESIDE + chunk_id for chunk_id in chunk_ids)

    def joined(self, other: Trail) -> Trail:
        """This trail and all of another one."""
        return self._with(other._entries[: other._length])

    def _with(self, entries: Iterable[str]) -> Trail:
        longer = Trail()
        if self._length == len(self._entries):
            longer._entries, longer._index = self._entries, self._index
        else:
            longer._entries = self._entries[: self._length]
            longer._index = {entry: at for at, entry in enumerate(longer._entries)}
        for entry in entries:
            if entry not in longer._index:
                longer._index[entry] = len(longer._entries)
                longer._entries.append(entry)
        longer._length = len(longer._entries)
        return longer
