# SPDX-License-Identifier: Apache-2.0
"""Live objects that handlers use: never saved, only named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.errors import ResourceMissing
from holdfast.triggerflow.requirements import Requirements


class Resources(Mapping[str, Any]):
    """A layer of resources over another one; values are given out as they are, never copied.

    needs: what was declared to be needed, in the same layers.
    """

    __slots__ = ("_own", "_under", "needs")

    def __init__(
        self, under: Mapping[str, Any] | None = None, own: Mapping[str, Any] | None = None
    ) -> None:
        self._under: Mapping[str, Any] = {} if under is None else under
        self._own: dict[str, Any] = dict(own) if own else {}
        self.needs: Requirements = (
            Requirements("execution", under.needs)
            if isinstance(under, Resources)
            else Requirements("flow")
        )

    def __getitem__(self, key: str) -> Any:
        if key in self._own:
            return self._own[key]
        return self._under[key]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._under, **self._own})

    def __len__(self) -> int:
        return len({**self._under, **self._own})

    def require(self, key: str) -> Any:
        """The resource. Raises: ResourceMissing, a KeyError, naming what there is."""
        try:
            return self[key]
        except KeyError:
            available = tuple(sorted(self))
            listed = ", ".join(available) or "none"
            raise ResourceMissing(
                f"missing required runtime resource {key!r}; available: {listed}",
                key=key,
                available=available,
            ) from None

    def set(self, key: str, value: Any) -> None:
        """Put a resource into this layer."""
        self._own[key] = value

    def delete(self, key: str) -> None:
        """Take a resource out of this layer; what lies under it shows again."""
        self._own.pop(key, None)

    def update(self, mapping: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Put several resources into this layer."""
        self._own.update(mapping or {}, **more)

    def clear(self) -> None:
        """Empty this layer."""
        self._own.clear()
