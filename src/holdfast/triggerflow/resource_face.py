# SPDX-License-Identifier: Apache-2.0
"""Live resources as the holders of a flow or an execution reach them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from holdfast.triggerflow.requirements import Resolver, declared
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

    def declare_resource_requirement(
        self,
        key: str,
        *,
        kind: str = "runtime_resource",
        required: bool = True,
        metadata: Mapping[str, Any] | None = None,
        resolver: Resolver | None = None,
        provider_kind: str | None = None,
        secret_ref: str | None = None,
        config_ref: str | None = None,
        resolver_version: str | None = None,
        resolver_fingerprint: str | None = None,
        health: str | None = None,
        fail_policy: str | None = None,
    ) -> Self:
        """Say that a run needs a live object, so that a load can tell. Returns the holder.

        The same kind and key replaces. resolver: gives the object when a run is loaded without it;
        see docs/resources.md. fail_policy: "fail_closed" (the default) keeps a run from being
        loaded while it is missing, "fail_open" only tells. health: what is known of it. The rest
        is kept for whoever provides it, and not read here. Raises: TypeError, DefinitionError.
        """
        # Many parameters because: they are the documented fields of a requirement.
        options = {name: value for name, value in locals().items() if name not in ("self", "key")}
        layer = self._layer()
        layer.needs.add(declared(key, layer.needs.source, options))
        self._needs_changed()
        return self

    def get_resource_requirements(self) -> list[dict[str, Any]]:
        """All that was declared to be needed, here and below, as data."""
        return self._layer().needs.told()

    def _needs_changed(self) -> None:
        """A requirement was declared here."""
