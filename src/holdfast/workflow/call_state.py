# SPDX-License-Identifier: Apache-2.0
"""State as one handler call sees it: what was there, what its executor staged, what it writes.

Nothing is in the record until the handler ends. Several key spaces share one store: the shared one
of plain keys, named ones, and a private one for each executor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from holdfast.machine import staging, state
from holdfast.machine.effects import Written
from holdfast.machine.journal import Journal
from holdfast.machine.run import MISSING, Frame, Grown
from holdfast.persistence.codec import Codec, is_scalar


class CallState:
    """The state of one call; keys are those of the record, with the prefix of their space.

    may_change: called before each write, and raises where none may be.
    """

    __slots__ = ("_codec", "_frame", "_grown", "_journal", "_may_change", "_node", "_set")

    def __init__(
        self,
        frame: Frame,
        node: str,
        codec: Codec,
        journal: Journal | None,
        may_change: Callable[[str], None],
    ) -> None:
        # Many parameters because: it is where a call meets the record, made in one place.
        self._frame = frame
        self._node = node
        self._codec = codec
        self._journal = journal
        self._set: dict[str, Written] = {}
        self._grown: dict[str, Grown] = {}
        self._may_change = may_change

    def writes(self) -> tuple[Written, ...]:
        """What the call wrote, in an order in which it can be applied."""
        grown = (Written(key, more, None) for key, more in self._grown.items())
        return (*self._set.values(), *grown)

    def read(self, key: str) -> Any:
        """The value itself, or MISSING; whoever hands it to user code copies it."""
        mine = self._set.get(key)
        base = staging.read(self._frame, self._node, key) if mine is None else mine.value
        more = self._grown.get(key)
        return base if more is None else staging.grown(base, more.items)

    def get_shared(self, key: str, default: Any) -> Any:
        """The value of a key of the shared space; other spaces are not read by their prefix."""
        return default if key.startswith(state.RESERVED) else self.get(key, default)

    def get(self, key: str, default: Any) -> Any:
        """The value as a copy, or the default."""
        value = self.read(key)
        if value is MISSING:
            return default
        return value if is_scalar(value) else self._codec.copy(value)

    def set(self, key: str, value: Any) -> None:
        """Write a copy of the value. Raises: ValueRefused in a kept run."""
        own, data = self._kept(value, key)
        self._grown.pop(key, None)
        self._set[key] = Written(key, own, data)

    def append(self, key: str, item: Any) -> None:
        """Let the list under the key grow. Raises: TypeError if something else is there."""
        own, data = self._kept(item, f"{key}[]")
        grown = self._grown.get(key)
        if grown is None:
            found = self.read(key)
            if found is not MISSING and not isinstance(found, list):
                kind = type(found).__name__
                raise TypeError(f"{state.shown(key)} holds a {kind}, not a list")
            grown = self._grown[key] = Grown([], [])
        grown.items.append(own)
        grown.data.append(data)

    def delete(self, key: str) -> None:
        """Take the key out. Raises: KeyError if it is not there."""
        if self.read(key) is MISSING:
            raise KeyError(key)
        self._remove(key)

    def discard(self, key: str) -> None:
        """Take the key out, if it is there."""
        if self.read(key) is not MISSING:
            self._remove(key)

    def keys(self, space: str) -> list[str]:
        """The keys of a space, without its prefix."""
        return [key[len(space) :] for key in self._seen(space)]

    def clear(self, space: str) -> None:
        """Take every key of a space out."""
        for key in self._seen(space):
            self._remove(key)

    def export(self, space: str) -> dict[str, Any]:
        """A copy of a space."""
        seen = {key[len(space) :]: self.read(key) for key in self._seen(space)}
        copied: dict[str, Any] = self._codec.copy(seen)
        return copied

    def _seen(self, space: str) -> list[str]:
        staged = staging.owned(self._frame, self._node) or {}
        known: Iterable[str] = {**self._frame.state, **staged, **self._set, **self._grown}
        inside = (key for key in known if _is_of(space, key))
        return [key for key in inside if self.read(key) is not MISSING]

    def _remove(self, key: str) -> None:
        self._may_change("write state")
        self._grown.pop(key, None)
        self._set[key] = Written(key, MISSING, None)

    def _kept(self, value: Any, place: str) -> tuple[Any, bytes | None]:
        self._may_change("write state")
        own = value if is_scalar(value) else self._codec.copy(value)
        if self._journal is None:
            return own, None
        return own, self._journal.codec.encode(own, f"state.{place}")


def _is_of(space: str, key: str) -> bool:
    return key.startswith(space) if space else not key.startswith(state.RESERVED)


def checked_key(key: object) -> str:
    """A key of a user. Raises: TypeError, ValueError for one that is reserved."""
    if not isinstance(key, str) or not key:
        raise TypeError(f"a state key is text; found {type(key).__name__}")
    if key.startswith(state.RESERVED):
        raise ValueError(f'state keys that begin with "_" are reserved; found {key!r}')
    return key


class SharedState:
    """`ctx.state`: the shared state of a workflow, as one handler call sees it.

    Own writes are seen at once, those of others from the next superstep on. The engine commits
    what was written when the superstep ends, and discards it when the handler fails.
    """

    __slots__ = ("_state",)

    def __init__(self, of_call: CallState) -> None:
        self._state = of_call

    def get(self, key: str, default: Any = None) -> Any:
        """Give a copy of the value, or the default."""
        return self._state.get_shared(key, default)

    def set(self, key: str, value: Any) -> None:
        """Write a key. Raises: ValueError for a reserved one; ValueRefused in a kept run."""
        self._state.set(checked_key(key), value)

    def has(self, key: str) -> bool:
        """Tell whether the key is there."""
        return self._state.get_shared(key, MISSING) is not MISSING

    def delete(self, key: str) -> None:
        """Take a key out. Raises: KeyError if it is not there."""
        self._state.delete(checked_key(key))

    def clear(self) -> None:
        """Take every key out."""
        self._state.clear("")

    def export_state(self) -> dict[str, Any]:
        """Give a copy of everything."""
        return self._state.export("")

    def import_state(self, values: Mapping[str, Any]) -> None:
        """Write every key of a mapping; others stay. Raises: ValueError before any is written."""
        for key in values:
            checked_key(key)
        for key, value in values.items():
            self._state.set(key, value)
