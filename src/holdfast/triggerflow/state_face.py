# SPDX-License-Identifier: Apache-2.0
"""State as handlers and holders of an execution read and write it: the same methods for both."""

from __future__ import annotations

from typing import Any

from holdfast.machine.run import Delivery
from holdfast.triggerflow.running import FlowRun


class StateFace:
    """Reading and writing state. Who writes is known: a handler's writes can be taken back."""

    __slots__ = ()

    def _access(self) -> tuple[FlowRun, Delivery | None]:
        raise NotImplementedError

    async def _prepared(self) -> None:
        return

    def get_state(self, key: str | None = None, default: Any = None, *, inherit: bool = True) -> Any:
        """The value of a state key, or of all of them; containers are copies."""
        del inherit
        return self._access()[0].get_state(key, default)

    async def async_set_state(self, key: str, value: Any, *, emit: bool = True) -> None:
        """Put a value under a key; dotted keys reach into dicts. emit: tell `when` watchers.

        Raises: ValueRefused in a kept run, for a value that would not come back; TypeError for a
        dotted key that passes through something that is not a dict.
        """
        await self._prepared()
        run, writer = self._access()
        await run.set_state(key, value, emit=emit, writer=writer)

    async def async_append_state(self, key: str, value: Any, *, emit: bool = True) -> None:
        """Append to the list under a key; a missing key begins a list, a scalar becomes one."""
        await self._prepared()
        run, writer = self._access()
        await run.append_state(key, value, emit=emit, writer=writer)

    async def async_del_state(self, key: str, *, emit: bool = True) -> None:
        """Take a key away; nothing happens if it is not there."""
        await self._prepared()
        run, writer = self._access()
        await run.del_state(key, emit=emit, writer=writer)

    def set_state(self, key: str, value: Any, *, emit: bool = True) -> None:
        """The blocking form of `async_set_state`."""
        run, writer = self._access()
        run.set_state_now(key, value, emit=emit, writer=writer)

    def append_state(self, key: str, value: Any, *, emit: bool = True) -> None:
        """The blocking form of `async_append_state`."""
        run, writer = self._access()
        run.append_state_now(key, value, emit=emit, writer=writer)

    def del_state(self, key: str, *, emit: bool = True) -> None:
        """The blocking form of `async_del_state`."""
        run, writer = self._access()
        run.del_state_now(key, emit=emit, writer=writer)
