# SPDX-License-Identifier: Apache-2.0
"""The runtime stream as the holder of an execution reads and fills it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from holdfast.errors import DefinitionError
from holdfast.runtime.portal import without_waiting
from holdfast.runtime.stream import Stream
from holdfast.triggerflow import reading
from holdfast.triggerflow.lifecycle_face import LifecycleFace


class StreamFace(LifecycleFace):
    """Items for watchers, from the first to the last."""

    def get_async_runtime_stream(
        self, value: Any = None, *, timeout: float | None = 10.0
    ) -> AsyncIterator[Any]:
        """The items of the runtime stream, from the first; starts the run if nobody has.

        timeout: seconds to wait for the next item; then the iteration ends with a UserWarning.
        None waits for the end. Raises: what a handler raised, if this reader started the run; what
        keeps the run from going on by itself.
        """
        return reading.Reader(self, value, timeout).items()

    def get_runtime_stream(
        self, value: Any = None, *, timeout: float | None = 10.0
    ) -> Iterator[Any]:
        """The items for code without a loop; the run is started at the call.

        timeout: as of `get_async_runtime_stream`. Raises: BlockedLoop on a running loop.
        """
        return reading.blocking_items(reading.Reader(self, value, timeout))

    def bound_stream(self, limit: int | None) -> None:
        """Keep only so many items for late readers. Raises: DefinitionError."""
        if limit is not None and (
            isinstance(limit, bool) or not isinstance(limit, int) or limit < 1
        ):
            raise DefinitionError(
                f"stream_limit: expected an int of at least 1, or None; found {limit!r}"
            )
        self._flow.stream_limit = limit

    @property
    def standstill(self) -> BaseException | None:
        """Why no more items can come by themselves: the failed save, or what stands parked."""
        return self._closer.standstill

    def the_stream(self) -> Stream[Any]:
        """The stream itself, for readers."""
        return self._flow.the_stream()

    async def abandon(self) -> None:
        """End a run that nobody holds any more, whatever it is doing; its work is cancelled."""
        await self._closer.abandon("abandoned")

    async def async_put_into_stream(self, item: Any) -> None:
        """Put an item into the runtime stream. Raises: ContractRefused."""
        self._flow.put(item)

    async def async_stop_stream(self) -> None:
        """End the runtime stream."""
        self._flow.stop_stream()

    def put_into_stream(self, item: Any) -> None:
        """The blocking form of `async_put_into_stream`; on a loop too."""
        without_waiting(self.async_put_into_stream(item), waits=False)

    def stop_stream(self) -> None:
        """The blocking form of `async_stop_stream`; on a loop too."""
        without_waiting(self.async_stop_stream(), waits=False)
