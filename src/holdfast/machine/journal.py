# SPDX-License-Identifier: Apache-2.0
"""What changed in a record since its last commit, as named parts.

The machines say what they changed at the moment they change it; nothing is searched for. A part
that is born and dropped between two commits leaves no trace. `parts` is the record as committed,
in bytes; a full body is those bytes joined, so an anchor encodes nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from holdfast.persistence.parts import Part, as_list, body_pieces, encode_delta, joined

#: An anchor is written when the deltas since the last one outweigh it, but not below this.
ANCHOR_FLOOR_BYTES = 64 * 1024


class Encoder(Protocol):
    """What the machines need of a codec."""

    def encode(self, value: Any, place: str = "value") -> bytes:
        """One value as JSON. Raises: ValueRefused."""

    def decode(self, data: bytes, place: str = "value") -> Any:
        """The value again."""


class Journal:
    """Collects changed parts, and turns them into a delta when asked.

    A changed part is bytes, or a function that makes its bytes at the commit (for what changes
    often between commits), or None for a dropped one. `added` holds items for growing parts.
    """

    __slots__ = ("added", "changed", "codec", "parts", "size", "weight")

    def __init__(self, codec: Encoder) -> None:
        self.codec = codec
        self.parts: dict[str, Part] = {}
        self.changed: dict[str, bytes | Callable[[], bytes] | None] = {}
        self.added: dict[str, list[bytes]] = {}
        self.size = 0
        self.weight = 0

    def put(self, name: str, data: bytes | Callable[[], bytes]) -> None:
        """The part has a new value."""
        self.changed[name] = data
        if name in self.added:
            del self.added[name]

    def add(self, name: str, item: bytes) -> None:
        """The part, a list, has one more item."""
        waiting = self.changed.get(name)
        if isinstance(waiting, bytes):
            self.changed[name] = waiting[:-1] + (b"," if waiting != b"[]" else b"") + item + b"]"
        else:
            self.added.setdefault(name, []).append(item)

    def drop(self, name: str) -> None:
        """The part is no more."""
        self.added.pop(name, None)
        if name in self.parts:
            self.changed[name] = None
        else:
            self.changed.pop(name, None)

    def take(self) -> bytes:
        """The delta since the last call; `parts` is then the record after it."""
        parts = self.parts
        put: dict[str, bytes] = {}
        drop: list[str] = []
        size = self.size
        for name, change in self.changed.items():
            before = parts.get(name)
            if before is not None:
                size -= _weigh(before)
            if change is None:
                drop.append(name)
                del parts[name]
                continue
            data = change if isinstance(change, bytes) else change()
            put[name] = data
            parts[name] = data
            size += len(data)
        for name, items in self.added.items():
            listed = as_list(parts.get(name, b"[]"))
            listed.extend(items)
            parts[name] = listed
            size += sum(map(len, items))
        delta = encode_delta(put, self.added, drop)
        self.size = size
        self.weight += len(delta)
        self.changed = {}
        if self.added:
            self.added = {}
        return delta

    def current(self, name: str) -> bytes:
        """A state part as it stands now, committed or not, as one JSON value."""
        data = self.changed.get(name)
        if isinstance(data, bytes):
            return data
        part = self.parts.get(name, b"null")
        items = self.added.get(name)
        return joined(part if items is None else [*as_list(part), *items])

    @property
    def is_clean(self) -> bool:
        """Whether nothing changed since the last commit."""
        return not self.changed and not self.added

    def wants_anchor(self) -> bool:
        """Whether the deltas since the last anchor outweigh the anchor that would be written."""
        return self.weight > ANCHOR_FLOOR_BYTES and self.weight > self.size

    def anchor(self) -> list[bytes]:
        """The pieces of the full body as committed; the weight of deltas starts over."""
        self.weight = 0
        return list(body_pieces(self.parts))

    def restart(self, parts: dict[str, Part]) -> None:
        """Begin from a record that was read."""
        self.parts = parts
        self.changed = {}
        self.added = {}
        self.size = sum(map(_weigh, parts.values()))
        self.weight = 0


def _weigh(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else sum(map(len, part))


def names_with(parts: Iterable[str], prefix: str) -> list[str]:
    """The part names that begin with the prefix."""
    return [name for name in parts if name.startswith(prefix)]
