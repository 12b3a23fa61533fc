# SPDX-License-Identifier: Apache-2.0
"""Flow data as flows, executions and handlers reach it: the same methods for all three.

Every call warns, because what is shared is overwritten by others and is in no save; whoever wants
it says so with no_warning=True.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from holdfast.machine.run import Delivery
from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.portal import blocking
from holdfast.triggerflow import signals
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.shared import SharedData

#: Calls of watchers whose caller was cancelled: a task that nobody holds could be collected.
_TELLING: set[asyncio.Future[Any]] = set()


class FlowDataFace:
    """Reading and writing what all executions of a flow share."""

    __slots__ = ()

    def _shared(self) -> SharedData:
        raise NotImplementedError

    def _writer(self) -> tuple[FlowRun, Delivery] | None:
        """The handler call that writes, if one does."""
        return None

    def get_flow_data(
        self,
        key: str | None = None,
        default: Any = None,
        *,
        inherit: bool = True,
        no_warning: bool = False,
    ) -> Any:
        """The value of a key that all executions of the flow share, or of all keys; copies."""
        del inherit
        _warn("get_flow_data", no_warning=no_warning)
        return self._shared().read(key, default)

    async def async_set_flow_data(
        self, key: str, value: Any, *, emit: bool = True, no_warning: bool = False
    ) -> None:
        """Put a value under a key for all executions of the flow.

        emit: run `when({"flow_data": key})` in every open execution and wait for it; an error
        there fails that execution, not this call. Raises: TypeError, as for state.
        """
        _warn("set_flow_data", no_warning=no_warning)
        self._shared().put(key, value)
        await self._changed(key, emit=emit)

    async def async_append_flow_data(
        self, key: str, value: Any, *, emit: bool = True, no_warning: bool = False
    ) -> None:
        """Append to the list under a key; a missing key begins a list, a scalar becomes one."""
        _warn("append_flow_data", no_warning=no_warning)
        self._shared().grow(key, value)
        await self._changed(key, emit=emit)

    async def async_del_flow_data(
        self, key: str, *, emit: bool = True, no_warning: bool = False
    ) -> None:
        """Take a key away for all executions; nothing happens if it is not there."""
        _warn("del_flow_data", no_warning=no_warning)
        self._shared().remove(key)
        await self._changed(key, emit=emit)

    def set_flow_data(
        self, key: str, value: Any, *, emit: bool = True, no_warning: bool = False
    ) -> None:
        """The blocking form of `async_set_flow_data`; on a loop only where nobody watches."""
        _warn("set_flow_data", no_warning=no_warning)
        self._share(self._shared().put, key, value, emit=emit)

    def append_flow_data(
        self, key: str, value: Any, *, emit: bool = True, no_warning: bool = False
    ) -> None:
        """The blocking form of `async_append_flow_data`."""
        _warn("append_flow_data", no_warning=no_warning)
        self._share(self._shared().grow, key, value, emit=emit)

    def del_flow_data(self, key: str, *, emit: bool = True, no_warning: bool = False) -> None:
        """The blocking form of `async_del_flow_data`."""
        _warn("del_flow_data", no_warning=no_warning)
        self._share(self._shared().remove, key, emit=emit)

    def _share(self, how: Callable[..., None], key: str, *value: Any, emit: bool) -> None:
        async def write() -> None:
            how(key, *value)
            await self._changed(key, emit=emit)

        if emit and self._is_watched_anywhere(key):
            blocking(write())
        else:
            how(key, *value)

    def _is_watched_anywhere(self, key: str) -> bool:
        writer = self._writer()
        if writer is not None and _is_heard(*writer, key):
            return True
        return bool(self._shared().watchers_of(key))

    async def _changed(self, key: str, *, emit: bool) -> None:
        """Tell every open execution that watches the key, and wait for all of them."""
        if not emit:
            return
        shared, writer = self._shared(), self._writer()
        mine = None if writer is None else writer[0].execution
        watchers = shared.watchers_of(key)
        value = shared.read(key)
        telling = [asyncio.ensure_future(w.heard(key, value)) for w in watchers if w is not mine]
        for task in telling:
            _TELLING.add(task)
            task.add_done_callback(_TELLING.discard)
        if writer is not None and _is_heard(*writer, key):
            await _tell_own(*writer, key, value)
        if telling:
            await asyncio.wait(telling)
            for task in telling:
                task.result()


def _is_heard(flow: FlowRun, by: Delivery, key: str) -> bool:
    """Whether something in the flow of the handler, which may be a sub-flow, listens."""
    return ("flow_data", key) in flow.listeners(by.frame)


async def _tell_own(flow: FlowRun, by: Delivery, key: str, value: Any) -> None:
    """Tell the writer's own execution: the signal is its handler's, and known to a repeat."""
    try:
        await signals.emit_from(flow, by, key, value, "flow_data")
    except Exception as error:
        if flow.live.dead is not None:
            raise
        flow.warn("flow-data.watcher-failed", f"{key}: {type(error).__name__}")


def _warn(method: str, *, no_warning: bool) -> None:
    if not no_warning:
        text = (
            f"{method}: flow data is shared by all executions of the flow and is in no save; "
            "use state, or pass no_warning=True"
        )
        warn_at_caller(text, RuntimeWarning)
