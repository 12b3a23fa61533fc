# SPDX-License-Identifier: Apache-2.0
"""Live resources as the holders of a flow or an execution reach them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from holdfast.triggerflow.resources import Resources


class ResourceFace:
    """Putting live objects in and taking them out; an execution's lie over its flow's."""

    __slots__ = ()

    def _layer(self) -> Resources:
        raise NotImplementedError

    def set_runtime_resource(self, key: str, value: Any) -> Self:
        """Put a live resource in. Returns the holder."""
        self._layer().set(key, value)
        return self

    def get_runtime_resource(self, key: str, default: Any = None) -> Any:
        """A live resource, as it is and never a copy; or the default."""
        return self._layer().get(key, default)

    def require_runtime_resource(self, key: str) -> Any:
        """A live resource. Raises: ResourceMissing, a KeyError that lists what there is."""
        return self._layer().require(key)

    def get_runtime_resources(self) -> dict[str, Any]:
        """All live resources by key."""
        return dict(self._layer())

    def del_runtime_resource(self, key: str) -> Self:
        """Take a resource out; what lies under it shows again. Returns the holder."""
        self._layer().delete(key)
        return self

    def update_runtime_resources(
        self, mapping: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Self:
        """Put several live resources in. Returns the holder."""
        self._layer().update(mapping, **more)
        return self

    def clear_runtime_resources(self) -> Self:
        """Take all resources of this layer out. Returns the holder."""
        self._layer().clear()
        return self
