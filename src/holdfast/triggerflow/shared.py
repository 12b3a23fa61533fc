# SPDX-License-Identifier: Apache-2.0
"""Data that all executions of one flow object share: in memory only, neither saved nor restored."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from holdfast.machine import state
from holdfast.machine.run import MISSING, new_run
from holdfast.persistence.codec import Codec, is_scalar
from holdfast.triggerflow import writes


class Watcher(Protocol):
    """An execution that may have handlers behind `when({"flow_data": key})`."""

    @property
    def id(self) -> str:
        """The id of the execution."""

    @property
    def run_id(self) -> str:
        """The id of its run."""

    def watches(self, key: str) -> bool:
        """Whether it takes signals, and something in it listens to the key."""

    async def heard(self, key: str, value: Any) -> None:
        """Run what listens to the key, and wait for it."""


class SharedData:
    """The keys of one flow object, with the meaning that state has, and who watches them.

    Executions of several loops and threads write here, so a lock guards each write. Watchers are
    held weakly: an execution that nobody holds any more is not kept alive by its flow.
    """

    __slots__ = ("_codec", "_lock", "_record", "_watchers")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._lock = threading.Lock()
        self._record = new_run("flow-data", "flow", None)
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()

    def read(self, key: str | None, default: Any = None) -> Any:
        """The value of a key, or of all; containers are copies."""
        frame = self._record.frames[0]
        with self._lock:
            if key is None:
                return self._codec.copy(state.whole(frame))
            value = state.read(frame, key)
            if value is MISSING:
                return default
            return value if is_scalar(value) else self._codec.copy(value)

    def put(self, key: str, value: Any) -> None:
        """Replace the value of a dotted key. Raises: TypeError."""
        self._write(writes.put, key, value)

    def grow(self, key: str, value: Any) -> None:
        """Append to the list under a key."""
        self._write(writes.grow, key, value)

    def remove(self, key: str) -> None:
        """Take a key away, if it is there."""
        self._write(writes.remove, key)

    def _write(self, how: Callable[..., None], key: str, *value: Any) -> None:
        with self._lock:
            how(self._record, self._codec, key, *value, 0)

    def isolated(self) -> SharedData:
        """A copy that shares nothing with this one, and that nobody watches."""
        made = SharedData(self._codec)
        for key, value in self.read(None).items():
            made.put(key, value)
        return made

    def enter(self, watcher: Watcher) -> None:
        """An execution listens to keys from now on."""
        with self._lock:
            self._watchers.add(watcher)

    def leave(self, watcher: Watcher) -> None:
        """An execution has ended, or is to hear no more."""
        with self._lock:
            self._watchers.discard(watcher)

    def forget(self, name: str) -> None:
        """Let the execution of that id, or run id, hear no more; one that is not there is none."""
        for watcher in self._all():
            if name in (watcher.id, watcher.run_id):
                self.leave(watcher)

    def watchers_of(self, key: str) -> list[Watcher]:
        """Who has to hear of a change of the key now."""
        return [watcher for watcher in self._all() if watcher.watches(key)]

    def _all(self) -> list[Watcher]:
        with self._lock:
            return list(self._watchers)
