# SPDX-License-Identifier: Apache-2.0
"""State and flow data as mappings: `data.state["order.id"]`."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any, Protocol

from holdfast.machine.run import MISSING


class _StateHolder(Protocol):
    """What has state."""

    def get_state(self, key: str | None = None, default: Any = None) -> Any:
        """The value of a key, or of all."""

    def set_state(self, key: str, value: Any) -> None:
        """Put a value under a key."""

    def append_state(self, key: str, value: Any) -> None:
        """Append under a key."""

    def del_state(self, key: str) -> None:
        """Take a key away."""

    async def async_set_state(self, key: str, value: Any) -> None:
        """Put a value under a key."""

    async def async_append_state(self, key: str, value: Any) -> None:
        """Append under a key."""

    async def async_del_state(self, key: str) -> None:
        """Take a key away."""


class StateView:
    """The keys of one execution, read and written through its own methods; values are copies."""

    __slots__ = ("_holder",)

    def __init__(self, holder: _StateHolder) -> None:
        self._holder = holder

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a dotted key, or the default."""
        return self._holder.get_state(key, default)

    def set(self, key: str, value: Any) -> None:
        """As `set_state`."""
        self._holder.set_state(key, value)

    def append(self, key: str, value: Any) -> None:
        """As `append_state`."""
        self._holder.append_state(key, value)

    def delete(self, key: str) -> None:
        """As `del_state`."""
        self._holder.del_state(key)

    async def async_set(self, key: str, value: Any) -> None:
        """As `async_set_state`."""
        await self._holder.async_set_state(key, value)

    async def async_append(self, key: str, value: Any) -> None:
        """As `async_append_state`."""
        await self._holder.async_append_state(key, value)

    async def async_del(self, key: str) -> None:
        """As `async_del_state`."""
        await self._holder.async_del_state(key)

    def to_dict(self) -> dict[str, Any]:
        """All keys with their values."""
        whole: dict[str, Any] = self._holder.get_state()
        return whole

    def keys(self) -> KeysView[str]:
        """The keys as they are now."""
        return self.to_dict().keys()

    def values(self) -> ValuesView[Any]:
        """The values as they are now."""
        return self.to_dict().values()

    def items(self) -> ItemsView[str, Any]:
        """Keys and values as they are now."""
        return self.to_dict().items()

    def __getitem__(self, key: str) -> Any:
        value = self._holder.get_state(key, MISSING)
        if value is MISSING:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        self[key]
        self.delete(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._holder.get_state(key, MISSING) is not MISSING

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.to_dict())


class FlowDataHolder:
    """Flow data under the names that state has, for a view of it. Each call warns."""

    __slots__ = ("_data",)

    def __init__(self, data: Any) -> None:
        self._data = data

    def get_state(self, key: str | None = None, default: Any = None) -> Any:
        """As `get_flow_data`."""
        return self._data.get_flow_data(key, default)

    def set_state(self, key: str, value: Any) -> None:
        """As `set_flow_data`."""
        self._data.set_flow_data(key, value)

    def append_state(self, key: str, value: Any) -> None:
        """As `append_flow_data`."""
        self._data.append_flow_data(key, value)

    def del_state(self, key: str) -> None:
        """As `del_flow_data`."""
        self._data.del_flow_data(key)

    async def async_set_state(self, key: str, value: Any) -> None:
        """As `async_set_flow_data`."""
        await self._data.async_set_flow_data(key, value)

    async def async_append_state(self, key: str, value: Any) -> None:
        """As `async_append_flow_data`."""
        await self._data.async_append_flow_data(key, value)

    async def async_del_state(self, key: str) -> None:
        """As `async_del_flow_data`."""
        await self._data.async_del_flow_data(key)
