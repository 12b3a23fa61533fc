# SPDX-License-Identifier: Apache-2.0
"""The runtime stream as the holder of an execution reads and fills it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from holdfast.runtime.portal import at_home
from holdfast.triggerflow import reading
from holdfast.triggerflow.lifecycle_face import LifecycleFace


class StreamFace(LifecycleFace):
    """Items for watchers, from the first to the last."""

    def get_async_runtime_stream(
        self, value: Any = None, *, timeout: float | None = 10.0
    ) -> AsyncIterator[Any]:
        """The items of the runtime stream, from the first; starts the run if nobody has.

        timeout: seconds to wait for the next item; then the iteration ends with a UserWarning.
        Raises: what a handler raised, if this reader started the run.
        """
        return reading.items(self, self._flow.the_stream(), value, timeout)

    async def async_put_into_stream(self, item: Any) -> None:
        """Put an item into the runtime stream. Raises: ContractRefused."""
        self._flow.put(item)

    async def async_stop_stream(self) -> None:
        """End the runtime stream."""
        self._flow.stop_stream()

    def put_into_stream(self, item: Any) -> None:
        """Put an item into the runtime stream; from any thread."""
        at_home(self._flow.put, item)

    def stop_stream(self) -> None:
        """End the runtime stream; from any thread."""
        at_home(self._flow.stop_stream)
