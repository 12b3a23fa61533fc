# SPDX-License-Identifier: Apache-2.0
"""State as handlers and holders of an execution read and write it: the same methods for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.machine.run import Delivery
from holdfast.runtime import stepping
from holdfast.runtime.portal import at_home, blocking
from holdfast.triggerflow import signals, writes
from holdfast.triggerflow.reserved import FINAL
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.wanted import check_wanted


class StateFace:
    """Reading and writing state. Who writes is known: a handler's writes can be taken back."""

    __slots__ = ()

    def _access(self) -> tuple[FlowRun, Delivery | None]:
        raise NotImplementedError

    async def _prepared(self) -> None:
        return

    def get_state(
        self, key: str | None = None, default: Any = None, *, inherit: bool = True
    ) -> Any:
        """The value of a state key, or of all of them; containers are copies."""
        del inherit
        flow, reader = self._access()
        return flow.get_state(key, default, 0 if reader is None else reader.frame)

    async def async_set_state(self, key: str, value: Any, *, emit: bool = True) -> None:
        """Put a value under a key; dotted keys reach into dicts. emit: tell `when` watchers.

        Raises: ValueRefused in a kept run, for a value that would not come back; TypeError for a
        dotted key that passes through something that is not a dict.
        """
        await self._prepared()
        flow, writer = self._access()
        _change(flow, writer, writes.put, key, value)
        await _written(flow, writer, key, emit=emit)

    async def async_append_state(self, key: str, value: Any, *, emit: bool = True) -> None:
        """Append to the list under a key; a missing key begins a list, a scalar becomes one."""
        await self._prepared()
        flow, writer = self._access()
        _change(flow, writer, writes.grow, key, value)
        await _written(flow, writer, key, emit=emit)

    async def async_del_state(self, key: str, *, emit: bool = True) -> None:
        """Take a key away; nothing happens if it is not there."""
        await self._prepared()
        flow, writer = self._access()
        _change(flow, writer, writes.remove, key)
        await _written(flow, writer, key, emit=emit)

    def set_state(self, key: str, value: Any, *, emit: bool = True) -> None:
        """The blocking form of `async_set_state`; on a loop only where nobody is waited for."""
        if self.must_wait(key, emit=emit):
            blocking(self.async_set_state(key, value, emit=emit))
        else:
            self._write(writes.put, key, value)

    def append_state(self, key: str, value: Any, *, emit: bool = True) -> None:
        """The blocking form of `async_append_state`."""
        if self.must_wait(key, emit=emit):
            blocking(self.async_append_state(key, value, emit=emit))
        else:
            self._write(writes.grow, key, value)

    def del_state(self, key: str, *, emit: bool = True) -> None:
        """The blocking form of `async_del_state`."""
        if self.must_wait(key, emit=emit):
            blocking(self.async_del_state(key, emit=emit))
        else:
            self._write(writes.remove, key)

    def _write(self, how: Callable[..., None], key: str, *value: Any) -> None:
        flow, writer = self._access()
        at_home(_change, flow, writer, how, key, *value)

    def must_wait(self, key: str, *, emit: bool = True) -> bool:
        """Whether a write of the key waits: for handlers that watch it, or for the store."""
        flow, writer = self._access()
        if flow.run.lifecycle == "closed":
            return False
        return (emit and _is_watched(flow, writer, key)) or (writer is None and self._is_kept())

    def _is_kept(self) -> bool:
        return self._access()[0].live.saver is not None


def _change(
    flow: FlowRun, writer: Delivery | None, how: Callable[..., None], key: str, *value: Any
) -> None:
    """Change state, unless the run is just being closed. Raises: RunFrozen, SubFlowNotActive."""
    if flow.frozen:
        flow.check_frozen()
    if flow.live.stepping and writer is not None:
        stepping.refuse(flow.live.running, writer.id, f"write state key {key!r}")
    number, frame = _who(flow, writer)
    how(flow.run, flow.codec, key, *value, number, frame)
    if key == FINAL and not frame:
        flow.has_result()


def _is_watched(flow: FlowRun, by: Delivery | None, key: str) -> bool:
    return ("runtime_data", key) in flow.listeners(0 if by is None else by.frame)


async def _written(flow: FlowRun, by: Delivery | None, key: str, *, emit: bool) -> None:
    """Tell the watchers of a key and wait for them; a write from outside is down on return."""
    if flow.run.lifecycle == "closed":
        return
    if emit and _is_watched(flow, by, key):
        value = flow.get_state(key, None, 0 if by is None else by.frame)
        if by is None:
            await signals.emit(flow, key, value, "runtime_data")
        else:
            await signals.emit_from(flow, by, key, value, "runtime_data")
    elif by is None and flow.live.saver is not None:
        await flow.live.advance([])


def _who(flow: FlowRun, writer: Delivery | None) -> tuple[int, int]:
    """Who writes, and into which frame. Raises: SubFlowNotActive for one that has ended."""
    if writer is None:
        return 0, 0
    check_wanted(flow, writer)
    if writer.frame:
        flow.visit(writer.frame)
    return writer.id, writer.frame
