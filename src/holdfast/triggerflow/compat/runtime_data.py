# SPDX-License-Identifier: Apache-2.0
"""`runtime_data`, the old name of state."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from holdfast.triggerflow.compat.deprecation import warn_once
from holdfast.triggerflow.state_face import StateFace


class Written:
    """A write as its caller may await it; mostly there is nothing left to wait for.

    rest: what of the write can only be awaited, such as handlers that watch the key.
    """

    __slots__ = ("_rest",)

    def __init__(self, rest: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self._rest = rest

    def __await__(self) -> Generator[Any, None, None]:
        rest, self._rest = self._rest, None
        if rest is not None:
            yield from rest().__await__()

    def __del__(self) -> None:
        if self._rest is not None:
            text = "a write that has to be awaited here was not, and is lost: use async_set_state"
            warnings.warn(text, RuntimeWarning, stacklevel=2)


class RuntimeDataNames(StateFace):
    """The state API under its old name. The setters can be called in plain and in async code."""

    __slots__ = ()

    def get_runtime_data(
        self, key: str | None = None, default: Any = None, *, inherit: bool = True
    ) -> Any:
        """Deprecated: `get_state`."""
        _warn("get_runtime_data", "get_state")
        return self.get_state(key, default, inherit=inherit)

    async def async_set_runtime_data(self, key: str, value: Any, *, emit: bool = True) -> None:
        """Deprecated: `async_set_state`."""
        _warn("set_runtime_data", "async_set_state")
        await self.async_set_state(key, value, emit=emit)

    async def async_append_runtime_data(self, key: str, value: Any, *, emit: bool = True) -> None:
        """Deprecated: `async_append_state`."""
        _warn("append_runtime_data", "async_append_state")
        await self.async_append_state(key, value, emit=emit)

    async def async_del_runtime_data(self, key: str, *, emit: bool = True) -> None:
        """Deprecated: `async_del_state`."""
        _warn("del_runtime_data", "async_del_state")
        await self.async_del_state(key, emit=emit)

    def set_runtime_data(self, key: str, value: Any, *, emit: bool = True) -> Written:
        """Deprecated: `set_state`. Written at the call; may be awaited, must be where it waits."""
        _warn("set_runtime_data", "async_set_state")
        if must_be_awaited(self, key, emit=emit):
            return Written(lambda: self.async_set_state(key, value, emit=emit))
        self.set_state(key, value, emit=emit)
        return Written()

    def append_runtime_data(self, key: str, value: Any, *, emit: bool = True) -> Written:
        """Deprecated: `append_state`; see `set_runtime_data`."""
        _warn("append_runtime_data", "async_append_state")
        if must_be_awaited(self, key, emit=emit):
            return Written(lambda: self.async_append_state(key, value, emit=emit))
        self.append_state(key, value, emit=emit)
        return Written()

    def del_runtime_data(self, key: str, *, emit: bool = True) -> Written:
        """Deprecated: `del_state`; see `set_runtime_data`."""
        _warn("del_runtime_data", "async_del_state")
        if must_be_awaited(self, key, emit=emit):
            return Written(lambda: self.async_del_state(key, emit=emit))
        self.del_state(key, emit=emit)
        return Written()


def must_be_awaited(face: StateFace, key: str, *, emit: bool = True) -> bool:
    """Whether the write waits for somebody, on a loop that cannot be blocked."""
    if not face.must_wait(key, emit=emit):
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _warn(old: str, new: str) -> None:
    warn_once(old, f"runtime data is called state; use {new}")
